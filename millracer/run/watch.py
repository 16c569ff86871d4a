"""Watching the item until it ends, waiting for it is over, or the daemon is gone."""

from __future__ import annotations

from collections import deque

from millracer.cancellation import Wait
from millracer.domain.ending import Ending
from millracer.domain.evidence import lineage_of
from millracer.domain.items import ItemState
from millracer.domain.lifecycle import ENDINGS, RunEvent, Step
from millracer.domain.observation import (
    ChangeHints,
    RepetitionCount,
    interpret_item_status,
    interpret_lineage,
    interpret_runtime,
    is_news,
    is_worth_asking,
    is_worth_asking_status,
    leads_to_more_work,
    unmeetable,
)
from millracer.domain.progress import ProgressKind
from millracer.domain.runtime import RuntimeEvent
from millracer.errors import MillracerError, ProtocolError, ToolFailed, ToolTimeout
from millracer.ports import Backend
from millracer.run.context import RunContext
from millracer.run.notifier import Notifier
from millracer.run.progress import Progress

#: Looks in a row at which a question may fail, or Millrace not know the item, or its lineage rest,
#: before we believe it: items move between folders, and the next one is made a moment later.
_PATIENCE = 5
_LOOK_AGAIN_SECONDS = 0.5
#: A stage's end is logged a moment after it moved the item.
_LAST_EVENTS_SECONDS = 0.1
#: How many events of items not known to be ours are kept: one may turn out to be.
_UNTOLD_EVENTS = 500
_AT_A_STANDSTILL = frozenset({Ending.AT_REST, Ending.BLOCKED})
_REASONS = {
    Ending.ITEM_ENDED: "Millrace ended the work item",
    Ending.AT_REST: "nothing of the work item's lineage goes on in Millrace",
    Ending.BLOCKED: "Millrace blocked the work item",
    Ending.SET_ASIDE: "Millrace set the work item aside",
    Ending.UNKNOWN: "Millrace no longer knows the work item",
    Ending.STOPPED: "somebody stopped Millrace's daemon before the work item was done",
}
_PASSING = _AT_A_STANDSTILL | {Ending.UNKNOWN}


class Watch:
    """Follows one run's item: woken by signs, decided by what Millrace answers."""

    def __init__(
        self,
        record: RunContext,
        millrace: Backend,
        progress: Progress,
        notifier: Notifier | None = None,
    ) -> None:
        self._record = record
        self._millrace = millrace
        self._progress = progress
        self._notifier = notifier
        self._untold: deque[RuntimeEvent] = deque(maxlen=_UNTOLD_EVENTS)
        self._repetitions = RepetitionCount()
        self._stages_under_way = 0
        self._doubts = 0
        self._paused = False

    def follow(self, wait: Wait) -> Step:
        """Block until the watch ends, and return how."""
        lease = self._record.lease
        if lease is None:
            raise MillracerError("nobody attends the daemon")
        signs = lease.next_signs(self._record.known_status, wait)
        ask_item = is_worth_asking(signs, self._record.item_ids)
        ask_status = signs.may_be_paused or is_worth_asking_status(signs)
        while True:
            self._record.stop_seen = self._record.stop_seen or signs.stop_seen
            self._untold.extend(signs.events)
            ending = self._observe(signs, wait, ask_item=ask_item, ask_status=ask_status)
            concluded = self._conclude(ending)
            if concluded is not None:
                self._tell(None)
                if self._stages_under_way:
                    last = wait.within(_LAST_EVENTS_SECONDS)
                    late = lease.next_signs(self._record.known_status, last)
                    self._untold.extend(late.events)
                    self._tell(None)
                return concluded
            self._tell(self._notifier)
            if wait.expired:
                return self._time_out()
            ask_again = self._doubts > 0
            if ask_again:
                wait.sleep(_LOOK_AGAIN_SECONDS)
            signs = lease.next_signs(
                self._record.known_status,
                wait.within(_LOOK_AGAIN_SECONDS) if ask_again else wait,
            )
            ask_item = ask_again or is_worth_asking(signs, self._record.item_ids)
            ask_status = ask_item or is_worth_asking_status(signs)

    def _tell(self, notifier: Notifier | None) -> None:
        """Tell of our lineage's events; what belongs to an item not known yet waits for it."""
        ids = self._record.item_ids
        waiting = [event for event in self._untold if event.item_id not in ids]
        for event in self._untold:
            if event.item_id in ids:
                self._stages_under_way += event.begins_stage
                self._stages_under_way -= event.ends_stage and self._stages_under_way > 0
                self._progress.stage(event)
                self._repetitions.note(event)
                if notifier is not None:
                    notifier.tell(event)
        self._untold.clear()
        self._untold.extend(waiting)
        if notifier is not None:
            self._progress.notices(notifier.drain())

    def _observe(
        self, signs: ChangeHints, wait: Wait, *, ask_item: bool, ask_status: bool
    ) -> Ending | None:
        """Ask Millrace as far as the signs are worth it; return what it means, None for nothing.

        A question that fails is put again a few times before its error counts.
        """
        try:
            ending = self._ask(signs, wait, ask_item=ask_item, ask_status=ask_status)
        except ToolTimeout:
            if wait.expired:
                return None
            raise
        except (ToolFailed, ProtocolError):
            self._doubts += 1
            if self._doubts >= _PATIENCE:
                raise
            return None
        item_status = self._record.known_status
        blocked_itself = item_status.state is ItemState.BLOCKED
        if ending not in _PASSING or blocked_itself:
            self._doubts = 0
            return ending
        self._doubts += 1
        return ending if self._doubts >= _PATIENCE else None

    def _ask(
        self, signs: ChangeHints, wait: Wait, *, ask_item: bool, ask_status: bool
    ) -> Ending | None:
        record = self._record
        if ask_item and not self._look_up(wait):
            return Ending.UNKNOWN
        item_status = record.known_status
        decided = interpret_item_status(item_status) if ask_item else None
        if decided is None and leads_to_more_work(item_status) and (ask_item or is_news(signs)):
            decided = self._trace()
            if decided in _AT_A_STANDSTILL and not signs.daemon_alive:
                decided = None  # what stands still without a daemon may go on with one
            if decided is not None and item_status.state.is_live:
                return self._confirmed(decided, wait)
        waits = any(member.waits_for for member in record.lineage)
        if decided is not None or not (ask_item or ask_status or waits):
            return decided
        record.status = self._millrace.read_status(wait)
        if signs.daemon_alive:
            self._note_pause(paused=record.status.paused)
        return interpret_runtime(
            record.status,
            daemon_alive=signs.daemon_alive,
            stop_seen=record.stop_seen,
            active=self._is_active(),
        )

    def _look_up(self, wait: Wait) -> bool:
        """Ask Millrace where the item stands; return whether it knows the item."""
        found = self._millrace.look_up(self._record.known_item.item_id, wait)
        if found.state is ItemState.ABSENT:
            return False
        self._record.item_status = found
        return True

    def _confirmed(self, decided: Ending, wait: Wait) -> Ending:
        """Ask for the item again, which by its files ended since Millrace was asked for it.

        What a watch ends with is judged by Millrace's answer: one from before the end proves none.
        """
        if not self._look_up(wait):
            return Ending.UNKNOWN
        return Ending.AT_REST if self._record.known_status.state.is_live else decided

    def _trace(self) -> Ending | None:
        """Read what came out of the item so far, and what that decides."""
        traced = self._millrace.trace_lineage(self._record.known_status)
        self._record.lineage = lineage_of(traced)
        return interpret_lineage(traced)

    def _conclude(self, ending: Ending | None) -> Step | None:
        if ending is None:
            return self._stuck()
        if ending in ENDINGS[RunEvent.DAEMON_LOST]:
            return daemon_lost(active=ending is Ending.CRASHED)
        reason = _REASONS[ending]
        if ending is Ending.SET_ASIDE:
            item_status = self._record.known_status
            said = f": {item_status.detail}" if item_status.detail else ""
            reason = f"{reason} as {item_status.state}{said}"
        return Step(RunEvent.WATCH_ENDED, ending, reason)

    def _is_active(self) -> bool:
        """Whether the item, or something that came out of it, was being worked on."""
        states = {self._record.known_status.state}
        states.update(member.state for member in self._record.lineage)
        return ItemState.ACTIVE in states

    def _stuck(self) -> Step | None:
        record = self._record
        self._repetitions.note_places(record.known_status, record.lineage)
        reason = self._repetitions.verdict() or unmeetable(record.lineage, record.status)
        return None if reason is None else Step(RunEvent.WATCH_ENDED, Ending.STUCK, reason)

    def _note_pause(self, *, paused: bool) -> None:
        if paused and not self._paused:
            self._progress.tell(ProgressKind.PAUSED, self._pause_text())
        self._paused = paused

    def _pause_text(self) -> str:
        status = self._record.status
        by = "" if status is None else f" by {status.pause_sources}"
        resume = self._millrace.commands.millracer("resume")
        return f"Millrace is paused{by}; resume it with `{resume}`"

    def _time_out(self) -> Step:
        limit = self._record.request.limits.daemon_timeout_seconds
        reason = f"the work item did not end within {limit:g} s"
        if self._paused:
            reason = f"{reason}: {self._pause_text()}"
        return Step(RunEvent.TIMED_OUT, Ending.TIMED_OUT, reason)


def daemon_lost(*, active: bool) -> Step:
    """Return the step of a daemon that died; `active`: the item was being worked on."""
    where = "active" if active else "queued"
    return Step(
        RunEvent.DAEMON_LOST,
        Ending.CRASHED if active else Ending.RESTART_NEEDED,
        f"Millrace's daemon ended while the work item was {where}",
    )
