"""Progress of a run: numbered, typed events for listeners."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime

from millracer.domain.run.lifecycle import RunState
from millracer.domain.run.progress import ProgressEvent, ProgressKind
from millracer.domain.work.runtime import RuntimeEvent
from millracer.ports import Clock, ProgressListener
from millracer.run.context import RunContext
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


class Progress:
    """Numbers the progress events of one run, records, logs and sends them to the listeners."""

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
        self.report(ProgressKind.STATE_ENTERED, doing)

    def stage(self, event: RuntimeEvent) -> None:
        """Report the beginning or end of a stage of the lineage; ignore other events."""
        if not (event.begins_stage or event.ends_stage) or event.stage is None:
            return
        if event.item_id not in self._record.item_ids:
            return
        result = event.terminal_result
        text = f"{event.stage} ended {result}" if event.ends_stage else f"{event.stage} began"
        if self._events is not None:
            self._events.stage(event)
        self.report(ProgressKind.STAGE_PROGRESS, text, event)

    def lineage(self) -> None:
        """Log the current state of the item and of its lineage."""
        if self._events is not None:
            self._events.lineage()

    def seconds_since(self, moment: datetime) -> float:
        """Return the seconds between a moment and now."""
        return (self._clock.now() - moment).total_seconds()

    def notices(self, notes: Sequence[ProgressNote]) -> None:
        """Report the results of notifications to pi."""
        for note in notes:
            self.report(ProgressKind.NOTIFIED, note.reason, note.event)
            if note.warning is not None:
                self._record.warn(note.warning.code, note.warning.text)

    def report(self, kind: ProgressKind, reason: str, event: RuntimeEvent | None = None) -> None:
        """Number, record and send one event."""
        record = self._record
        progress = ProgressEvent(
            number=len(record.progress) + 1,
            at=self._clock.now(),
            kind=kind,
            workspace=self._workspace,
            reason=reason,
            state=record.state,
            stage=None if event is None else event.stage,
            item_id=None if event is None else event.item_id,
            run_id=None if event is None else event.run_id,
            queued=None if record.status is None else record.status.queued,
            tokens=record.stage_tokens,
        )
        record.progress.append(progress)
        if self._events is not None:
            self._events.note(progress)
        _log.info("%s: %s", progress.state, progress.reason)
        for listener in self._listeners:
            listener(progress)
