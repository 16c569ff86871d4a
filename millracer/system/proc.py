"""What of `/proc` can be relied on: sandboxes have none, an empty one, a part, or another's."""

from __future__ import annotations

import errno
import os
import time
from functools import cache
from pathlib import Path

import psutil

from millracer.errors import ProcUnavailable, RunWarning

_START_FIELD = 19  #: of `/proc/PID/stat`, counted from what follows the name


def shows_processes() -> bool:
    """Whether processes can be looked up by the pids that we know them by."""
    pid = os.getpid()
    try:
        # That of another pid namespace knows us by another pid, or not at all.
        return (_procfs() / "self").readlink().name == str(pid) and _start_ticks(pid) >= 0
    except OSError:
        return False


def refuse_unseen() -> None:
    """Do nothing where processes can be looked up.

    Raises:
        ProcUnavailable: they cannot.
    """
    if not shows_processes():
        raise ProcUnavailable(
            f"{psutil.PROCFS_PATH} does not show the processes here: nothing can tell whether a "
            "daemon runs, nor find what it leaves",
            suggested_action="mount it (`mount -t proc proc /proc`), or let the sandbox show it, "
            "then run the same command again",
        )


def warn_unseen() -> tuple[RunWarning, ...]:
    """Return what the user of a program should know that may leave processes behind here."""
    if shows_processes():
        return ()
    text = (
        f"{psutil.PROCFS_PATH} does not show the processes here: what pi's tools leave running "
        "in process groups of their own is not found and not ended"
    )
    return (RunWarning("proc_unavailable", text),)


def start_time(process: psutil.Process) -> float:
    """Return when a process started, in epoch seconds; needs no more than its own folder.

    Raises:
        psutil.Error, OSError: it is gone, or we may not look at it.
    """
    return _start_ticks(process.pid) / os.sysconf("SC_CLK_TCK") + _boot_time()


def _procfs() -> Path:
    return Path(psutil.PROCFS_PATH)


def _start_ticks(pid: int) -> int:
    stat = (_procfs() / str(pid) / "stat").read_bytes()
    try:
        # The name before the last bracket may hold anything.
        return int(stat.rpartition(b")")[2].split()[_START_FIELD])
    except (ValueError, IndexError) as exc:
        raise OSError(errno.EINVAL, "it does not say when the process started") from exc


def _boot_time() -> float:
    try:
        return float(psutil.boot_time())
    except (psutil.Error, OSError, RuntimeError, ValueError, IndexError):  # what psutil lets out
        return _boot_time_by_clocks()


@cache
def _boot_time_by_clocks() -> float:
    """Return it as the clocks have it: always the same here, elsewhere a little different."""
    return time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
