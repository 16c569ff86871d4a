"""Detect whether a workspace's status may have changed: a few dozen stat calls, no program."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from millracer.domain.work.runtime import RunningDaemon
from millracer.errors import MillracerError
from millracer.millrace.daemon.find import DaemonFinder
from millracer.millrace.files.items.locate import item_folders
from millracer.millrace.files.state import RuntimeFiles, Stamp, could_hide_a_change, stamp
from millracer.millrace.files.workspace import WorkspacePaths
from millracer.millrace.wire.state_files import LockFile, Snapshot
from millracer.ports import StatusStamps
from millracer.system.files import is_locked


@dataclass(frozen=True, slots=True)
class _Reading:
    """The state of everything that a status shows."""

    lock: LockFile | None
    snapshot: Snapshot | None
    daemon: RunningDaemon | None
    watched: bool
    stamps: tuple[Stamp | None, ...]


class DiskStamps(StatusStamps):
    """The stamps of one workspace.

    Args:
        paths: of the workspace.
        watch_lease: the file that Millracer's commands lock while they watch.
        wall_ns: the wall clock that file systems use for time stamps, in nanoseconds.
    """

    def __init__(
        self,
        paths: WorkspacePaths,
        *,
        watch_lease: Path,
        wall_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._watch_lease = watch_lease
        self._wall_ns = wall_ns
        self._files = RuntimeFiles.of(paths)
        self._finder = DaemonFinder(paths, self._files)
        incoming = str(paths.mailbox / "incoming")
        self._stamped = (str(paths.event_log), incoming, *item_folders(paths))

    def read(self) -> object | None:
        """See the port."""
        begun_ns = self._wall_ns()
        stamps = tuple(map(stamp, self._stamped))
        changed_ns = max((each[0] for each in stamps if each is not None), default=0)
        if could_hide_a_change(changed_ns, begun_ns):
            return None
        try:
            daemon = self._finder.find()
        except MillracerError:
            return None
        return _Reading(
            lock=self._files.lock.read(),
            snapshot=self._files.snapshot.read(),
            daemon=daemon,
            watched=is_locked(self._watch_lease),
            stamps=stamps,
        )
