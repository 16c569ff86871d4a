"""Event logs for tests: events, and writers in processes of their own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from millracer.domain.event_log import Event, EventType, LogEvent
from millracer.ports.event_log import EventLogs, LogWriter

ITEM = "fix-it-1"
AT = datetime(2026, 11, 30, 12, tzinfo=UTC)
_WRITER = Path(__file__).parents[1] / "children" / "log_writer.py"


def news(message: str = "x", *, key: str | None = None, **payload: object) -> Event:
    """Return an event."""
    return Event(
        type=EventType.STAGE_STARTED, at=AT, message=message or "-", payload=payload, key=key
    )


def opened(logs: EventLogs, item_id: str = ITEM) -> LogWriter:
    """Become the writer of a log that no process writes."""
    writer = logs.write(item_id)
    assert writer is not None
    return writer


def numbers(events: tuple[LogEvent, ...] | list[LogEvent]) -> list[int]:
    """Return the numbers of events."""
    return [event.cursor.sequence for event in events]


@contextmanager
def writing_process(
    folder: Path, events: int, item_id: str = ITEM
) -> Iterator[subprocess.Popen[bytes]]:
    """Start a process that writes a log as fast as it can; it reports its first event by a line.

    It holds the log until it is killed.
    """
    process = subprocess.Popen(
        (sys.executable, str(_WRITER), str(folder), item_id, str(events)),
        stdout=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()
