"""Watch the item until it ends, the time limit is over, or the daemon is gone."""

from __future__ import annotations

from collections import deque
from contextlib import suppress

from millracer.cancellation import Cancelled, Wait
from millracer.domain.event_log import EventType
from millracer.domain.run.conclusion import Conclusion, Observation, classify, conclude
from millracer.domain.run.ending import Ending
from millracer.domain.run.evidence import lineage_of
from millracer.domain.run.lifecycle import RunEvent, Step
from millracer.domain.run.observation import (
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
from millracer.domain.run.usage import NO_TURNS, total_of
from millracer.domain.work.items import ItemState
from millracer.domain.work.runtime import RuntimeEvent
from millracer.errors import MillracerError, ProtocolError, ToolFailed, ToolTimeout
from millracer.ports import Backend
from millracer.run.budget import BudgetCheck
from millracer.run.context import RunContext
from millracer.run.notifier import Notifier
from millracer.run.progress import Progress
from millracer.run.waiting import WaitingReport

_READ_AGAIN_SECONDS = 0.5
#: A stage's end is logged a moment after it moved the item.
_LAST_EVENTS_SECONDS = 0.15
#: Another change may be seen before it.
_LAST_READS = 3
#: How many events of unknown items are kept: such an item may turn out to be in the lineage.
_UNREPORTED_EVENTS = 500
_AT_REST_OR_BLOCKED = frozenset({Ending.AT_REST, Ending.BLOCKED})
_REASONS = {
    Ending.ITEM_ENDED: "Millrace ended the work item",
    Ending.AT_REST: "no member of the work item's lineage is live in Millrace",
    Ending.BLOCKED: "Millrace blocked the work item",
    Ending.SET_ASIDE: "Millrace set the work item aside",
    Ending.UNKNOWN: "Millrace no longer knows the work item",
    Ending.STOPPED: "Millrace's daemon was stopped before the work item was done",
}


class Watch:
    """Follows one run's item: change hints trigger reads, and Millrace's answers decide.

    The tables in `domain.run.conclusion` and `domain.run.observation` hold the rules.
    """

    def __init__(
        self,
        record: RunContext,
        millrace: Backend,
        progress: Progress,
        notifier: Notifier | None = None,
        check_budget: BudgetCheck | None = None,
    ) -> None:
        self._record = record
        self._millrace = millrace
        self._progress = progress
        self._notifier = notifier
        self._check_budget = check_budget
        self._has_stage_ended = False
        self._unreported: deque[RuntimeEvent] = deque(maxlen=_UNREPORTED_EVENTS)
        self._repetitions = RepetitionCount()
        self._stages_under_way = 0
        self._doubts = 0
        self._paused = False
        self._waiting = WaitingReport(record, millrace, progress)

    def follow(self, wait: Wait) -> Step:
        """Block until the watch ends, and return its step."""
        lease = self._record.lease
        if lease is None:
            raise MillracerError("the watch has no lease")
        hints = lease.next_hints(self._record.known_status, wait)
        ask_item = is_worth_asking(hints, self._record.item_ids)
        ask_status = hints.may_be_paused or is_worth_asking_status(hints)
        while True:
            self._record.stop_seen = self._record.stop_seen or hints.stop_seen
            self._unreported.extend(hints.events)
            conclusion, ending = self._read(hints, wait, ask_item=ask_item, ask_status=ask_status)
            concluded = self._end(conclusion, ending)
            if concluded is not None:
                self._report_events(None)
                last = wait.within(_LAST_EVENTS_SECONDS)
                for _ in range(_LAST_READS):
                    if not self._stages_under_way:
                        break
                    late = lease.next_hints(self._record.known_status, last)
                    self._unreported.extend(late.events)
                    self._report_events(None)
                return concluded
            self._report_events(self._notifier)
            self._waiting.update(hints)
            exhausted = self._budget(wait)
            if exhausted is not None:
                return exhausted
            if wait.expired:
                return self._time_out()
            ask_again = conclusion is Conclusion.READ_AGAIN
            if ask_again:
                wait.sleep(_READ_AGAIN_SECONDS)
            hints = lease.next_hints(
                self._record.known_status,
                wait.within(_READ_AGAIN_SECONDS) if ask_again else wait,
            )
            ask_item = ask_again or is_worth_asking(hints, self._record.item_ids)
            ask_status = ask_item or is_worth_asking_status(hints)

    def _report_events(self, notifier: Notifier | None) -> None:
        """Report the events of the lineage; keep those of items that are not known yet."""
        ids = self._record.item_ids
        waiting = [event for event in self._unreported if event.item_id not in ids]
        for event in self._unreported:
            if event.item_id in ids:
                self._stages_under_way += event.begins_stage
                self._stages_under_way -= event.ends_stage and self._stages_under_way > 0
                self._has_stage_ended = self._has_stage_ended or event.ends_stage
                if event.ends_stage:
                    self._read_tokens()
                self._progress.stage(event)
                self._repetitions.note(event)
                if notifier is not None:
                    notifier.post(event)
        self._unreported.clear()
        self._unreported.extend(waiting)
        if notifier is not None:
            self._progress.notices(notifier.drain())

    def _read_tokens(self) -> None:
        """Read the tokens of the ended stages for the progress, from files; best effort."""
        record = self._record
        with suppress(MillracerError, Cancelled):
            stages = self._millrace.stage_reports(record.item_ids, record.wait)
            record.stage_tokens = total_of(stages, NO_TURNS).tokens.total

    def _budget(self, wait: Wait) -> Step | None:
        """Check the budget after the end of a stage."""
        if self._check_budget is None or not self._has_stage_ended:
            return None
        self._has_stage_ended = False
        return self._check_budget(wait)

    def _read(
        self, hints: ChangeHints, wait: Wait, *, ask_item: bool, ask_status: bool
    ) -> tuple[Conclusion, Ending | None]:
        """Ask Millrace as far as the hints justify it; return the conclusion and its ending."""
        try:
            ending = self._ask(hints, wait, ask_item=ask_item, ask_status=ask_status)
        except ToolTimeout:
            if not wait.expired:
                raise
            return self._note(Observation.CUT_SHORT), None
        except (ToolFailed, ProtocolError):
            conclusion = self._note(Observation.UNREADABLE)
            if conclusion is Conclusion.FAILED:
                raise
            return conclusion, None
        self._progress.lineage()
        return self._note(classify(ending, self._record.known_status.state)), ending

    def _note(self, observation: Observation) -> Conclusion:
        conclusion, self._doubts = conclude(observation, self._doubts)
        return conclusion

    def _ask(
        self, hints: ChangeHints, wait: Wait, *, ask_item: bool, ask_status: bool
    ) -> Ending | None:
        record = self._record
        if ask_item and not self._look_up(wait):
            return Ending.UNKNOWN
        item_status = record.known_status
        decided = interpret_item_status(item_status) if ask_item else None
        if decided is None and leads_to_more_work(item_status) and (ask_item or is_news(hints)):
            decided = self._trace()
            if decided in _AT_REST_OR_BLOCKED and not hints.daemon_alive:
                decided = None  # a lineage at rest without a daemon may continue with one
            if decided is not None and item_status.state.is_live:
                return self._confirmed(decided, wait)
        waits = any(member.waits_for for member in record.lineage)
        if decided is not None or not (ask_item or ask_status or waits):
            return decided
        record.status = self._millrace.read_status(wait)
        if hints.daemon_alive:
            self._note_pause(paused=record.status.paused)
        return interpret_runtime(
            record.status,
            daemon_alive=hints.daemon_alive,
            stop_seen=record.stop_seen,
            active=self._is_active(),
        )

    def _look_up(self, wait: Wait) -> bool:
        """Read the item's status from Millrace; return whether Millrace knows the item."""
        found = self._millrace.look_up(self._record.known_item.item_id, wait)
        if found.state is ItemState.ABSENT:
            return False
        self._record.item_status = found
        return True

    def _confirmed(self, decided: Ending, wait: Wait) -> Ending:
        """Read the item again if its files show that it ended after the last read.

        The ending of a watch rests on Millrace's answer, and an earlier answer does not prove it.
        """
        if not self._look_up(wait):
            return Ending.UNKNOWN
        return Ending.AT_REST if self._record.known_status.state.is_live else decided

    def _trace(self) -> Ending | None:
        """Read the item's lineage, and return the ending that it means."""
        traced = self._millrace.trace_lineage(self._record.known_status)
        self._record.lineage = lineage_of(traced)
        return interpret_lineage(traced)

    def _end(self, conclusion: Conclusion, ending: Ending | None) -> Step | None:
        """Return the step of a watch that ends; None to continue."""
        if ending is None or not conclusion.ends_watch:
            return self._stuck()
        if conclusion is Conclusion.DAEMON_LOST:
            return daemon_lost(active=ending is Ending.CRASHED)
        reason = _REASONS[ending]
        if ending is Ending.SET_ASIDE:
            item_status = self._record.known_status
            detail = f": {item_status.detail}" if item_status.detail else ""
            reason = f"{reason} as {item_status.state}{detail}"
        return Step(RunEvent.WATCH_ENDED, ending, reason)

    def _is_active(self) -> bool:
        """Return whether the item or one of its descendants is active."""
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
            self._progress.report(EventType.RUNTIME_PAUSED, self._pause_text())
        if self._paused and not paused:
            self._progress.resumed()
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
