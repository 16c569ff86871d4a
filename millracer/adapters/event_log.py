"""Millrace's event log, followed from where we came in.

Reads only what was appended; a line still being written is kept for the next look, a line outside
the contract is passed over.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from pydantic import ValidationError

from millracer.contracts.millrace import EventLine
from millracer.domain.work import RuntimeEvent

#: Up to 0.20 an idle daemon writes one of these every second.
_IDLE_TICK = "runtime_tick_idle"


class EventLog:
    """Follows the log from its present end; one that was cut or replaced is read from its start."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._inode: int | None = None
        self._offset = 0
        self._partial = b""
        self._idle = False
        found = self._stat()
        if found is not None:
            self._inode, self._offset = found.st_ino, found.st_size

    def read_new(self) -> tuple[RuntimeEvent, ...]:
        """Return the events of all lines completed since the last call.

        Of a row of idle ticks only the first is told, for the others say nothing new.
        """
        found = self._stat()
        if found is None:
            return ()
        if found.st_ino != self._inode or found.st_size < self._offset:
            self._inode, self._offset, self._partial = found.st_ino, 0, b""
        if found.st_size == self._offset:
            return ()
        try:
            with self._path.open("rb") as log:
                log.seek(self._offset)
                added = log.read()
        except OSError:
            return ()
        self._offset += len(added)
        *lines, self._partial = (self._partial + added).split(b"\n")
        return tuple(self._without_idle_rows(_parse(line) for line in lines))

    def _without_idle_rows(self, events: Iterable[RuntimeEvent | None]) -> Iterable[RuntimeEvent]:
        for event in events:
            if event is None:
                continue
            was_idle = self._idle
            self._idle = event.event_type == _IDLE_TICK
            if not (self._idle and was_idle):
                yield event

    def _stat(self) -> os.stat_result | None:
        try:
            return self._path.stat()
        except OSError:
            return None


def _parse(line: bytes) -> RuntimeEvent | None:
    try:
        said = EventLine.model_validate_json(line)
    except ValidationError:
        return None
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
