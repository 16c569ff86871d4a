"""A command's lease on Millrace's daemon while it watches.

The last command to give up the lease stops an owned daemon.
"""

from __future__ import annotations

from contextlib import ExitStack, suppress

from millracer.cancellation import Cancelled, Wait
from millracer.domain.run.observation import ChangeHints
from millracer.domain.work.items import ItemStatus
from millracer.errors import MillracerError, RunWarning
from millracer.millrace.commands.calls import MillraceCalls
from millracer.millrace.daemon.find import DaemonFinder
from millracer.millrace.daemon.locks import lifecycle_lock
from millracer.millrace.daemon.log import has_ended
from millracer.millrace.daemon.ownership import read_ownership, write_ownership
from millracer.millrace.daemon.ownership_record import OwnershipRecord
from millracer.millrace.daemon.stop import stop_daemon
from millracer.millrace.daemon.watch import RuntimeWatch
from millracer.millrace.files.state import RuntimeFiles
from millracer.millrace.files.workspace import WorkspacePaths
from millracer.ports import WatchLease
from millracer.system.files import await_lock, locked
from millracer.system.proc import shows_processes

_POLL_SECONDS = 0.05
_LEAVE_LOCK_SECONDS = 4.0
#: Another thread's child process holds the lease between its fork and its exec.
_LEASE_RETRY_SECONDS = 0.2


class SharedLease(WatchLease):
    """One watcher's lease."""

    def __init__(
        self,
        calls: MillraceCalls,
        paths: WorkspacePaths,
        watch: RuntimeWatch,
        lease: int,
        held: ExitStack,
    ) -> None:
        self._calls = calls
        self._paths = paths
        self._watch = watch
        self._lease = lease
        self._held = held
        self._left_running: bool | None = None
        self._last_record: OwnershipRecord | None = None
        self._notices: list[RunWarning] = []

    @property
    def notices(self) -> tuple[RunWarning, ...]:
        """Warnings from the end of the lease."""
        return tuple(self._notices)

    def next_hints(self, item: ItemStatus, wait: Wait) -> ChangeHints:
        """Block until something may have changed; see `RuntimeWatch.next_hints`.

        Keeps the ownership record: a stage may remove `.millracer/` meanwhile.
        """
        self._last_record = read_ownership(self._paths) or self._last_record
        return self._watch.next_hints(item, wait)

    def leave(self, wait: Wait, *, keep_daemon: bool) -> bool:
        """Give up the lease; the last lease stops an owned daemon, within at most 20 s.

        Returns whether a daemon of this installation is left running.
        """
        if self._left_running is None:
            try:
                self._left_running = self._release(wait, keep_daemon=keep_daemon)
            finally:
                self._watch.close()
                self._held.close()
        return self._left_running

    def _release(self, wait: Wait, *, keep_daemon: bool) -> bool:
        with ExitStack() as stack:
            # Continue without the lock after the limit: no owned process may be left.
            with suppress(MillracerError, Cancelled, OSError):
                stack.enter_context(
                    locked(lifecycle_lock(self._paths), wait.within(_LEAVE_LOCK_SECONDS))
                )
            files = RuntimeFiles.of(self._paths)
            finder = DaemonFinder(self._paths, files)
            record = read_ownership(self._paths) or self._last_record
            if record is None or record.kept:
                return False
            if not shows_processes():
                return has_ended(self._paths, record) is False
            if keep_daemon and finder.find_owned() is not None:
                write_ownership(self._paths, record.model_copy(update={"kept": True}))
                return True
            if not self._is_last():
                return finder.find_owned() is not None
            failed = stop_daemon(record, calls=self._calls, finder=finder, files=files, wait=wait)
            if failed is not None:
                self._notices.append(failed)
            return False

    def _is_last(self) -> bool:
        wait = Wait.for_seconds(_LEASE_RETRY_SECONDS)
        return await_lock(self._lease, wait, shared=False, every=_POLL_SECONDS)
