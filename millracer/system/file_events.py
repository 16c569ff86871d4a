"""A sleep that ends early when something happens in certain folders, or a process ends.

It only makes a look come sooner: whoever sleeps here looks for itself afterwards, and where the
system cannot tell of changes, or a folder is not there yet, it is a sleep like any other.
"""

from __future__ import annotations

import os
import select
from collections.abc import Iterable
from contextlib import suppress
from typing import Self

from inotify_simple import INotify, flags

from millracer.cancellation import Wait

#: How soon a request to stop is heard.
_SLICE_SECONDS = 0.1
#: What happens within so long of the first change is slept through: changes come in bursts.
_BURST_SECONDS = 0.02
_CHANGES = flags.CREATE | flags.DELETE | flags.MODIFY | flags.MOVED_FROM | flags.MOVED_TO


class Wakeup:
    """Watches folders, not what lies below them, until it is closed.

    Args:
        folders: absolute paths; those that are missing are tried again with each `watch_folders`.
    """

    def __init__(self, folders: Iterable[str]) -> None:
        self._missing = list(dict.fromkeys(folders))
        self._changes = _Changes.opened()
        self._process: tuple[int, int] | None = None
        self.watch_folders()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def hears(self) -> bool:
        """Whether the system tells of changes here."""
        return self._changes is not None

    def watch_folders(self) -> None:
        """Watch the folders that were missing so far and are there now."""
        if self._changes is not None:
            self._missing = [folder for folder in self._missing if not self._changes.watch(folder)]

    def watch_process(self, pid: int | None) -> None:
        """Wake at the end of this process from now on, and of no other."""
        if self._process is not None:
            if self._process[0] == pid:
                return
            os.close(self._process[1])
            self._process = None
        if pid is not None:
            with suppress(OSError, AttributeError):  # gone already, or no such call here
                self._process = (pid, os.pidfd_open(pid))

    def sleep(self, seconds: float, wait: Wait) -> None:
        """Sleep until something happens, at most so long and at most until the deadline.

        Raises:
            Cancelled: the caller asked to stop.
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
                self._heed([descriptor for descriptor, _ in ready])
                break
        wait.cancellation.raise_if_cancelled()

    def close(self) -> None:
        """Give the descriptors back; repeatable."""
        self.watch_process(None)
        if self._changes is not None:
            self._changes.close()
            self._changes = None

    def _heed(self, ready: list[int]) -> None:
        if self._process is not None and self._process[1] in ready:
            os.close(self._process[1])  # it would wake us for ever
            self._process = None
        if self._changes is not None:
            self._missing.extend(self._changes.take())


class _Changes:
    """The system's notices of changes in folders (Linux's inotify)."""

    def __init__(self) -> None:
        self._inotify = INotify(nonblocking=True)
        self._folders: dict[int, str] = {}

    @classmethod
    def opened(cls) -> Self | None:
        """Return it, None where the system has none, or no more."""
        try:
            return cls()
        except (OSError, AttributeError):
            return None

    def fileno(self) -> int:
        """Return the descriptor that can be read once something happened."""
        return int(self._inotify.fileno())

    def watch(self, folder: str) -> bool:
        """Tell of this folder from now on; return whether that can be."""
        try:
            self._folders[self._inotify.add_watch(folder, _CHANGES | flags.ONLYDIR)] = folder
        except OSError:
            return False
        return True

    def take(self) -> list[str]:
        """Take what is there to be read; return the folders that are gone since."""
        notices = self._inotify.read(timeout=0)
        gone = [notice.wd for notice in notices if notice.mask & flags.IGNORED]
        return [self._folders.pop(watched) for watched in gone if watched in self._folders]

    def close(self) -> None:
        """Give the descriptor back."""
        self._inotify.close()
