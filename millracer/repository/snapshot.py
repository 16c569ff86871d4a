"""Take a snapshot of a workspace's files: a git tree, written outside the repository.

The index is copied, and new objects go to a folder of their own, which refers to the repository's
objects. The tree equals the one of a commit of all files that git does not ignore.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from millracer.cancellation import Wait
from millracer.errors import ToolFailed
from millracer.repository.git import PATHSPEC, Git, refusal

_MIB = 1024 * 1024
_PARTLY_ADDED = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotLimits:
    """The largest snapshot: of files that differ from the repository.

    Attributes:
        files: their greatest number.
        file_bytes: the size above which a file is left out.
        total_bytes: their greatest size together.
    """

    files: int
    file_bytes: int
    total_bytes: int


#: Every run takes two of these and keeps the objects.
RECORD_LIMITS = SnapshotLimits(files=20_000, file_bytes=4 * _MIB, total_bytes=64 * _MIB)
#: A temporary copy, on request: only a protection of the disk.
COPY_LIMITS = SnapshotLimits(files=200_000, file_bytes=2048 * _MIB, total_bytes=4096 * _MIB)


class NotMeasurable(Exception):
    """The workspace cannot be measured; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """The workspace's files at one point in time.

    Attributes:
        tree: the id of the tree.
        commit: HEAD; None without a commit.
        is_dirty: whether the files differ from HEAD.
        too_large: changed files that were left out.
        is_partial: git could not read some files, which were left out.
    """

    tree: str
    commit: str | None
    is_dirty: bool
    too_large: tuple[str, ...] = ()
    is_partial: bool = False


def take_snapshot(
    git: Git,
    objects: Path,
    wait: Wait,
    *,
    recorded: Path | None = None,
    limits: SnapshotLimits | None = None,
) -> Snapshot:
    """Take a snapshot.

    Args:
        git: the workspace.
        objects: the existing folder for new objects.
        wait: the time limit.
        recorded: a folder with further objects to read.
        limits: the largest snapshot; None: that of a record.

    Raises:
        NotMeasurable: not a repository, ignored by git, or too many changed files.
        ToolError, Cancelled: as `Git.output`.
    """
    index = _find_index(git, wait)
    folder = Path(tempfile.mkdtemp(dir=objects.parent, prefix="index-"))
    try:
        copy = folder / "index"
        with suppress(FileNotFoundError):  # a new repository has no index
            shutil.copyfile(index, copy)
        own = with_objects(git, objects, wait, recorded=recorded)
        own = replace(own, variables={**own.variables, "GIT_INDEX_FILE": str(copy)})
        too_large, is_partial = _add_all(own, wait, limits or RECORD_LIMITS)
        tree = own.output("write-tree", "--missing-ok", wait=wait).strip()
        commit = _head(git, wait)
        return Snapshot(
            tree=tree,
            commit=commit,
            is_dirty=_differs(own, commit, tree, wait),
            too_large=too_large,
            is_partial=is_partial,
        )
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def with_objects(git: Git, objects: Path, wait: Wait, *, recorded: Path | None = None) -> Git:
    """Return git with new objects in `objects`; it reads those of the repository and `recorded`."""
    shared = git.workspace / git.output("rev-parse", "--git-path", "objects", wait=wait).rstrip(
        "\n"
    )
    variables = {
        "GIT_OBJECT_DIRECTORY": str(objects),
        "GIT_ALTERNATE_OBJECT_DIRECTORIES": ":".join(
            _quoted(str(each)) for each in (shared, recorded) if each is not None
        ),
    }
    return replace(git, variables=variables)


def _find_index(git: Git, wait: Wait) -> Path:
    inside = git.call("rev-parse", "--is-inside-work-tree", wait=wait)
    if inside.exit_code != 0:
        if "not a git repository" in inside.stderr:
            raise NotMeasurable("the workspace is not a git repository")
        raise refusal(inside)
    if inside.stdout.strip() != "true":
        raise NotMeasurable("the workspace is not in the working tree of a git repository")
    if git.call("check-ignore", "--quiet", ".", wait=wait).exit_code == 0:
        raise NotMeasurable("git ignores the workspace")
    return git.workspace / git.output("rev-parse", "--git-path", "index", wait=wait).rstrip("\n")


def _head(git: Git, wait: Wait) -> str | None:
    found = git.call("rev-parse", "--verify", "--quiet", "HEAD^{commit}", wait=wait)
    return found.stdout.strip() or None


def _add_all(git: Git, wait: Wait, limits: SnapshotLimits) -> tuple[tuple[str, ...], bool]:
    """Add all files that git does not ignore to the copied index.

    Returns the files left out for their size, and whether git could not read some.
    """
    paths = _list_changed(git, wait)
    if len(paths) > limits.files:
        raise NotMeasurable(f"more than {limits.files} files differ from the repository")
    sizes = {path: _size(git.workspace / path) for path in paths}
    too_large = tuple(path for path, size in sizes.items() if size > limits.file_bytes)
    if sum(size for path, size in sizes.items() if path not in too_large) > limits.total_bytes:
        raise NotMeasurable(f"more than {limits.total_bytes} bytes differ from the repository")
    excluded = (f":(exclude,literal){path}" for path in too_large)
    added = git.call("add", "-A", "--ignore-errors", "--", *PATHSPEC, *excluded, wait=wait)
    if added.exit_code not in {0, _PARTLY_ADDED}:
        raise refusal(added)
    # Git also exits with this code if it ignores a folder that the pathspec excludes.
    is_partial = added.exit_code == _PARTLY_ADDED and any(
        path not in too_large for path in _list_changed(git, wait)
    )
    return too_large, is_partial


def _list_changed(git: Git, wait: Wait) -> list[str]:
    """Return the files that differ from the index, and those that it lacks."""
    listed = git.output(
        "ls-files",
        "-z",
        "--modified",
        "--others",
        "--exclude-standard",
        "--",
        *PATHSPEC,
        wait=wait,
    )
    return [path for path in listed.split("\0") if path]


def _size(path: Path) -> int:
    try:
        return os.lstat(path).st_size
    except (OSError, ValueError):
        return 0


def _differs(git: Git, commit: str | None, tree: str, wait: Wait) -> bool:
    if commit is None:
        return bool(git.output("ls-tree", "--name-only", tree, wait=wait))
    compared = git.call("diff-tree", "--quiet", commit, tree, "--", *PATHSPEC, wait=wait)
    if compared.exit_code not in {0, 1}:
        raise refusal(compared)
    return compared.exit_code == 1


def _quoted(path: str) -> str:
    """Quote a path for git's list of object folders, whose separator is a colon."""
    if ":" not in path and not path.startswith('"'):
        return path
    escaped = path.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def require_tree(git: Git, tree: str, wait: Wait) -> None:
    """Check that a recorded tree can still be read.

    Raises:
        ToolFailed: its objects were removed.
    """
    if git.call("cat-file", "-e", f"{tree}^{{tree}}", wait=wait).exit_code != 0:
        raise ToolFailed(
            "git",
            "the recorded files were removed from the repository",
            suggested_action="read the repository's own history with `git log`",
        )
