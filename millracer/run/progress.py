"""The one emitter of a run's events: numbered, for its listeners, its result and the item's log."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from millracer.domain.event_log import Event, EventType, Severity
from millracer.domain.run.lifecycle import RunState
from millracer.domain.run.progress import PROGRESS_KINDS, ProgressEvent, number_in, text_in
from millracer.domain.work.runtime import RunningDaemon, RuntimeEvent
from millracer.ports import Clock, ProgressListener
from millracer.run.context import RunContext
from millracer.run.event_log.events import (
    enqueued_event,
    event_of,
    moved_event,
    spawned_event,
    stage_event,
)
from millracer.run.event_log.log import RunEvents
from millracer.run.notifier import ProgressNote

_log = logging.getLogger(__name__)
_DOING = {
    RunState.DECIDE: "looking up the work item and choosing the route",
    RunState.DIRECT: "pi does the task",
    RunState.INTAKE: "preparing the workspace and the intake document",
    RunState.ENQUEUE: "submitting the work item to Millrace",
    RunState.ACCEPT: "waiting for the daemon to accept the work item",
    RunState.MONITOR: "joining or starting the daemon, then watching the work item",
    RunState.RESTART_NEEDED: "repairing the workspace after the daemon ended",
    RunState.FINALIZE: "judging the evidence and leaving the daemon",
    RunState.FINISHED: "finished",
}
_OF_LINEAGE = frozenset({EventType.ITEM_MOVED, EventType.ITEM_SPAWNED})


class Progress:
    """Numbers the events of one run, records them, and sends each to the log and the listeners."""

    def __init__(
        self,
        record: RunContext,
        workspace: str,
        clock: Clock,
        listeners: Sequence[ProgressListener],
        events: RunEvents | None = None,
    ) -> None:
        self._record = record
        self._workspace = workspace
        self._clock = clock
        self._listeners = listeners
        self._events = events

    def state_entered(self) -> None:
        """Report that the lifecycle entered its next state."""
        record = self._record
        has_no_item = record.state is RunState.FINALIZE and record.item_status is None
        doing = "writing the result" if has_no_item else _DOING[record.state]
        if record.state is RunState.ENQUEUE and record.intake_kind is not None:
            why = f" ({record.intake_signals[0]})" if record.intake_signals else ""
            doing = f"{doing} as {record.intake_kind}{why}"
        self.report(EventType.STATE_ENTERED, doing)

    def decided(self) -> None:
        """Report the decision about the route."""
        decision = self._record.decision
        if decision is not None:
            self.report(
                EventType.DECISION_MADE,
                f"{decision.route}: {decision.why}",
                route=decision.route,
                intake_kind=decision.intake_kind,
                why=decision.why,
            )

    def enqueued(self) -> None:
        """Report that Millrace has the item."""
        self._emit(enqueued_event(self._record, self._clock.now()))

    def daemon_joined(self, daemon: RunningDaemon, *, how: str) -> None:
        """Report the daemon that the run joined or started.

        Args:
            daemon: the daemon.
            how: `joined` or `started`.
        """
        text = f"the run {how} the daemon (pid {daemon.pid})"
        self.report(EventType.RUNTIME_STARTED, text, pid=daemon.pid, how=how)

    def resumed(self) -> None:
        """Report that the daemon is no longer paused."""
        started = (
            number_in(event, "pid")
            for event in reversed(self._record.progress)
            if event.type == EventType.RUNTIME_STARTED
        )
        self.report(EventType.RUNTIME_RESUMED, "Millrace is resumed", pid=next(started, None))

    def stage(self, event: RuntimeEvent) -> None:
        """Report the beginning or end of a stage of the lineage; ignore other events."""
        if not (event.begins_stage or event.ends_stage) or event.stage is None:
            return
        if event.item_id not in self._record.item_ids:
            return
        self._emit(stage_event(event))

    def lineage(self) -> None:
        """Report the state of the item and its new descendants, where they changed."""
        record = self._record
        reported = [event for event in record.progress if event.type in _OF_LINEAGE]
        states = [text_in(each, "item_state") for each in reported]
        status = record.item_status
        if status is not None and str(status.state) not in [s for s in states if s][-1:]:
            self._emit(moved_event(status, self._clock.now()))
        children = {text_in(each, "child_id") for each in reported}
        for member in record.lineage:
            if member.parent_id is not None and member.item_id not in children:
                self._emit(spawned_event(member, self._clock.now()))

    def seconds_since(self, moment: datetime) -> float:
        """Return the seconds between a moment and now."""
        return (self._clock.now() - moment).total_seconds()

    def notices(self, notes: Sequence[ProgressNote]) -> None:
        """Report the results of notifications to pi."""
        for note in notes:
            self.report(
                EventType.AGENT_NOTIFIED,
                note.reason,
                stage=note.event.stage,
                item_id=note.event.item_id,
                run_id=note.event.run_id,
            )
            if note.warning is not None:
                self._record.warn(note.warning.code, note.warning.text)

    def report(
        self, kind: EventType, reason: str, *, severity: Severity | None = None, **payload: object
    ) -> None:
        """Report something that happens now; its type decides the severity if none is given."""
        event = event_of(kind, reason, payload, self._clock.now())
        self._emit(event if severity is None else replace(event, severity=severity))

    def _next_number(self) -> int:
        return 1 + sum(event.type in PROGRESS_KINDS for event in self._record.progress)

    def _emit(self, event: Event) -> None:
        record = self._record
        progress = ProgressEvent(
            number=self._next_number() if event.type in PROGRESS_KINDS else 0,
            workspace=self._workspace,
            observed_at=self._clock.now(),
            type=event.type,
            at=event.at,
            message=event.message,
            severity=event.severity,
            payload={
                "state": str(record.state),
                "queued": None if record.status is None else record.status.queued,
                "tokens": record.stage_tokens,
                **event.payload,
            },
            key=event.key,
        )
        record.progress.append(progress)
        if self._events is not None:
            self._events.append(progress)
        _log.info("%s: %s", progress.state, progress.reason)
        for listener in self._listeners:
            listener(progress)
