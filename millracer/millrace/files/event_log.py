"""Reads Millrace's event log: the appended lines, the newest lines, and the history of an item.

A partly written line is kept for the next read; a line outside the contract is skipped.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from pathlib import Path, PurePath

from millracer.domain.work.items import ItemState
from millracer.domain.work.runtime import RuntimeEvent, RuntimeEventKind
from millracer.errors import ProtocolError
from millracer.millrace.files.event_owners import EventOwners
from millracer.millrace.files.workspace import WorkspacePaths
from millracer.millrace.wire.json_documents import EventData, EventLine, parse
from millracer.millrace.wire.stage_results import is_milestone
from millracer.system.files import open_regular

#: Up to 0.20 an idle daemon writes one of these every second.
_KINDS = {
    "stage_started": RuntimeEventKind.STAGE_STARTED,
    "stage_completed": RuntimeEventKind.STAGE_ENDED,
    "runtime_tick_idle": RuntimeEventKind.DAEMON_IDLE,
    "runtime_tick_stopped": RuntimeEventKind.DAEMON_STOPPED,
}
#: The actions of the router's decisions that end a plane's work on an item.
_ROUTED = {"idle": ItemState.DONE, "blocked": ItemState.BLOCKED}
_CANCELLED = "work_item_cancelled"
_DECISION = "router_decision"


class EventLog:
    """Follows the log from its current end; a truncated or replaced log is read from its start."""

    def __init__(self, path: Path) -> None:
        self._lines = AppendedLines(path, newest_bytes=0)
        self._idle = False

    def read_new(self) -> tuple[RuntimeEvent, ...]:
        """Return the events of all lines completed since the last call.

        Of consecutive idle ticks only the first is returned, because the others add nothing.
        """
        return tuple(self._without_idle_rows(_events_in(self._lines.read())))

    def _without_idle_rows(self, lines: Iterable[EventLine]) -> Iterator[RuntimeEvent]:
        for event in map(runtime_event, lines):
            was_idle = self._idle
            self._idle = event.kind is RuntimeEventKind.DAEMON_IDLE
            if not (self._idle and was_idle):
                yield event


def _events_in(lines: Iterable[bytes], having: Collection[bytes] = (b"",)) -> Iterator[EventLine]:
    """Yield the events of lines with one of these texts; skip lines outside the contract."""
    for line in lines:
        if any(text in line for text in having):
            with suppress(ProtocolError):
                yield parse(EventLine, line, "a line of the event log")


def runtime_event(said: EventLine) -> RuntimeEvent:
    """Convert a line of the log into a domain event."""
    data = said.data
    is_about_spec = data.work_item_id is None and data.spec_id is not None
    kind = _KINDS.get(said.event_type, RuntimeEventKind.OTHER)
    has_ended = kind is RuntimeEventKind.STAGE_ENDED
    return RuntimeEvent(
        kind=kind,
        occurred_at=said.occurred_at,
        plane=data.plane,
        stage=data.stage,
        run_id=data.run_id,
        item_kind="spec" if is_about_spec else data.work_item_kind,
        item_id=data.spec_id if is_about_spec else data.work_item_id,
        terminal_result=data.terminal_result,
        item_state=_item_state(said),
        is_milestone=has_ended and is_milestone(data.terminal_result),
        reason=data.reason,
        failure_class=data.failure_class,
        request_id=data.request_id,
    )


def _item_state(said: EventLine) -> ItemState | None:
    if said.event_type == _CANCELLED:
        return ItemState.CANCELLED
    action = said.data.action
    return None if said.event_type != _DECISION or action is None else _ROUTED.get(action)


#: How far back a search goes; 0.21 writes about 2 KB a stage.
SEARCH_LIMIT_BYTES = 32 * 1024 * 1024
_CHUNK_BYTES = 256 * 1024
#: How far back a status searches for recent events, and the types of these events.
_RECENT_BYTES = 1024 * 1024
_RECENT_TYPES = (b'"stage_started"', b'"router_decision"', b'"work_item_cancelled"')


def newest_events(
    path: Path, *, naming: str, limit_bytes: int = SEARCH_LIMIT_BYTES
) -> Iterator[EventLine]:
    """Return the events whose line holds `naming`, the newest first; skip unreadable lines.

    A missing log has no events.
    """
    return _events_in(_lines_backwards(path, limit_bytes), (naming.encode(),))


def recent_events(paths: WorkspacePaths) -> tuple[RuntimeEvent, ...]:
    """Return the recent stage starts, router decisions and cancellations, the newest first."""
    newest = _lines_backwards(paths.event_log, _RECENT_BYTES)
    return tuple(map(runtime_event, _events_in(newest, _RECENT_TYPES)))


def stage_events(paths: WorkspacePaths, item_ids: Collection[str]) -> tuple[RuntimeEvent, ...]:
    """Return the starts and ends of stages of these items in the log's newest part, in order."""
    lines = AppendedLines(paths.event_log, newest_bytes=SEARCH_LIMIT_BYTES).read()
    events = EventOwners().complete(map(runtime_event, _events_in(lines, _STAGE_FIELDS)), None)
    return tuple(
        event
        for event in events
        if event.item_id in item_ids and (event.begins_stage or event.ends_stage)
    )


def _lines_backwards(path: Path, limit_bytes: int) -> Iterator[bytes]:
    try:
        file = os.fdopen(open_regular(path, os.O_RDONLY), "rb")
    except OSError:
        return
    with file:
        end = file.seek(0, 2)
        floor = max(0, end - limit_bytes)
        rest = b""
        while end > floor:
            start = max(floor, end - _CHUNK_BYTES)
            file.seek(start)
            lines = (file.read(end - start) + rest).split(b"\n")
            rest = lines[0]
            yield from reversed(lines[1:])
            end = start
        if floor == 0 and rest:
            yield rest


_NORMALIZED = "idea_normalized_to_spec"
_SKIPPED = "idea_normalization_skipped"
_ALREADY_THERE = "already_represented"
_STAGE_EVENTS = frozenset({"stage_started", "stage_completed"})
_STAGE_FIELDS = tuple(name.encode() for name in _STAGE_EVENTS)
#: A line without any of these is not parsed.
_ENDED_FIELDS = (*_STAGE_FIELDS, _NORMALIZED.encode(), _SKIPPED.encode())


class EventHistory:
    """The runs of each item and the specs of each idea; limited to the log's newest part."""

    def __init__(self, path: Path) -> None:
        self._lines = AppendedLines(path, newest_bytes=SEARCH_LIMIT_BYTES)
        self._runs: dict[str, dict[str, None]] = {}
        self._specs: dict[str, dict[str, str]] = {}

    def update(self) -> None:
        """Read the lines appended since the last call; skip lines outside the contract."""
        for event in _events_in(self._lines.read(), _ENDED_FIELDS):
            self._note(event)

    def runs_of(self, item_id: str) -> tuple[str, ...]:
        """Return an item's runs, the newest first."""
        return tuple(reversed(self._runs.get(item_id, {})))

    def specs_of(self, idea_files: Iterable[str]) -> dict[str, str]:
        """Return the specs that an inbox file of one of these names became, and how it is known."""
        return {
            spec_id: how
            for name in sorted(idea_files)
            for spec_id, how in self._specs.get(name, {}).items()
        }

    def _note(self, event: EventLine) -> None:
        data = event.data
        if event.event_type in _STAGE_EVENTS:
            if data.work_item_id is not None and data.run_id is not None:
                self._runs.setdefault(data.work_item_id, {}).setdefault(data.run_id)
        elif data.idea_path is not None and data.spec_id is not None and _names_spec(event, data):
            name = PurePath(data.idea_path).name
            how = f"event {event.event_type} of {name}"
            self._specs.setdefault(name, {}).setdefault(data.spec_id, how)


def _names_spec(event: EventLine, data: EventData) -> bool:
    return event.event_type == _NORMALIZED or (
        event.event_type == _SKIPPED and data.reason == _ALREADY_THERE
    )


class AppendedLines:
    """Reads a log from a kept offset; a truncated or replaced log is read from its start.

    Args:
        path: the log; it need not exist yet.
        newest_bytes: how much of the existing log the first read returns.
    """

    def __init__(self, path: Path, *, newest_bytes: int) -> None:
        self._path = path
        self._partial = b""
        found = self._stat()
        self._inode = None if found is None else found.st_ino
        self._offset = 0 if found is None else max(0, found.st_size - newest_bytes)

    def read(self) -> list[bytes]:
        """Return all lines completed since the last call; keep a partly written one.

        The first line may be incomplete, if it began before the offset.
        """
        found = self._stat()
        if found is None:
            return []
        if found.st_ino != self._inode or found.st_size < self._offset:
            self._inode, self._offset, self._partial = found.st_ino, 0, b""
        if found.st_size == self._offset:
            return []
        try:
            with os.fdopen(open_regular(self._path, os.O_RDONLY), "rb") as log:
                log.seek(self._offset)
                added = log.read()
        except OSError:
            return []
        self._offset += len(added)
        *lines, self._partial = (self._partial + added).split(b"\n")
        return lines

    def _stat(self) -> os.stat_result | None:
        try:
            return self._path.stat()
        except OSError:
            return None
