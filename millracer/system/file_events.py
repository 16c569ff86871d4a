"""Sleep until something changes in certain folders, a process ends, or a limit is reached.

A wake-up only triggers an earlier read: the caller checks the actual state afterwards. If the
system cannot report changes, or a folder is missing, it is an ordinary sleep.
"""

from __future__ import annotations

import os
import select
from collections.abc import Iterable
from contextlib import suppress
from typing import Self

from inotify_simple import INotify, flags

from millracer.cancellation import Wait

#: How often cancellation is checked.
_SLICE_SECONDS = 0.1
#: How long to keep sleeping after the first change: changes come in bursts.
_BURST_SECONDS = 0.02
_CHANGES = flags.CREATE | flags.DELETE | flags.MODIFY | flags.MOVED_FROM | flags.MOVED_TO


class Wakeup:
    """Watches folders, not their subfolders, until it is closed.

    Args:
        folders: absolute paths; `watch_folders` tries missing ones again.
    """

    def __init__(self, folders: Iterable[str]) -> None:
        self._missing = list(dict.fromkeys(folders))
        self._changes = _Changes.open()
        self._process: tuple[int, int] | None = None
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
        if self._changes is not None:
            self._missing = [folder for folder in self._missing if not self._changes.watch(folder)]

    def watch_process(self, pid: int | None) -> None:
        """Wake up when this process ends; it replaces the process watched before."""
        if self._process is not None:
            if self._process[0] == pid:
                return
            os.close(self._process[1])
            self._process = None
        if pid is not None:
            with suppress(OSError, AttributeError):  # it is gone, or the system has no pidfd_open
                self._process = (pid, os.pidfd_open(pid))

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
        if self._process is not None:
            poll.register(self._process[1], select.POLLIN)
        within = wait.within(seconds)
        while not within.expired:
            wait.cancellation.raise_if_cancelled()
            ready = poll.poll(min(_SLICE_SECONDS, within.remaining) * 1000)
            if ready:
                within.sleep(_BURST_SECONDS)
                self._process_ready([descriptor for descriptor, _ in ready])
                break
        wait.cancellation.raise_if_cancelled()

    def close(self) -> None:
        """Close the descriptors; repeatable."""
        self.watch_process(None)
        if self._changes is not None:
            self._changes.close()
            self._changes = None

    def _process_ready(self, ready: list[int]) -> None:
        if self._process is not None and self._process[1] in ready:
            os.close(self._process[1])  # it would end every later sleep immediately
            self._process = None
        if self._changes is not None:
            self._missing.extend(self._changes.take_removed())


class _Changes:
    """Change notifications of the system for folders (Linux's inotify)."""

    def __init__(self) -> None:
        self._inotify = INotify(nonblocking=True)
        self._folders: dict[int, str] = {}

    @classmethod
    def open(cls) -> Self | None:
        """Return an inotify instance; None if the system has none, or its limit is reached."""
        try:
            return cls()
        except (OSError, AttributeError):
            return None

    def fileno(self) -> int:
        """Return the descriptor that is readable after a change."""
        return int(self._inotify.fileno())

    def watch(self, folder: str) -> bool:
        """Report changes of this folder from now on; return whether that is possible."""
        try:
            self._folders[self._inotify.add_watch(folder, _CHANGES | flags.ONLYDIR)] = folder
        except OSError:
            return False
        return True

    def take_removed(self) -> list[str]:
        """Read all pending notifications; return the folders that were removed."""
        notices = self._inotify.read(timeout=0)
        gone = [notice.wd for notice in notices if notice.mask & flags.IGNORED]
        return [self._folders.pop(watched) for watched in gone if watched in self._folders]

    def close(self) -> None:
        """Close the descriptor."""
        self._inotify.close()
