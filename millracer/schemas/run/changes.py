"""The part of a result about the changes of a workspace."""

from __future__ import annotations

from datetime import datetime

from millracer.domain.work.changes import Changes, FileStatus
from millracer.schemas.base import Published


class IntervalDocument(Published):
    """Two points in time.

    Attributes:
        start: the first point.
        end: the second point.
    """

    start: datetime
    end: datetime


class FileChangeDocument(Published):
    """One changed file; paths are relative to the workspace.

    Attributes:
        path: the file's path at the end.
        status: how the file changed.
        added: added lines; null for a binary file.
        removed: removed lines; null for a binary file.
        previous_path: the path at the start; null unless the file was renamed.
    """

    path: str
    status: FileStatus
    added: int | None
    removed: int | None
    previous_path: str | None


class ChangesDocument(Published):
    """The files that differ between the start and the end of the work.

    Attributes:
        between: when start and end were recorded; null if the changes are not known.
        base_commit: HEAD at the start.
        head_commit: HEAD at the end.
        dirty_before: whether files differed from HEAD at the start.
        files: the changed files.
        added: added lines in all files.
        removed: removed lines in all files.
        not_measured: changed files that are too large.
        unknown: why the changes are not known.
    """

    between: IntervalDocument | None
    base_commit: str | None
    head_commit: str | None
    dirty_before: bool | None
    files: list[FileChangeDocument]
    added: int
    removed: int
    not_measured: list[str]
    unknown: str | None


def describe_changes(changes: Changes) -> ChangesDocument:
    """Return the changes as a part of a result."""
    start, end = changes.started_at, changes.ended_at
    return ChangesDocument.of(
        changes,
        between=None if start is None or end is None else IntervalDocument(start=start, end=end),
        files=[FileChangeDocument.of(change) for change in changes.files],
        not_measured=list(changes.not_measured),
    )
