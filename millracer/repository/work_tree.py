"""The files of a workspace as a certificate covers them, and the commits to compare them with."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from millracer.cancellation import Wait
from millracer.domain.certificate.verification import FoundCommit
from millracer.errors import MillracerError, ToolNotFound
from millracer.ports import WorkTree
from millracer.repository.export import find_submodules
from millracer.repository.git import OWN_FOLDERS, PATHSPEC, Git
from millracer.repository.records import Point
from millracer.repository.snapshot import (
    COPY_LIMITS,
    NotMeasurable,
    Snapshot,
    take_snapshot,
    with_objects,
)

_LFS_LINE = "^version https://git-lfs.github.com/spec/"
_FOUND, _NOT_FOUND = 0, 1
_SHOWN = 5


def read_work_tree(git: Git, end: Point | None, wait: Wait) -> WorkTree:
    """Return the files as they are now.

    Args:
        git: the workspace.
        end: the recorded end of the work; None without a record.
        wait: the time limit.

    Raises:
        Cancelled: the caller requested a stop.
    """
    with tempfile.TemporaryDirectory(prefix="millracer-") as folder:
        objects = Path(folder) / "objects"
        objects.mkdir(mode=0o700)
        try:
            return _read(git, objects, end, wait)
        except NotMeasurable as reason:
            return WorkTree(problem=str(reason), is_repository=False)
        except ToolNotFound:
            return WorkTree(problem="git is not installed", is_repository=False)
        except MillracerError as error:
            return WorkTree(problem=error.message)
        except OSError as error:
            return WorkTree(problem=f"the files cannot be read: {error.strerror}")


def _read(git: Git, objects: Path, end: Point | None, wait: Wait) -> WorkTree:
    taken = take_snapshot(git, objects, wait, limits=COPY_LIMITS)
    if taken.too_large:
        return WorkTree(problem=f"changed files are too large: {_name(taken.too_large)}")
    if taken.is_partial:
        return WorkTree(problem="git cannot read some files of the workspace")
    own = with_objects(git, objects, wait)
    return WorkTree(
        tree=taken.tree,
        limits=tuple(_find_limits(own, taken, wait)),
        differs_from_end=_differs(git, objects, end, taken, wait),
    )


def _find_limits(git: Git, taken: Snapshot, wait: Wait) -> Iterator[str]:
    submodules = find_submodules(git, taken.tree, wait)
    if submodules:
        yield f"submodules, whose files are elsewhere: {_name(submodules)}"
    pointers = _find_pointers(git, taken.tree, wait)
    if pointers is None:
        yield "pointers of Git LFS: git could not search for them"
    elif pointers:
        yield f"pointers of Git LFS, without the files' content: {_name(pointers)}"
    ignored = _find_ignored(git, wait)
    if ignored:
        yield f"files that git ignores: {_name(ignored)}"


def _find_pointers(git: Git, tree: str, wait: Wait) -> tuple[str, ...] | None:
    options = ("--name-only", "-z", "--full-name", "--no-textconv", "-e", _LFS_LINE)
    searched = git.call("grep", *options, tree, wait=wait)
    if searched.exit_code not in {_FOUND, _NOT_FOUND}:
        return None
    found = (each.partition(":")[2] for each in searched.stdout.split("\0") if each)
    return tuple(found)


def _find_ignored(git: Git, wait: Wait) -> tuple[str, ...]:
    options = ("--others", "--ignored", "--exclude-standard", "--directory", "-z")
    listed = git.output("ls-files", *options, "--", *PATHSPEC, wait=wait)
    # Git lists an ignored folder although the pathspec excludes it.
    return tuple(
        path for path in listed.split("\0") if path and path.rstrip("/") not in OWN_FOLDERS
    )


def _differs(
    git: Git, objects: Path, end: Point | None, taken: Snapshot, wait: Wait
) -> bool | None:
    """Return whether the files changed since the end, which was measured with other limits."""
    if end is None or end.tree is None:
        return None
    if end.tree == taken.tree:
        return False
    if not end.too_large:
        return True
    again = take_snapshot(git, objects, wait)
    return (again.tree, again.too_large) != (end.tree, end.too_large)


def find_commit(git: Git, revision: str, base: str | None, wait: Wait) -> FoundCommit:
    """Return a commit with its tree, and whether it descends from another one.

    Raises:
        Cancelled: the caller requested a stop.
    """
    try:
        return _find_commit(git, revision, base, wait)
    except MillracerError as error:
        return FoundCommit(revision=revision, problem=error.message)


def _find_commit(git: Git, revision: str, base: str | None, wait: Wait) -> FoundCommit:
    commit = _resolve(git, f"{revision}^{{commit}}", wait)
    if commit is None:
        return FoundCommit(revision=revision, problem=f"the repository has no commit {revision}")
    return FoundCommit(
        revision=revision,
        commit=commit,
        tree=_resolve(git, f"{commit}^{{tree}}", wait),
        has_base=None if base is None else _descends(git, commit, base, wait),
        uncovered=_find_uncovered(git, commit, wait),
    )


def _find_uncovered(git: Git, commit: str, wait: Wait) -> tuple[str, ...]:
    """Return the folders of the commit that are left out of every tree."""
    listed = git.output("ls-tree", "--name-only", "-z", commit, "--", *OWN_FOLDERS, wait=wait)
    return tuple(name for name in listed.split("\0") if name)


def _descends(git: Git, commit: str, base: str, wait: Wait) -> bool | None:
    if _resolve(git, f"{base}^{{commit}}", wait) is None:
        return None
    compared = git.call("merge-base", "--is-ancestor", base, commit, wait=wait)
    if compared.exit_code not in {_FOUND, _NOT_FOUND}:
        return None
    return compared.exit_code == _FOUND


def _resolve(git: Git, name: str, wait: Wait) -> str | None:
    found = git.call("rev-parse", "--verify", "--quiet", "--end-of-options", name, wait=wait)
    # Older versions of git print the option itself.
    lines = [line for line in found.stdout.splitlines() if line != "--end-of-options"]
    return lines[0] if found.exit_code == 0 and lines else None


def _name(paths: Sequence[str]) -> str:
    rest = len(paths) - _SHOWN
    return ", ".join(paths[:_SHOWN]) + (f" and {rest} more" if rest > 0 else "")
