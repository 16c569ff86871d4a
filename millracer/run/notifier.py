"""Notify pi of ended stages in a thread, so that the watch never waits for pi.

The thread of a `Notifier` is the only user of the pi conversation between `start` and `finish`. It
does not write to the run's record: `drain` returns the result of each notification.
"""

from __future__ import annotations

import queue
import threading
from dataclasses import dataclass

from millracer.cancellation import Cancellation, Cancelled, CancelReason, Wait
from millracer.domain.run.observation import NoticeKey, notice_key, notice_text
from millracer.domain.work.runtime import RuntimeEvent
from millracer.errors import MillracerError, RunWarning
from millracer.logs import with_log_ids
from millracer.ports import Agent
from millracer.run.prompts import notification_prompt

#: The longest turn of one notification; pi's own limit may be shorter.
TURN_SECONDS = 120.0
_SLICE_SECONDS = 0.1
#: How long ending pi may take if it does not even abort its turn.
_URGENT_SECONDS = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgressNote:
    """The result of one notification: `stage_notified` in the run's progress.

    Attributes:
        reason: which stage ended, and whether pi was notified.
        event: the end of the stage.
        warning: a warning for the caller; set by the first failure only.
    """

    reason: str
    event: RuntimeEvent
    warning: RunWarning | None = None


@dataclass(frozen=True, slots=True)
class _Notice:
    event: RuntimeEvent
    text: str


class Notifier:
    """Notifies pi, one turn at a time; all methods are called from the thread of the run.

    Args:
        pi: a conversation that has started.
        turn_seconds: the limit of one turn.
    """

    def __init__(self, pi: Agent, *, turn_seconds: float = TURN_SECONDS) -> None:
        self._pi = pi
        self._turn_seconds = turn_seconds
        self._seen: set[NoticeKey] = set()
        self._notices: queue.SimpleQueue[_Notice | None] = queue.SimpleQueue()
        self._notes: queue.SimpleQueue[ProgressNote] = queue.SimpleQueue()
        self._cancellation = Cancellation()
        self._thread: threading.Thread | None = None
        self._failed = False

    def start(self) -> None:
        """Start the thread; after `finish`, start again without repeating a notification."""
        if self._thread is not None:
            return
        self._cancellation = Cancellation()
        self._notices = queue.SimpleQueue()
        self._thread = threading.Thread(
            target=with_log_ids(self._work), name="notifier", daemon=True
        )
        self._thread.start()

    def post(self, event: RuntimeEvent) -> None:
        """Queue a notification of a milestone of the lineage, once; never blocks."""
        text = notice_text(event)
        if self._thread is None or text is None or notice_key(event) in self._seen:
            return
        self._seen.add(notice_key(event))
        self._notices.put(_Notice(event, text))

    def drain(self) -> list[ProgressNote]:
        """Return the results of notifications since the last call, oldest first; never blocks."""
        notes = []
        while not self._notes.empty():
            notes.append(self._notes.get())
        return notes

    def finish(self, wait: Wait) -> bool:
        """Drop the notifications not yet sent and stop a running turn; call `drain` once more.

        Bounded by the wait and, for a pi that does not even abort, a few seconds more. Never
        raises; repeatable.

        Returns:
            Whether the conversation is free again; if not, no turn may start.
        """
        thread = self._thread
        if thread is None:
            return True
        self._cancellation.cancel(CancelReason.TERMINATED)
        self._notices.put(None)
        if not _ends_within(thread, wait):
            self._cancellation.cancel(CancelReason.TERMINATED)
            thread.join(_URGENT_SECONDS)
        if thread.is_alive():
            return False
        self._thread = None
        return True

    def _work(self) -> None:
        while (notice := self._notices.get()) is not None:
            self._notes.put(self._notify(notice))

    def _notify(self, notice: _Notice) -> ProgressNote:
        dropped = ProgressNote(
            reason=f"pi was not notified that {notice.text}: the watch was over", event=notice.event
        )
        wait = Wait.for_seconds(self._turn_seconds, self._cancellation)
        try:
            self._pi.ask(notification_prompt(notice.text), wait)
        except Cancelled:
            return dropped
        except MillracerError as error:
            first, self._failed = not self._failed, True
            reason = f"pi could not be notified that {notice.text}: {error.message}"
            warning = RunWarning("notification_failed", reason) if first else None
            return ProgressNote(reason=reason, event=notice.event, warning=warning)
        return ProgressNote(reason=f"pi was notified that {notice.text}", event=notice.event)


def _ends_within(thread: threading.Thread, wait: Wait) -> bool:
    while thread.is_alive():
        if wait.expired or wait.cancellation.reason is not None:
            return False
        thread.join(min(_SLICE_SECONDS, wait.remaining))
    return True
