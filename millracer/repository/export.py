"""Copy the tree of a workspace to a private folder, without changing the repository.

The copy is what a new clone has: a temporary repository checks the tree out, without configuration
and attributes of the workspace's repository. An agent can write these, and a filter there could
start a program, or give the checks other content than the certified tree has.

`git archive` is not used: it leaves out files with the attribute `export-ignore`, often the tests.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from millracer.cancellation import Wait
from millracer.errors import MillracerError, ToolNotFound
from millracer.ports import Export
from millracer.repository.git import Git
from millracer.repository.snapshot import (
    COPY_LIMITS,
    NotMeasurable,
    Snapshot,
    take_snapshot,
    with_objects,
)

_SUBMODULE = "160000 "
_LFS_POINTER = b"version https://git-lfs.github.com/spec/"
_LONGEST_POINTER = 1024


class NotExportable(Exception):
    """A copy would differ from the workspace; the text says why."""


@contextmanager
def exported(git: Git, wait: Wait, commit: str | None = None) -> Iterator[Export]:
    """Yield a copy of the workspace's files; without one, the reason.

    Args:
        git: the workspace.
        wait: the time limit.
        commit: the id of the commit whose files are copied; None: the files as they are now.

    Raises:
        Cancelled: the caller requested a stop.
    """
    folder = Path(tempfile.mkdtemp(prefix="millracer-check-"))
    try:
        yield _try(git, folder, wait, commit)
    finally:
        _remove(folder)


def find_tree(git: Git, wait: Wait) -> str | None:
    """Return the id of the tree of the workspace's files; None if it is not known.

    Raises:
        Cancelled: the caller requested a stop.
    """
    with tempfile.TemporaryDirectory(prefix="millracer-") as folder:
        try:
            return _complete_snapshot(git, _objects_in(Path(folder)), wait).tree
        except (MillracerError, NotMeasurable, NotExportable, OSError):
            return None


def _try(git: Git, folder: Path, wait: Wait, commit: str | None) -> Export:
    try:
        return _export(git, folder, wait, commit)
    except (NotMeasurable, NotExportable) as reason:
        return Export(problem=str(reason))
    except ToolNotFound:
        return Export(problem="git is not installed")
    except MillracerError as error:
        return Export(problem=error.message)
    except OSError as error:
        return Export(problem=f"the files cannot be copied: {error.strerror}")


def _export(git: Git, folder: Path, wait: Wait, commit: str | None) -> Export:
    objects = _objects_in(folder)
    if commit is None:
        tree = _complete_snapshot(git, objects, wait).tree
    else:
        tree = git.output("rev-parse", "--verify", "--quiet", f"{commit}^{{tree}}", wait=wait)
        tree = tree.strip()
    files = folder / "files"
    files.mkdir(mode=0o700)
    inside = Path(git.output("rev-parse", "--show-prefix", wait=wait).rstrip("\n"))
    own = _make_repository(with_objects(git, objects, wait), folder / "repository", files, wait)
    submodules = find_submodules(own, tree, wait)
    if submodules:
        raise NotExportable(f"{submodules[0]} is a submodule")
    own.output("read-tree", tree, wait=wait)
    own.output("checkout-index", "--all", "--quiet", wait=wait)
    pointers = list(_find_lfs_pointers(files))
    if pointers:
        raise NotExportable(f"{pointers[0]} is a pointer of Git LFS, without the file's content")
    copy = files / inside
    if not copy.is_dir() or copy.resolve() != files.resolve() / inside:
        raise NotExportable("git holds no file of the workspace")
    return Export(tree=tree, folder=str(copy))


def _make_repository(git: Git, repository: Path, files: Path, wait: Wait) -> Git:
    """Create an empty repository for a checkout, and return git in it.

    Args:
        git: the workspace, with its objects.
        repository: the new folder of the repository.
        files: the folder of the checked out files.
        wait: the time limit.

    Raises:
        ToolError, Cancelled: as `Git.output`.
    """
    found = git.output("rev-parse", "--show-object-format", wait=wait).strip()
    # Older versions of git know one format, and print the option itself.
    chosen = ("--object-format=sha256",) if found == "sha256" else ()
    options = ("--quiet", "--bare", "--template=", *chosen)
    git.output("init", *options, str(repository), wait=wait)
    variables = {
        "GIT_DIR": str(repository),
        "GIT_WORK_TREE": str(files),
        "GIT_INDEX_FILE": str(repository / "index"),
    }
    return replace(git, workspace=files, variables={**git.variables, **variables})


def _objects_in(folder: Path) -> Path:
    objects = folder / "objects"
    objects.mkdir(mode=0o700)
    return objects


def _complete_snapshot(git: Git, objects: Path, wait: Wait) -> Snapshot:
    taken = take_snapshot(git, objects, wait, limits=COPY_LIMITS)
    if taken.too_large:
        raise NotExportable(f"changed files are too large: {', '.join(taken.too_large[:3])}")
    if taken.is_partial:
        raise NotExportable("git cannot read some files of the workspace")
    return taken


def find_submodules(git: Git, tree: str, wait: Wait) -> tuple[str, ...]:
    """Return the paths of the submodules in a tree.

    Raises:
        ToolError, Cancelled: as `Git.output`.
    """
    listed = git.output("ls-tree", "-r", "-z", "--full-tree", tree, wait=wait)
    return tuple(
        entry.partition("\t")[2] for entry in listed.split("\0") if entry.startswith(_SUBMODULE)
    )


def _find_lfs_pointers(folder: Path) -> Iterator[Path]:
    for root, _, names in os.walk(folder):
        for name in names:
            path = Path(root, name)
            if path.is_symlink() or path.stat().st_size > _LONGEST_POINTER:
                continue
            if path.read_bytes().startswith(_LFS_POINTER):
                yield path.relative_to(folder)


def _remove(folder: Path) -> None:
    """Remove a folder, also if a check took permissions from folders in it."""
    shutil.rmtree(folder, ignore_errors=True)
    if not folder.exists():
        return
    for root, folders, _ in os.walk(folder):
        for name in folders:
            path = Path(root, name)
            if not path.is_symlink():
                path.chmod(0o700)
    shutil.rmtree(folder, ignore_errors=True)
