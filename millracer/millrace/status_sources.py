"""The sources of `millrace status`, summarised in one value: equal values mean an equal status.

As of 0.18.6 to 0.21.1 it reads files below `millrace-agents` (of `runs` only the stage results
beside the last one), whether the workspace may be written, its own package, and whether the process
that the lock names lives. It reads no clock and nothing else of the machine. The value covers all
of that folder but `runs`, so that it is also right for a version that reads more of the folder.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

import psutil
from pydantic import ValidationError

from millracer.millrace.commands.calls import MillraceCalls
from millracer.millrace.commands.install import find_install
from millracer.millrace.files.workspace import WorkspacePaths
from millracer.millrace.wire.state_files import LastStageResult, LockFile
from millracer.system.files import read_regular
from millracer.system.proc import shows_processes, start_time

#: Too large to check each time; Millrace reads only the part that the snapshot names.
_RUNS = "runs"


@dataclass(frozen=True, slots=True)
class Reading:
    """The state of one status's sources at one moment.

    Attributes:
        digest: of every path's stamp, and of the lock's owner.
        changed_ns: when the last path changed, by the file system's clock.
    """

    digest: bytes
    changed_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusSources:
    """The sources of one workspace's status.

    The list is valid while `read` returns equal values, if nothing changed while it was made: a
    folder's stamp changes with the names in it, and the lock and the snapshot are among the paths.

    Attributes:
        paths: folders and files.
        links: links, which may be replaced and whose targets may change.
        absent: a path that does not exist, and is a source once it does.
        owner: the pid that the lock names.
    """

    calls: MillraceCalls
    paths: tuple[str, ...]
    links: tuple[str, ...]
    absent: str | None
    owner: int | None

    def read(self) -> Reading | None:
        """Return their current state, in microseconds per path; None if one cannot be read."""
        digest = _SourceDigest()
        try:
            digest.add_install(self.calls)
            digest.add_root(self.calls.workspace)
            digest.add_owner(self.owner)
            for path in self.paths:
                digest.add_stamp(os.stat(path))  # noqa: PTH116 - the hot path, without Path objects
            for link in self.links:
                digest.add_link(link)
            if self.absent is not None and os.path.lexists(self.absent):
                return None
        except (_Unknown, OSError, psutil.Error):
            return None
        return digest.done()


def find_sources(calls: MillraceCalls) -> StatusSources | None:
    """Return the sources of a workspace's status; None if they cannot be determined."""
    paths = WorkspacePaths(calls.workspace)
    try:
        entries = list(_walk(str(paths.agents), passing_over=_RUNS))
        results = _last_results(paths)
        if results is not None and results.is_dir():
            entries += _walk(str(results))
            results = None
        owner = _owner(paths.runtime_lock)
    except (_Unknown, OSError, ValidationError):
        return None
    return StatusSources(
        calls=calls,
        paths=tuple(path for path, is_link in entries if not is_link),
        links=tuple(path for path, is_link in entries if is_link),
        absent=None if results is None else str(results),
        owner=owner,
    )


class _Unknown(Exception):
    """A source of a status cannot be determined."""


class _SourceDigest:
    def __init__(self) -> None:
        self._digest = blake2b(digest_size=16)
        self._changed_ns = 0

    def done(self) -> Reading:
        return Reading(self._digest.digest(), self._changed_ns)

    def add_stamp(self, found: os.stat_result) -> None:
        """Add one stamp; the status change time also covers permissions."""
        changed = found.st_ctime_ns
        self._changed_ns = max(self._changed_ns, changed)
        self._add(f"{found.st_dev} {found.st_ino} {found.st_size} {found.st_mtime_ns} {changed}")

    def add_link(self, link: str) -> None:
        """Add a link and its target file."""
        self.add_stamp(os.lstat(link))
        try:
            self.add_stamp(os.stat(link))  # noqa: PTH116 - as above
        except FileNotFoundError:
            self._add("to nowhere")

    def add_install(self, calls: MillraceCalls) -> None:
        """Add the identity of the Millrace install."""
        found = find_install(calls.argv, calls.env)
        if found is None:
            raise _Unknown
        for path in (found.script, found.metadata):
            self._add(str(path))
            self.add_stamp(path.stat())

    def add_root(self, root: Path) -> None:
        """Add the directory's identity and whether Millrace may write to it, not its contents."""
        found = root.stat()
        usable = os.access(root, os.W_OK)
        self._add(f"{found.st_dev} {found.st_ino} {found.st_mode} {found.st_uid} {usable}")

    def add_owner(self, pid: int | None) -> None:
        """Add whether the lock's owner lives, as `kill(pid, 0)` sees it, and since when."""
        if pid is None:
            return
        if not shows_processes():
            raise _Unknown
        try:
            process = psutil.Process(pid)
            is_zombie = process.status() == psutil.STATUS_ZOMBIE
            self._add(f"{pid} {start_time(process)} {is_zombie}")
        except psutil.NoSuchProcess as gone:
            self._add(f"{pid} {type(gone).__name__}")

    def _add(self, text: str) -> None:
        self._digest.update(text.encode("utf-8", "surrogateescape") + b"\0")


def _walk(folder: str, *, passing_over: str | None = None) -> Iterator[tuple[str, bool]]:
    """Yield a folder and all paths below it, each with whether it is a link to a file.

    Raises:
        _Unknown: a link leads to a folder.
    """
    yield folder, False
    with os.scandir(folder) as entries:
        listed = list(entries)
    for entry in listed:
        if entry.name == passing_over:
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(entry.path)
        elif not entry.is_symlink():
            yield entry.path, False
        elif entry.is_dir():
            raise _Unknown
        else:
            yield entry.path, True


def _owner(lock: Path) -> int | None:
    try:
        return LockFile.model_validate_json(read_regular(lock)).owner_pid
    except FileNotFoundError:
        return None


def _last_results(paths: WorkspacePaths) -> Path | None:
    """Return the folder of the last stage's result, if the snapshot names one."""
    snapshot = LastStageResult.model_validate_json(read_regular(paths.snapshot))
    named = snapshot.last_stage_result_path
    return None if named is None else (paths.root / named).parent
