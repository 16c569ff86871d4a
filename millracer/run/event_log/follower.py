"""Follow the event log of an item that another process writes."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress

from millracer.cancellation import Cancellation, Cancelled, CancelReason, Wait
from millracer.domain.event_log import EventType, LogEvent
from millracer.domain.run.outcome import Outcome
from millracer.logs import with_log_ids
from millracer.ports import EventLogs
from millracer.ports.event_log import LogReader

#: How long an ended item may lack the end of its writer's attempt, such as of a stopped process.
WRITER_ENDS_SECONDS = 5.0
#: Outcomes that all runs of an item reach together; after any other, Millrace may continue it.
SHARED_OUTCOMES = frozenset({Outcome.COMPLETED, Outcome.BLOCKED, Outcome.INCOMPLETE})
_READ_SECONDS = 1.0
_JOIN_SECONDS = 2.0


class Follower:
    """A thread that reads an item's log and takes over if its writer ends before the item.

    Args:
        logs: the logs of the workspace.
        item_id: the item.
        take_over: becomes the writer, if no process is; returns whether that is settled.
    """

    def __init__(self, logs: EventLogs, item_id: str, take_over: Callable[[], bool]) -> None:
        self._take_over = take_over
        self._reader: LogReader = logs.read(item_id)
        self._stop = Cancellation()
        self._ended: LogEvent | None = None
        self._rest = Wait(self._stop)
        self._is_settled = False
        self._thread = threading.Thread(
            target=with_log_ids(self._follow), name="event log", daemon=True
        )

    def start(self) -> None:
        """Start to follow."""
        self._thread.start()

    def stop(self) -> None:
        """Stop; repeatable."""
        self._stop.cancel(CancelReason.INTERRUPTED)
        self._thread.join(_JOIN_SECONDS)

    def await_end(self, wait: Wait) -> LogEvent | None:
        """Return the end of the writer's attempt; None if it does not come or this run took over.

        Raises:
            Cancelled: the caller cancelled.
        """
        wait.until(lambda: self._ended is not None or self._is_settled, every=0.05)
        return None if self._is_settled else self._ended

    def _follow(self) -> None:
        wait = Wait(self._stop)
        with suppress(Cancelled, OSError):  # a log that cannot be read is not followed
            while not self._is_settled:
                for event in self._reader.read().events:
                    self._note(event, wait)
                if self._may_take_over():
                    self._is_settled = self._take_over()
                if not self._is_settled:
                    self._reader.sleep(_READ_SECONDS, wait)
        self._reader.close()

    def _note(self, event: LogEvent, wait: Wait) -> None:
        if event.type == EventType.ATTEMPT_STARTED:
            self._ended = None
        elif event.type == EventType.ATTEMPT_ENDED:
            self._ended = event
            self._rest = wait.within(WRITER_ENDS_SECONDS)

    def _may_take_over(self) -> bool:
        """Whether the item still needs a writer, as far as this run knows.

        After an end that this run is about to reach too, it waits a moment for its own result.
        """
        if self._ended is None:
            return True
        return self._ended.payload.get("outcome") not in SHARED_OUTCOMES or self._rest.expired
