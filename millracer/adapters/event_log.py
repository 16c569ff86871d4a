"""Millrace's event log, followed from where we came in.

Reads only what was appended; a line still being written is kept for the next look, a line outside
the contract is passed over.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from pydantic import ValidationError

from millracer.adapters.appended_lines import AppendedLines
from millracer.contracts.millrace import EventLine
from millracer.domain.work import RuntimeEvent

#: Up to 0.20 an idle daemon writes one of these every second.
_IDLE_TICK = "runtime_tick_idle"


class EventLog:
    """Follows the log from its present end; one that was cut or replaced is read from its start."""

    def __init__(self, path: Path) -> None:
        self._lines = AppendedLines(path, newest_bytes=0)
        self._idle = False

    def read_new(self) -> tuple[RuntimeEvent, ...]:
        """Return the events of all lines completed since the last call.

        Of a row of idle ticks only the first is told, for the others say nothing new.
        """
        return tuple(self._without_idle_rows(_parse(line) for line in self._lines.read()))

    def _without_idle_rows(self, events: Iterable[RuntimeEvent | None]) -> Iterable[RuntimeEvent]:
        for event in events:
            if event is None:
                continue
            was_idle = self._idle
            self._idle = event.event_type == _IDLE_TICK
            if not (self._idle and was_idle):
                yield event


def _parse(line: bytes) -> RuntimeEvent | None:
    try:
        return runtime_event(EventLine.model_validate_json(line))
    except ValidationError:
        return None


def runtime_event(said: EventLine) -> RuntimeEvent:
    """Put a line of the log into the domain's words."""
    data = said.data
    is_about_spec = data.work_item_id is None and data.spec_id is not None
    return RuntimeEvent(
        event_type=said.event_type,
        occurred_at=said.occurred_at,
        plane=data.plane,
        stage=data.stage,
        run_id=data.run_id,
        item_kind="spec" if is_about_spec else data.work_item_kind,
        item_id=data.spec_id if is_about_spec else data.work_item_id,
        terminal_result=data.terminal_result,
        action=data.action,
        reason=data.reason,
        failure_class=data.failure_class,
    )
