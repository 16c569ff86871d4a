"""The port of a workspace's version control."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:  # an implementation loads what its port deals in, and nothing else
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from millracer.cancellation import Wait
    from millracer.domain.certificate.verification import FoundCommit
    from millracer.domain.work.changes import Changes


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """A copy of a workspace's files in a private folder.

    Attributes:
        tree: the id of the exported git tree; None without an export.
        folder: the absolute path of the workspace in the copy; empty without an export.
        problem: why a copy would differ from the workspace; empty with an export.
    """

    tree: str | None = None
    folder: str = ""
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkTree:
    """The files of a workspace as a certificate covers them.

    Attributes:
        tree: the id of the tree of all files that git does not ignore; None if it is not known.
        problem: why it is not known; empty if it is.
        is_repository: whether the workspace is in a git repository.
        limits: what the tree does not cover, in sentences.
        differs_from_end: whether the files changed since the recorded end of the work; None
            without a record.
    """

    tree: str | None = None
    problem: str = ""
    is_repository: bool = True
    limits: tuple[str, ...] = ()
    differs_from_end: bool | None = None


class Repository(Protocol):
    """The repository that a workspace is in; no call changes it."""

    def measure_start(self, item_id: str, wait: Wait, *, keep: bool) -> Callable[[], None]:
        """Measure the workspace's files before the work on an item begins.

        The returned function records the measurement; call it once the work is about to begin. The
        first record of an item counts. A failure is recorded, and reported by `changes`.

        Args:
            item_id: the work item.
            wait: the caller's wait; the call has a limit of its own.
            keep: whether another process can read the record; it is kept in the workspace.

        Raises:
            Cancelled: the caller requested a stop.
        """
        ...

    def changes(
        self, item_id: str, wait: Wait, *, is_final: bool = False, has_ended: bool = False
    ) -> Changes:
        """Return the changes since the recorded start, or the reason why they are not known.

        Args:
            item_id: the work item.
            wait: the caller's wait; the call has a limit of its own.
            is_final: the work has ended for good: the first such call records the end. Every later
                call returns the changes up to it.
            has_ended: the work ended for good at an earlier time: without a recorded end, the
                changes are not known, as the files may have changed since.

        Raises:
            Cancelled: the caller requested a stop.
        """
        ...

    def tree(self, wait: Wait) -> str | None:
        """Return the id of the tree of all files that git does not ignore; None if not known.

        Raises:
            Cancelled: the caller requested a stop.
        """
        ...

    def export(self, wait: Wait) -> AbstractContextManager[Export]:
        """Copy the files that git does not ignore to a private folder; the block's end removes it.

        Raises:
            Cancelled: the caller requested a stop.
        """
        ...

    def work_tree(self, item_id: str, wait: Wait) -> WorkTree:
        """Return the files as they are now, for a certificate of the work on an item.

        Raises:
            Cancelled: the caller requested a stop.
        """
        ...

    def find_commit(self, revision: str, base: str | None, wait: Wait) -> FoundCommit:
        """Return a commit with its tree, and whether it descends from another one.

        Args:
            revision: a name of the commit in git's syntax.
            base: the id of the other commit; None: there is none.
            wait: the caller's wait; the call has a limit of its own.

        Raises:
            Cancelled: the caller requested a stop.
        """
        ...

    def export_commit(self, commit: str, wait: Wait) -> AbstractContextManager[Export]:
        """Copy the files of a commit to a private folder; the block's end removes it.

        Args:
            commit: its id.
            wait: the caller's wait; the call has a limit of its own.

        Raises:
            Cancelled: the caller requested a stop.
        """
        ...

    def patch(self, item_id: str, wait: Wait, *, has_ended: bool = False) -> str:
        """Return the changes as a unified diff, up to the recorded end, else up to now.

        Args:
            item_id: the work item.
            wait: the caller's wait; the call has a limit of its own.
            has_ended: as for `changes`.

        Raises:
            ChangesUnknown: there is no recorded start or end, or git failed.
            Cancelled: the caller requested a stop.
        """
        ...
