"""Put the changes of a workspace into their published shape."""

from __future__ import annotations

from millracer.domain.work.changes import Changes
from millracer.schemas.run import ChangesDocument, FileChangeDocument, IntervalDocument


def describe_changes(changes: Changes) -> ChangesDocument:
    """Return the changes as a part of a result."""
    start, end = changes.started_at, changes.ended_at
    return ChangesDocument.of(
        changes,
        between=None if start is None or end is None else IntervalDocument(start=start, end=end),
        files=[FileChangeDocument.of(change) for change in changes.files],
        not_measured=list(changes.not_measured),
    )
