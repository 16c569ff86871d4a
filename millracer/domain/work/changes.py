"""Changes of a workspace's files between the start and the end of work on an item.

Other programs and people may change files in that time, so no change is attributed to the work.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class FileStatus(StrEnum):
    """What happened to a file."""

    ADDED = "added"
    MODIFIED = "modified"
    DELETED = "deleted"
    RENAMED = "renamed"
    TYPE_CHANGED = "type_changed"  #: such as a file that became a symbolic link


@dataclass(frozen=True, slots=True, kw_only=True)
class FileChange:
    """One changed file; paths are relative to the workspace.

    Attributes:
        added: added lines; None for a binary file.
        removed: removed lines; None for a binary file.
        previous_path: the path before a rename.
    """

    path: str
    status: FileStatus
    added: int | None
    removed: int | None
    previous_path: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """The difference between the workspace's files at the start and at the end.

    Attributes:
        unknown: why there is no difference to show; None if it was measured.
        started_at: when the start was recorded.
        ended_at: when the end was measured.
        base_commit: HEAD at the start; None without a commit.
        head_commit: HEAD at the end.
        dirty_before: whether files differed from HEAD at the start.
        files: the changed files, by path.
        not_measured: changed files that are too large.
    """

    unknown: str | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    base_commit: str | None = None
    head_commit: str | None = None
    dirty_before: bool | None = None
    files: tuple[FileChange, ...] = ()
    not_measured: tuple[str, ...] = ()

    @property
    def added(self) -> int:
        """The added lines of all text files."""
        return sum(change.added or 0 for change in self.files)

    @property
    def removed(self) -> int:
        """The removed lines of all text files."""
        return sum(change.removed or 0 for change in self.files)
