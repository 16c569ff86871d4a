"""What Millrace's event log says of runs and ideas, read once and then only as it grows."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path, PurePath

from millracer.adapters.appended_lines import AppendedLines
from millracer.adapters.millrace_events import SEARCH_LIMIT_BYTES
from millracer.contracts.millrace import EventData, EventLine, parse
from millracer.errors import ProtocolError

_NORMALIZED = "idea_normalized_to_spec"
_SKIPPED = "idea_normalization_skipped"
_ALREADY_THERE = "already_represented"
_STAGE_EVENTS = frozenset({"stage_started", "stage_completed"})
#: A line without any of these is not read further.
_TELLING = tuple(name.encode() for name in (*_STAGE_EVENTS, _NORMALIZED, _SKIPPED))


class EventHistory:
    """Which runs an item had and which spec an idea became; bounded to the log's newest part."""

    def __init__(self, path: Path) -> None:
        self._lines = AppendedLines(path, newest_bytes=SEARCH_LIMIT_BYTES)
        self._runs: dict[str, dict[str, None]] = {}
        self._specs: dict[str, dict[str, str]] = {}

    def update(self) -> None:
        """Read what was appended since the last call; skips lines outside the contract."""
        for line in self._lines.read():
            if not any(name in line for name in _TELLING):
                continue
            with suppress(ProtocolError):
                self._note(parse(EventLine, line, "a line of the event log"))

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
        elif data.idea_path is not None and data.spec_id is not None and _tells_spec(event, data):
            name = PurePath(data.idea_path).name
            how = f"event {event.event_type} of {name}"
            self._specs.setdefault(name, {}).setdefault(data.spec_id, how)


def _tells_spec(event: EventLine, data: EventData) -> bool:
    return event.event_type == _NORMALIZED or (
        event.event_type == _SKIPPED and data.reason == _ALREADY_THERE
    )
