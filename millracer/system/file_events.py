"""Sleep until something changes in certain folders, a process ends, or a limit is reached.

A wake-up only triggers an earlier read: the caller checks the actual state afterwards. If the
system cannot report changes, or a folder is missing, it is an ordinary sleep.
"""

from __future__ import annotations

import os
import select
import sys
import time
from collections.abc import Iterable
from contextlib import nullcontext, suppress
from typing import Protocol, Self

from millracer.cancellation import Wait
from millracer.system.linux import has_linux_calls
from millracer.system.process_end import ProcessEnd, watch_end

#: How often the end of a process that has no descriptor is checked, and cancellation where no pipe
#: can report it.
_SLICE_SECONDS = 0.1
#: The longest wait in one system call.
_LONGEST_SECONDS = 600.0
#: How long to keep sleeping after the first change, if changes come in bursts.
_BURST_SECONDS = 0.02


class FolderChanges(Protocol):
    """Change notifications of the system for folders, not for their subfolders."""

    def fileno(self) -> int:
        """Return the descriptor that is readable after a change."""

    def watch(self, folders: Iterable[str]) -> list[str]:
        """Report changes of these folders from now on; return those that cannot be watched.

        Raises:
            OSError, RuntimeError: the system cannot watch any folder.
        """

    def take_removed(self) -> list[str]:
        """Read all pending notifications; return the folders that were removed."""

    def close(self) -> None:
        """Release all resources; once only."""


class OpenChanges(Protocol):
    """Opens notifications; see `InotifyChanges`."""

    def __call__(self, *, closes: bool = False) -> FolderChanges:
        """Return open notifications.

        Raises:
            OSError: a limit is reached.
        """


def open_changes(*, closes: bool = False) -> FolderChanges | None:
    """Return the notifications of this platform; None if there are none or a limit is reached.

    Args:
        closes: also report, where the system can, that a file was closed that was open for writing.
    """
    try:
        return load_changes()(closes=closes)
    except (OSError, ImportError):
        return None


def load_changes() -> OpenChanges:
    """Import the notifications of this platform.

    Raises:
        ImportError: their library is not installed.
    """
    if sys.platform == "linux" and has_linux_calls():
        from millracer.system.inotify_changes import InotifyChanges  # noqa: PLC0415 - one of two

        return InotifyChanges
    from millracer.system.watchfiles_changes import WatchfilesChanges  # noqa: PLC0415 - the other

    return WatchfilesChanges


class Wakeup:
    """Watches folders, not their subfolders, until it is closed.

    Args:
        folders: absolute paths; `watch_folders` tries missing ones again.
        closes: see `open_changes`.
        burst_seconds: how long to keep sleeping after the first change.
        retry_seconds: the shortest time between two attempts to watch missing folders while no
            change is reported.
    """

    def __init__(
        self,
        folders: Iterable[str],
        *,
        closes: bool = False,
        burst_seconds: float = _BURST_SECONDS,
        retry_seconds: float = 0.0,
    ) -> None:
        self._burst_seconds, self._retry_seconds = burst_seconds, retry_seconds
        self._missing = list(dict.fromkeys(folders))
        self._changes = open_changes(closes=closes)
        self._stop = _open_stop() if self._changes is not None else None
        self._process: ProcessEnd | None = None
        self._next_attempt = 0.0
        self.watch_folders()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def is_listening(self) -> bool:
        """Whether the system reports changes."""
        return self._changes is not None

    def watch_folders(self) -> None:
        """Watch the folders that were missing and exist now."""
        if self._changes is None or not self._missing or time.monotonic() < self._next_attempt:
            return
        self._next_attempt = time.monotonic() + self._retry_seconds
        try:
            self._missing = self._changes.watch(self._missing)
        except (OSError, RuntimeError):
            self._close_changes()

    def watch_process(self, pid: int | None) -> None:
        """Wake up when this process ends; it replaces the process watched before."""
        if self._process is not None:
            if self._process.pid == pid:
                return
            self._forget_process()
        if pid is not None:
            self._process = watch_end(pid)

    def sleep(self, seconds: float, wait: Wait) -> None:
        """Sleep until a change, at most `seconds` and at most until the wait's deadline.

        Raises:
            Cancelled: the caller cancelled.
        """
        if self._changes is None:
            wait.sleep(seconds)
            return
        poll = select.poll()
        poll.register(self._changes, select.POLLIN)
        is_slow = self._stop is not None
        if self._stop is not None:
            poll.register(self._stop, select.POLLIN)
        if self._process is not None:
            if self._process.descriptor is not None:
                poll.register(self._process.descriptor, select.POLLIN)
            else:
                is_slow = False
        longest = _LONGEST_SECONDS if is_slow else _SLICE_SECONDS
        within = wait.within(seconds)
        stop = self._stop
        with nullcontext() if stop is None else wait.cancellation.waking(stop.wake):
            while not within.expired:
                wait.cancellation.raise_if_cancelled()
                ready = poll.poll(min(longest, within.remaining) * 1000)
                if stop is not None and any(descriptor == stop.fileno() for descriptor, _ in ready):
                    stop.clear()
                    continue
                if ready or self._has_process_ended():
                    within.sleep(self._burst_seconds)
                    self._take_wakeup()
                    break
        wait.cancellation.raise_if_cancelled()

    def close(self) -> None:
        """Release all resources; repeatable."""
        self._forget_process()
        self._close_changes()
        if self._stop is not None:
            self._stop.close()
            self._stop = None

    def _has_process_ended(self) -> bool:
        return self._process is not None and self._process.has_ended()

    def _take_wakeup(self) -> None:
        if self._has_process_ended():
            self._forget_process()  # it would end every later sleep immediately
        self._next_attempt = 0.0
        if self._changes is not None:
            self._missing.extend(self._changes.take_removed())

    def _forget_process(self) -> None:
        if self._process is not None:
            self._process.close()
            self._process = None

    def _close_changes(self) -> None:
        if self._changes is not None:
            self._changes.close()
            self._changes = None


class _Stop:
    """A pipe that makes a requested stop visible to `poll`.

    Raises:
        OSError: no descriptors are left.
    """

    def __init__(self) -> None:
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._reader, False)
        os.set_blocking(self._writer, False)

    def fileno(self) -> int:
        return self._reader

    def wake(self) -> None:
        with suppress(BlockingIOError):  # it is full, so it is readable
            os.write(self._writer, b"\0")

    def clear(self) -> None:
        with suppress(BlockingIOError):
            os.read(self._reader, 64)

    def close(self) -> None:
        os.close(self._reader)
        os.close(self._writer)


def _open_stop() -> _Stop | None:
    try:
        return _Stop()
    except OSError:
        return None
