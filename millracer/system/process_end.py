"""Notice the end of one process: by Linux's pidfd, elsewhere by polling."""

from __future__ import annotations

import os
import select
import sys
from typing import Protocol

import psutil

from millracer.system.linux import has_linux_calls
from millracer.system.process_table import is_zombie


class ProcessEnd(Protocol):
    """The end of one process."""

    @property
    def pid(self) -> int:
        """The process."""

    @property
    def descriptor(self) -> int | None:
        """A descriptor that is readable once the process has ended; None if there is none."""

    def has_ended(self) -> bool:
        """Whether the process has ended, reaped or not."""

    def close(self) -> None:
        """Release the descriptor; once only."""


def watch_end(pid: int) -> ProcessEnd | None:
    """Return the end of a process; None if it has ended already or cannot be watched."""
    if sys.platform == "linux" and has_linux_calls():
        try:
            return _DescribedProcess(pid, os.pidfd_open(pid))
        except ProcessLookupError:
            return None
        except (OSError, AttributeError):  # no descriptors left, or a system without pidfd_open
            pass
    try:
        return _PolledProcess(psutil.Process(pid))
    except psutil.Error:
        return None


class _DescribedProcess:
    """A process with a pidfd."""

    def __init__(self, pid: int, descriptor: int) -> None:
        self.pid = pid
        self.descriptor = descriptor

    def has_ended(self) -> bool:
        poll = select.poll()
        poll.register(self.descriptor, select.POLLIN)
        return bool(poll.poll(0))

    def close(self) -> None:
        os.close(self.descriptor)


class _PolledProcess:
    """A process in the process table; a reused pid counts as its end."""

    descriptor = None

    def __init__(self, process: psutil.Process) -> None:
        self.pid: int = process.pid
        self._process = process

    def has_ended(self) -> bool:
        try:
            return not self._process.is_running() or is_zombie(self._process)
        except psutil.Error:
            return True

    def close(self) -> None:
        pass
