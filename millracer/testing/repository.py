"""A repository with scripted changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from millracer.cancellation import Wait
from millracer.domain.certificate.verification import FoundCommit
from millracer.domain.work.changes import Changes
from millracer.errors import ChangesUnknown
from millracer.ports import Export, Repository, WorkTree

_NO_START = "the start of the work was not recorded here"
_NO_END = "the end of the work was not recorded"


class ScriptedRepository(Repository):
    """Returns `measured` for every item whose start was recorded.

    Attributes:
        measured: the changes.
        text: the patch.
        exported: the export, and the tree of the workspace.
        files: the files for a certificate.
        commits: the commits by name.
        starts: the recorded items with `keep`, oldest first.
        finals: the items whose end was recorded.
    """

    def __init__(self, measured: Changes | None = None, *, text: str = "") -> None:
        self.measured = measured or Changes()
        self.text = text
        self.exported = Export(tree="0" * 40, folder="/export")
        self.files = WorkTree(tree="0" * 40)
        self.commits: dict[str, FoundCommit] = {}
        self.starts: list[tuple[str, bool]] = []
        self.finals: list[str] = []

    def measure_start(self, item_id: str, wait: Wait, *, keep: bool) -> Callable[[], None]:
        """See the port."""
        wait.cancellation.raise_if_cancelled()

        def record() -> None:
            if not self._is_recorded(item_id):
                self.starts.append((item_id, keep))

        return record

    def changes(
        self, item_id: str, wait: Wait, *, is_final: bool = False, has_ended: bool = False
    ) -> Changes:
        """See the port."""
        wait.cancellation.raise_if_cancelled()
        if not self._is_recorded(item_id):
            return Changes(unknown=_NO_START)
        if has_ended and item_id not in self.finals:
            return Changes(unknown=_NO_END)
        if is_final:
            self.finals.append(item_id)
        return self.measured

    def tree(self, wait: Wait) -> str | None:
        """See the port."""
        wait.cancellation.raise_if_cancelled()
        return self.exported.tree

    @contextmanager
    def export(self, wait: Wait) -> Iterator[Export]:
        """See the port."""
        wait.cancellation.raise_if_cancelled()
        yield self.exported

    def work_tree(self, item_id: str, wait: Wait) -> WorkTree:
        """See the port."""
        wait.cancellation.raise_if_cancelled()
        return self.files

    def find_commit(self, revision: str, base: str | None, wait: Wait) -> FoundCommit:
        """See the port."""
        wait.cancellation.raise_if_cancelled()
        unknown = FoundCommit(revision=revision, problem=f"there is no commit {revision}")
        return self.commits.get(revision, unknown)

    def export_commit(self, commit: str, wait: Wait) -> AbstractContextManager[Export]:
        """See the port."""
        return self.export(wait)

    def patch(self, item_id: str, wait: Wait, *, has_ended: bool = False) -> str:
        """See the port."""
        wait.cancellation.raise_if_cancelled()
        if not self._is_recorded(item_id):
            raise ChangesUnknown(_NO_START, suggested_action="record the start")
        if has_ended and item_id not in self.finals:
            raise ChangesUnknown(_NO_END, suggested_action="record the end")
        return self.text

    def _is_recorded(self, item_id: str) -> bool:
        return any(item_id == recorded for recorded, _ in self.starts)
