"""Report what a queued work item waits for: the other items in the queue and the active one."""

from __future__ import annotations

from contextlib import suppress

from millracer.domain.event_log import EventType
from millracer.domain.run.observation import ChangeHints
from millracer.domain.work.items import ItemState
from millracer.domain.work.runtime import RuntimeEvent
from millracer.errors import MillracerError
from millracer.ports import Backend
from millracer.run.context import RunContext
from millracer.run.progress import Progress

_WAITING = frozenset({ItemState.QUEUED, ItemState.INBOX, ItemState.MAILBOX})


class WaitingReport:
    """Reports to the listeners what one run's item waits for, each time that changes."""

    def __init__(self, record: RunContext, millrace: Backend, progress: Progress) -> None:
        self._record = record
        self._millrace = millrace
        self._progress = progress
        self._began: dict[str, RuntimeEvent] | None = None
        self._reported = ""

    def update(self, hints: ChangeHints) -> None:
        """Report if the item waits behind other work and that work has changed.

        Reads the workspace's files only at the first call and after events of other items.
        """
        if not self._waits():
            return
        is_first = self._began is None
        ids = self._record.item_ids
        others = [event for event in hints.events if event.item_id not in ids]
        if not (is_first or others):
            return
        with suppress(MillracerError):
            self._note_stages(others)
            text = self._describe()
            if text and text != self._reported:
                self._progress.report(EventType.RUNTIME_WAITING, text)
            self._reported = text

    def _waits(self) -> bool:
        lineage = self._record.lineage
        return self._record.known_status.state in _WAITING and not any(
            member.state is ItemState.ACTIVE for member in lineage
        )

    def _note_stages(self, events: list[RuntimeEvent]) -> None:
        if self._began is None:
            self._began = {}
            events = list(reversed(self._millrace.recent_events()))
        for event in events:
            if event.begins_stage and event.item_id is not None:
                self._began[event.item_id] = event

    def _describe(self) -> str:
        """Return the other work in the workspace; empty if there is none."""
        ids = self._record.item_ids
        others = [item for item in self._millrace.list_unfinished() if item.item_id not in ids]
        queued = sum(item.state in _WAITING for item in others)
        parts = [] if not queued else [f"{queued} other item{'s' * (queued > 1)} in the queue"]
        parts += [
            f"now {item.work_kind} {item.item_id}{self._stage_of(item.item_id)}"
            for item in others
            if item.state is ItemState.ACTIVE
        ]
        return f"waiting: {'; '.join(parts)}" if parts else ""

    def _stage_of(self, item_id: str) -> str:
        """Return the item's stage and for how many minutes it has run."""
        event = (self._began or {}).get(item_id)
        if event is None or event.stage is None:
            return ""
        minutes = int(self._progress.seconds_since(event.occurred_at) // 60)
        return f" at {event.stage}" + (f", {minutes} min" if minutes > 0 else "")
