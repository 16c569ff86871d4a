"""The `Repository` port on git.

The start and the end of the work on an item are recorded below `.millracer/changes/`, so that a
later command can compare them. The folder is a cache: if it is removed, the changes are not known.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from millracer.cancellation import Wait
from millracer.domain.certificate.verification import FoundCommit
from millracer.domain.work.changes import Changes
from millracer.errors import ChangesUnknown, MillracerError, ToolNotFound
from millracer.ports import Export, Repository, WorkTree
from millracer.repository.differences import compare, render_patch
from millracer.repository.export import exported, find_tree
from millracer.repository.git import Git
from millracer.repository.records import ItemRecord, Point, Records, unmeasured
from millracer.repository.snapshot import (
    NotMeasurable,
    require_tree,
    take_snapshot,
    with_objects,
)
from millracer.repository.work_tree import find_commit, read_work_tree

#: The time limit of one measurement.
_MEASURE_SECONDS = 10.0
#: The time limit of one export.
_EXPORT_SECONDS = 120.0
_NO_START = "the start of the work was not recorded here"
_NO_END = "the end of the work was not recorded, and files may have changed since"


def _record_nothing() -> None:
    return


def _utc_now() -> datetime:
    return datetime.now(UTC)


@contextmanager
def _scratch_objects() -> Iterator[Path]:
    """Yield a temporary folder for objects: a command that only reads leaves the record alone."""
    with tempfile.TemporaryDirectory(prefix="millracer-", ignore_cleanup_errors=True) as folder:
        objects = Path(folder) / "objects"
        objects.mkdir()
        yield objects


class _TemporaryRecord:
    """A folder that is removed on request, else with this object, for a run that was broken off."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="millracer-"))
        self.remove = weakref.finalize(self, shutil.rmtree, self.folder, ignore_errors=True)


class GitRepository(Repository):
    """The changes of one workspace.

    Args:
        workspace: its root; may be a folder inside a repository.
        folder: where records are kept; its parent must exist before something is kept.
        environment: the whole environment of git; None for that of this process.
        now: the wall clock.
    """

    def __init__(
        self,
        workspace: Path,
        folder: Path,
        *,
        environment: Mapping[str, str] | None = None,
        now: Callable[[], datetime] = _utc_now,
    ) -> None:
        self._git = Git(
            workspace=workspace, environment=os.environ if environment is None else environment
        )
        self._records = Records(folder)
        self._temporary: dict[str, _TemporaryRecord] = {}
        self._now = now

    def measure_start(self, item_id: str, wait: Wait, *, keep: bool) -> Callable[[], None]:
        """Measure the files before the work begins; see the port."""
        if not keep and item_id not in self._temporary:
            self._temporary[item_id] = _TemporaryRecord()
        record = self._find(item_id)
        if record is None or record.start is not None:
            return _record_nothing
        try:
            if keep:
                self._records.make()
            record.make()
            start = self._measure(record, record.objects, wait)
        except (OSError, MillracerError):
            return _record_nothing  # nothing can be recorded here; `changes` reports that

        def write() -> None:
            with suppress(OSError, MillracerError):
                record.write_start(start)

        return write

    def changes(
        self, item_id: str, wait: Wait, *, is_final: bool = False, has_ended: bool = False
    ) -> Changes:
        """Return the changes since the recorded start; see the port."""
        wait.cancellation.raise_if_cancelled()
        record = self._find(item_id)
        start = None if record is None else record.start
        if record is None or start is None:
            return Changes(unknown=_NO_START)
        wait = wait.within(_MEASURE_SECONDS)
        end = record.end
        if start.unknown is None and end is None and has_ended:
            return Changes(
                unknown=_NO_END,
                started_at=start.at,
                base_commit=start.commit,
                dirty_before=start.is_dirty,
            )
        with ExitStack() as held:
            objects = record.objects
            if start.unknown is None and end is None:
                if not is_final:
                    objects = held.enter_context(_scratch_objects())
                end = self._measure(record, objects, wait)
                if is_final and end.unknown is None:
                    self._keep_end(record, end)
            changes = self._compare(record, objects, start, end or start, wait)
        if item_id in self._temporary:
            self._temporary.pop(item_id).remove()
        return changes

    def patch(self, item_id: str, wait: Wait, *, has_ended: bool = False) -> str:
        """Return the changes as a unified diff; see the port."""
        wait.cancellation.raise_if_cancelled()
        record = self._find(item_id)
        start = None if record is None else record.start
        if record is None or start is None:
            raise _unknown(_NO_START)
        if has_ended and start.unknown is None and record.end is None:
            raise _unknown(_NO_END)
        wait = wait.within(_MEASURE_SECONDS)
        with _scratch_objects() as objects:
            end = record.end or self._measure(record, objects, wait)
            if start.tree is None or end.tree is None:
                raise _unknown(start.unknown or end.unknown or _NO_START)
            git = with_objects(self._git, objects, wait, recorded=record.objects)
            try:
                require_tree(git, start.tree, wait)
                return render_patch(git, start.tree, end.tree, wait)
            except MillracerError as error:
                raise _unknown(error.message) from error

    def tree(self, wait: Wait) -> str | None:
        """Return the id of the tree of the files; see the port."""
        wait.cancellation.raise_if_cancelled()
        return find_tree(self._git, wait.within(_MEASURE_SECONDS))

    def export(self, wait: Wait) -> AbstractContextManager[Export]:
        """Copy the files to a private folder; see the port."""
        wait.cancellation.raise_if_cancelled()
        return exported(self._git, wait.within(_EXPORT_SECONDS))

    def work_tree(self, item_id: str, wait: Wait) -> WorkTree:
        """Return the files for a certificate; see the port."""
        wait.cancellation.raise_if_cancelled()
        record = self._find(item_id)
        end = None if record is None else record.end
        return read_work_tree(self._git, end, wait.within(_EXPORT_SECONDS))

    def find_commit(self, revision: str, base: str | None, wait: Wait) -> FoundCommit:
        """Return a commit; see the port."""
        wait.cancellation.raise_if_cancelled()
        return find_commit(self._git, revision, base, wait.within(_MEASURE_SECONDS))

    def export_commit(self, commit: str, wait: Wait) -> AbstractContextManager[Export]:
        """Copy the files of a commit to a private folder; see the port."""
        wait.cancellation.raise_if_cancelled()
        return exported(self._git, wait.within(_EXPORT_SECONDS), commit)

    def _find(self, item_id: str) -> ItemRecord | None:
        temporary = self._temporary.get(item_id)
        return self._records.of(item_id) if temporary is None else ItemRecord(temporary.folder)

    def _measure(self, record: ItemRecord, objects: Path, wait: Wait) -> Point:
        """Return the files as they are now, or why they cannot be measured.

        Args:
            record: the record of the item, which is read.
            objects: the folder for new objects.
            wait: the time limit of the caller.
        """
        at = self._now()
        try:
            taken = take_snapshot(
                self._git, objects, wait.within(_MEASURE_SECONDS), recorded=record.objects
            )
        except NotMeasurable as reason:
            return unmeasured(at, str(reason))
        except ToolNotFound:
            return unmeasured(at, "git is not installed")
        except (MillracerError, OSError) as error:
            return unmeasured(at, str(error))
        return Point(
            at=at,
            tree=taken.tree,
            commit=taken.commit,
            is_dirty=taken.is_dirty,
            too_large=taken.too_large,
        )

    def _keep_end(self, record: ItemRecord, end: Point) -> None:
        try:
            record.write_end(end)
        except MillracerError:
            return  # a later command measures again

    def _compare(
        self, record: ItemRecord, objects: Path, start: Point, end: Point, wait: Wait
    ) -> Changes:
        if start.tree is None or end.tree is None:
            return Changes(unknown=start.unknown or end.unknown)
        try:
            git = with_objects(self._git, objects, wait, recorded=record.objects)
            files = compare(git, start.tree, end.tree, wait)
        except MillracerError as error:
            return Changes(unknown=error.message)
        return Changes(
            started_at=start.at,
            ended_at=end.at,
            base_commit=start.commit,
            head_commit=end.commit,
            dirty_before=start.is_dirty,
            files=files,
            not_measured=tuple(dict.fromkeys((*start.too_large, *end.too_large))),
        )


def _unknown(reason: str) -> ChangesUnknown:
    return ChangesUnknown(
        f"the changes are not known: {reason}",
        suggested_action="read the repository's own history with `git log` and `git diff`",
    )
