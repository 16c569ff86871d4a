"""Observe changes of a workspace without a lease or an item.

No command waits for an observer, and an observer creates and stops nothing. It polls the files that
a status depends on, except the mailbox, where a daemon defers a command at every tick.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from millracer.cancellation import Wait
from millracer.domain.runtime import RunningDaemon
from millracer.millrace.daemon.find import DaemonFinder
from millracer.millrace.daemon.watch import DEAF_POLL_SECONDS, HEARING_POLL_SECONDS
from millracer.millrace.files.locate import item_folders
from millracer.millrace.files.state import RuntimeFiles, Stamp, stamp
from millracer.millrace.files.workspace import WorkspacePaths
from millracer.millrace.wire.state_files import LockFile, Snapshot
from millracer.ports import Observer
from millracer.system.file_events import Wakeup
from millracer.system.files import is_locked

#: A transition touches several files within some 50 ms; they are reported as one change.
_SETTLE_SECONDS = 0.05
_SETTLE_ROUNDS = 4


@dataclass(frozen=True, slots=True)
class _View:
    """The state of the workspace at one poll."""

    lock: LockFile | None
    snapshot: Snapshot | None
    daemon: RunningDaemon | None
    watched: bool
    folders: tuple[Stamp | None, ...]


class DiskObserver(Observer):
    """Observes one workspace.

    Args:
        paths: the workspace's paths.
        watch_lease: the file that Millracer's commands lock while they watch.
        safety_seconds: report a possible change after this time without a detected one.
    """

    def __init__(self, paths: WorkspacePaths, *, watch_lease: Path, safety_seconds: float) -> None:
        self._watch_lease = watch_lease
        self._safety_seconds = safety_seconds
        self._files = RuntimeFiles.of(paths)
        self._finder = DaemonFinder(paths, self._files)
        self._folders = tuple(item_folders(paths))
        self._wakeup = Wakeup([str(paths.state), *self._folders])
        self._last: _View | None = None

    def next_change(self, wait: Wait) -> None:
        """Block until something may have changed; the first call returns at once.

        Raises:
            Cancelled: the caller asked to stop.
        """
        wait.cancellation.raise_if_cancelled()
        patience = wait.within(self._safety_seconds)
        view = self._poll()
        while view == self._last and not patience.expired:
            self._sleep(view, patience)
            view = self._poll()
        self._last = view if self._last is None else self._wait_settled(view, wait)

    def close(self) -> None:
        """Stop observing; repeatable."""
        self._wakeup.close()

    def _poll(self) -> _View:
        return _View(
            lock=self._files.lock.read(),
            snapshot=self._files.snapshot.read(),
            daemon=self._finder.find(),
            watched=is_locked(self._watch_lease),
            folders=tuple(map(stamp, self._folders)),
        )

    def _sleep(self, view: _View, wait: Wait) -> None:
        self._wakeup.watch_folders()
        self._wakeup.watch_process(None if view.daemon is None else view.daemon.pid)
        self._wakeup.sleep(HEARING_POLL_SECONDS if self._wakeup.hears else DEAF_POLL_SECONDS, wait)

    def _wait_settled(self, view: _View, wait: Wait) -> _View:
        """Wait for the end of a burst, so that one transition is one change."""
        for _ in range(_SETTLE_ROUNDS):
            wait.sleep(_SETTLE_SECONDS)
            later = self._poll()
            if later == view:
                break
            view = later
        return view
