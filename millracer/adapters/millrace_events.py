"""Reads Millrace's event log from its end: newest line first, no further than a bound.

The log only grows and is never rotated, so whoever looks for one item's events must not read all.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from millracer.adapters.event_log import runtime_event
from millracer.adapters.workspace import WorkspacePaths
from millracer.contracts.millrace import EventLine, parse
from millracer.domain.work import RuntimeEvent
from millracer.errors import ProtocolError

#: How far back a search goes; 0.21 writes about 2 KB a stage.
SEARCH_LIMIT_BYTES = 32 * 1024 * 1024
_CHUNK_BYTES = 256 * 1024
#: How far back a status looks for what happened lately, and which events say it.
_RECENT_BYTES = 1024 * 1024
_TELLING = (b'"stage_started"', b'"router_decision"', b'"work_item_cancelled"')


def newest_events(
    path: Path, *, naming: str, limit_bytes: int = SEARCH_LIMIT_BYTES
) -> Iterator[EventLine]:
    """Yield the events whose line holds `naming`, the newest first; unreadable lines are skipped.

    A log that is missing yields nothing.
    """
    needle = naming.encode()
    for line in _lines_backwards(path, limit_bytes):
        if needle in line:
            with suppress(ProtocolError):
                yield parse(EventLine, line, path.name)


def recent_events(paths: WorkspacePaths) -> tuple[RuntimeEvent, ...]:
    """Return the last stages begun, decisions made and items cancelled, the newest first."""
    found = []
    for line in _lines_backwards(paths.event_log, _RECENT_BYTES):
        if any(name in line for name in _TELLING):
            with suppress(ProtocolError):
                found.append(runtime_event(parse(EventLine, line, paths.event_log.name)))
    return tuple(found)


def _lines_backwards(path: Path, limit_bytes: int) -> Iterator[bytes]:
    try:
        file = path.open("rb")
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
