"""Wait for changes in a workspace, without a lease and without an item.

An observer makes and stops nothing, and no command waits for it. It covers what a status shows. The
mailbox is not covered: a daemon rewrites a deferred command there at every tick.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from millracer.cancellation import Wait
from millracer.domain.work.runtime import RunningDaemon
from millracer.millrace.daemon.find import DaemonFinder
from millracer.millrace.daemon.sleep import HEARING_POLL_SECONDS, WorkspaceSleep, settled
from millracer.millrace.files.items.locate import item_folders
from millracer.millrace.files.state import RuntimeFiles, Stamp, stamp
from millracer.millrace.files.workspace import WorkspacePaths
from millracer.millrace.wire.state_files import LockFile, Snapshot
from millracer.ports import Observer
from millracer.system.files import is_locked


@dataclass(frozen=True, slots=True)
class _Observation:
    """What one observation saw."""

    lock: LockFile | None
    snapshot: Snapshot | None
    daemon: RunningDaemon | None
    watched: bool
    folders: tuple[Stamp | None, ...]


class DiskObserver(Observer):
    """Observes one workspace.

    Args:
        paths: of the workspace.
        watch_lease: the file that Millracer's commands lock while they watch.
        safety_seconds: the longest time without a change before a read is due.
        poll_seconds: see `Supervisor.observe`.
    """

    def __init__(
        self,
        paths: WorkspacePaths,
        *,
        watch_lease: Path,
        safety_seconds: float,
        poll_seconds: float = HEARING_POLL_SECONDS,
    ) -> None:
        self._poll_seconds = poll_seconds
        self._watch_lease = watch_lease
        self._safety_seconds = safety_seconds
        self._files = RuntimeFiles.of(paths)
        self._finder = DaemonFinder(paths, self._files)
        self._folders = tuple(item_folders(paths))
        self._sleep = WorkspaceSleep([str(paths.state), *self._folders])
        self._last: _Observation | None = None

    def next_change(self, wait: Wait) -> None:
        """Block until something may have changed; at once on the first call.

        Raises:
            Cancelled: the caller asked to stop.
        """
        wait.cancellation.raise_if_cancelled()
        patience = wait.within(self._safety_seconds)
        seen = self._observe()
        while seen == self._last and not patience.expired:
            is_complete = seen.snapshot is not None  # else folders are missing, and not reported
            every = self._poll_seconds if is_complete else HEARING_POLL_SECONDS
            self._sleep.sleep(seen.daemon, patience, every)
            seen = self._observe()
        self._last = seen if self._last is None else settled(seen, self._observe, wait)

    def close(self) -> None:
        """Stop observing; repeatable."""
        self._sleep.close()

    def _observe(self) -> _Observation:
        return _Observation(
            lock=self._files.lock.read(),
            snapshot=self._files.snapshot.read(),
            daemon=self._finder.find(),
            watched=is_locked(self._watch_lease),
            folders=tuple(map(stamp, self._folders)),
        )
