"""What `millrace status` depends on, and a look at it as one value: equal values, an equal status.

As of 0.18.6 to 0.21.1 it reads files below `millrace-agents` (of `runs` only the stage results
beside the last one), whether the workspace may be written, its own package, and whether the process
that the lock names lives. It reads no clock and nothing else of the machine. All of that folder but
`runs` is looked at, so that a version that reads more of it is held as well.
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
from millracer.system.proc import shows_processes, start_time

#: Too much to look at each time, and read only where the snapshot points to.
_RUNS = "runs"


@dataclass(frozen=True, slots=True)
class Look:
    """The sources of one status at one moment.

    Attributes:
        digest: of every path's stamp, and of the lock's owner.
        changed_ns: when the last path changed, by the file system's clock.
    """

    digest: bytes
    changed_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusSources:
    """Where one workspace's status comes from.

    They stay the same while looks at them do, if nothing changed while they were found: a folder's
    stamp changes with the names in it, and the lock and the snapshot are among the paths.

    Attributes:
        paths: folders and files.
        links: links, which may be replaced and whose targets may change.
        absent: what is not there and counts once it is.
        owner: the pid that the lock names.
    """

    calls: MillraceCalls
    paths: tuple[str, ...]
    links: tuple[str, ...]
    absent: str | None
    owner: int | None

    def look(self) -> Look | None:
        """Return what they are now, in a few microseconds a path; None where one cannot be told."""
        looking = _Looking()
        try:
            looking.at_install(self.calls)
            looking.at_root(self.calls.workspace)
            looking.at_owner(self.owner)
            for path in self.paths:
                looking.at(os.stat(path))  # noqa: PTH116 - the hot path, without Path objects
            for link in self.links:
                looking.at_link(link)
            if self.absent is not None and os.path.lexists(self.absent):
                return None
        except (_Unknown, OSError, psutil.Error):
            return None
        return looking.done()


def find_sources(calls: MillraceCalls) -> StatusSources | None:
    """Return where a workspace's status comes from; None where that cannot be told for sure."""
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
    """Something a status depends on cannot be told."""


class _Looking:
    def __init__(self) -> None:
        self._digest = blake2b(digest_size=16)
        self._changed_ns = 0

    def done(self) -> Look:
        return Look(self._digest.digest(), self._changed_ns)

    def at(self, found: os.stat_result) -> None:
        """Take in one stamp; the status change time tells of permissions, too."""
        changed = found.st_ctime_ns
        self._changed_ns = max(self._changed_ns, changed)
        self._say(f"{found.st_dev} {found.st_ino} {found.st_size} {found.st_mtime_ns} {changed}")

    def at_link(self, link: str) -> None:
        """Take in a link and the file it leads to."""
        self.at(os.lstat(link))
        try:
            self.at(os.stat(link))  # noqa: PTH116 - as above
        except FileNotFoundError:
            self._say("to nowhere")

    def at_install(self, calls: MillraceCalls) -> None:
        """Take in which Millrace it is."""
        found = find_install(calls.argv, calls.env)
        if found is None:
            raise _Unknown
        for path in (found.script, found.metadata):
            self._say(str(path))
            self.at(path.stat())

    def at_root(self, root: Path) -> None:
        """Take in which directory it is and whether Millrace may use it, not what lies there."""
        found = root.stat()
        usable = os.access(root, os.W_OK)
        self._say(f"{found.st_dev} {found.st_ino} {found.st_mode} {found.st_uid} {usable}")

    def at_owner(self, pid: int | None) -> None:
        """Take in whether the lock's owner lives, as `kill(pid, 0)` sees it, and since when."""
        if pid is None:
            return
        if not shows_processes():
            raise _Unknown
        try:
            process = psutil.Process(pid)
            is_zombie = process.status() == psutil.STATUS_ZOMBIE
            self._say(f"{pid} {start_time(process)} {is_zombie}")
        except psutil.NoSuchProcess as gone:
            self._say(f"{pid} {type(gone).__name__}")

    def _say(self, words: str) -> None:
        self._digest.update(words.encode("utf-8", "surrogateescape") + b"\0")


def _walk(folder: str, *, passing_over: str | None = None) -> Iterator[tuple[str, bool]]:
    """Yield a folder and all below it, and whether it is a link; none may lead to a folder."""
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
        return LockFile.model_validate_json(lock.read_bytes()).owner_pid
    except FileNotFoundError:
        return None


def _last_results(paths: WorkspacePaths) -> Path | None:
    """Return the folder of the last stage's result, if the snapshot names one."""
    snapshot = LastStageResult.model_validate_json(paths.snapshot.read_bytes())
    named = snapshot.last_stage_result_path
    return None if named is None else (paths.root / named).parent
