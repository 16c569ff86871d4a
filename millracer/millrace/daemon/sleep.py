"""Sleeping between two reads of a workspace, and waiting for a burst of changes to end."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from millracer.cancellation import Wait
from millracer.domain.work.runtime import RunningDaemon
from millracer.system.file_events import Wakeup

#: How often a workspace is read where the system reports changes, and where it does not.
HEARING_POLL_SECONDS = 1.0
DEAF_POLL_SECONDS = 0.2
#: Millrace makes most folders inside watched ones, which reports a change.
_RETRY_SECONDS = 10.0
#: A transition touches several files within some 50 ms; they are reported together.
_SETTLE_SECONDS = 0.05
_SETTLE_ROUNDS = 4

_Read = TypeVar("_Read")


class WorkspaceSleep:
    """Sleeps until something may have changed.

    Args:
        folders: whose changes end a sleep.
    """

    def __init__(self, folders: Iterable[str]) -> None:
        self._wakeup = Wakeup(folders, retry_seconds=_RETRY_SECONDS)

    def sleep(
        self,
        daemon: RunningDaemon | None,
        wait: Wait,
        poll_seconds: float = HEARING_POLL_SECONDS,
    ) -> None:
        """Sleep until a change, the daemon's end, the next poll or the deadline.

        Args:
            daemon: the daemon whose end is a change.
            wait: limits the sleep.
            poll_seconds: the time until the next poll where the system reports changes.

        Raises:
            Cancelled: the caller asked to stop.
        """
        self._wakeup.watch_folders()
        self._wakeup.watch_process(None if daemon is None else daemon.pid)
        self._wakeup.sleep(poll_seconds if self._wakeup.is_listening else DEAF_POLL_SECONDS, wait)

    def close(self) -> None:
        """Release the watches; repeatable."""
        self._wakeup.close()


def settled(read: _Read, read_again: Callable[[], _Read], wait: Wait) -> _Read:
    """Read again until two reads are equal, so that one transition is reported once.

    Args:
        read: what was read last.
        read_again: reads the same.
        wait: lets the caller stop.

    Returns:
        The last read, after a few rounds also one that still differs.

    Raises:
        Cancelled: the caller asked to stop.
    """
    for _ in range(_SETTLE_ROUNDS):
        wait.sleep(_SETTLE_SECONDS)
        later = read_again()
        if later == read:
            break
        read = later
    return read
