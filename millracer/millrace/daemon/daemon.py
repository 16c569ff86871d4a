"""The daemon of one workspace: find it, and take the locks that watching and control need."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from millracer.cancellation import Wait
from millracer.domain.work.runtime import RunningDaemon
from millracer.millrace.commands.calls import MillraceCalls
from millracer.millrace.daemon.control import LockedControl, StatusReader, is_stale
from millracer.millrace.daemon.find import DaemonFinder
from millracer.millrace.daemon.lease import SharedLease
from millracer.millrace.daemon.locks import lifecycle_lock, watch_lock
from millracer.millrace.daemon.observer import DiskObserver
from millracer.millrace.daemon.ownership import read_ownership
from millracer.millrace.daemon.stamps import DiskStamps
from millracer.millrace.daemon.watch import RuntimeWatch
from millracer.millrace.files.state import RuntimeFiles
from millracer.millrace.files.workspace import WorkspacePaths
from millracer.ports import (
    OBSERVER_POLL_SECONDS,
    DaemonControl,
    Observer,
    StatusStamps,
    Supervisor,
    WatchLease,
)
from millracer.system.files import is_locked, locked


class WorkspaceDaemon(Supervisor):
    """The daemon of one workspace."""

    def __init__(
        self,
        calls: MillraceCalls,
        paths: WorkspacePaths,
        *,
        safety_seconds: float,
        status_reader: StatusReader,
        version: Callable[[], str | None],
    ) -> None:
        self._calls = calls
        self._paths = paths
        self._safety_seconds = safety_seconds
        self._status_reader = status_reader
        self._version = version

    @property
    def owns_daemon(self) -> bool:
        """Whether the ownership record names a daemon that was not kept."""
        record = read_ownership(self._paths)
        return record is not None and not record.kept

    @contextmanager
    def control(self, wait: Wait) -> Iterator[DaemonControl]:
        """Hold the lifecycle lock; use the control only inside the context.

        Raises:
            WorkspaceUnusable: the workspace is missing or not writable.
            ToolTimeout: another command held the lock until the deadline.
        """
        self._paths.make_own()
        with locked(lifecycle_lock(self._paths), wait):
            yield LockedControl(self._calls, self._paths, self._status_reader, self._version)

    def is_stale(self, wait: Wait) -> bool:
        """Whether the next start of a daemon needs a repair; writes nothing."""
        if self.find() is not None:
            return False
        return is_stale(RuntimeFiles.of(self._paths), self._status_reader, wait)

    def lease(self, wait: Wait) -> WatchLease:
        """Take the watch lease; waits for a command that is stopping the daemon.

        Events are reported from now on, so take the lease before starting the daemon.

        Raises:
            WorkspaceUnusable: the workspace is missing or not writable.
            ToolTimeout: the lease was not available before the deadline.
        """
        self._paths.make_own()
        with ExitStack() as stack:
            lease = stack.enter_context(locked(watch_lock(self._paths), wait, shared=True))
            watch = RuntimeWatch(self._paths, safety_seconds=self._safety_seconds)
            return SharedLease(self._calls, self._paths, watch, lease, stack.pop_all())

    def find(self) -> RunningDaemon | None:
        """Return the workspace's daemon, None if there is none; takes no lock."""
        return DaemonFinder(self._paths, RuntimeFiles.of(self._paths)).find_any()

    def is_watched(self) -> bool:
        """Whether a command holds the watch lease; does not create its file."""
        return is_locked(watch_lock(self._paths))

    def observe(self, *, poll_seconds: float = OBSERVER_POLL_SECONDS) -> Observer:
        """Return an observer of this workspace, which takes no lease."""
        return DiskObserver(
            self._paths,
            watch_lease=watch_lock(self._paths),
            safety_seconds=self._safety_seconds,
            poll_seconds=poll_seconds,
        )

    def stamps(self) -> StatusStamps:
        """Return the stamps of this workspace."""
        return DiskStamps(self._paths, watch_lease=watch_lock(self._paths))
