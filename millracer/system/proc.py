"""Check that the system shows the processes, and read when one started.

On Linux both depend on `/proc`, which in a sandbox may be missing, empty, partial or foreign. Other
systems report processes without a file system.
"""

from __future__ import annotations

import errno
import os
import sys
import time
from functools import cache
from pathlib import Path

import psutil

from millracer.errors import ProcUnavailable, RunWarning
from millracer.system.linux import has_linux_calls

_START_FIELD = 19  #: of `/proc/PID/stat`, counted from what follows the name


def shows_processes() -> bool:
    """Whether the system shows processes under the pids that this process sees."""
    if not has_linux_calls():
        return True
    pid = os.getpid()
    try:
        # A `/proc` of another pid namespace shows this process under another pid, or not at all.
        return (_procfs() / "self").readlink().name == str(pid) and _start_ticks(pid) >= 0
    except OSError:
        return False


def refuse_unseen() -> None:
    """Raise if the system does not show the processes.

    Raises:
        ProcUnavailable: it does not.
    """
    if not shows_processes():
        raise ProcUnavailable(
            f"{_procfs()} does not show the processes here: Millracer cannot check "
            "whether a daemon runs, nor find the processes it leaves",
            suggested_action="mount it (`mount -t proc proc /proc`), or make it visible in the "
            "sandbox, then run the same command again",
        )


def warn_unseen() -> tuple[RunWarning, ...]:
    """Return the warning that leftover processes are not found if the system hides them."""
    if shows_processes():
        return ()
    text = (
        f"{_procfs()} does not show the processes here: processes that pi's tools leave "
        "in process groups of their own are not found and not ended"
    )
    return (RunWarning("proc_unavailable", text),)


def start_time(process: psutil.Process) -> float:
    """Return when a process started, in epoch seconds; needs only its own folder of `/proc`.

    Raises:
        psutil.Error, OSError: it is gone, or access is denied.
    """
    if not has_linux_calls():
        return float(process.create_time())
    return _start_ticks(process.pid) / os.sysconf("SC_CLK_TCK") + _boot_time()


def start_mark(pid: int) -> float:
    """Return a number that differs between two processes with the same pid in one boot.

    Unlike `start_time` it does not depend on the wall clock, on Linux.

    Raises:
        psutil.Error, OSError: the process is gone, or access is denied.
    """
    return float(_start_ticks(pid) if has_linux_calls() else psutil.Process(pid).create_time())


def _procfs() -> Path:
    return Path(getattr(psutil, "PROCFS_PATH", "/proc"))  # only psutil for Linux has it


def _start_ticks(pid: int) -> int:
    stat = (_procfs() / str(pid) / "stat").read_bytes()
    try:
        # The name before the last bracket may contain anything.
        return int(stat.rpartition(b")")[2].split()[_START_FIELD])
    except (ValueError, IndexError) as exc:
        raise OSError(errno.EINVAL, "it has no start time of the process") from exc


def _boot_time() -> float:
    try:
        return float(psutil.boot_time())
    except (
        psutil.Error,
        OSError,
        RuntimeError,
        ValueError,
        IndexError,
    ):  # psutil lets them through
        return _boot_time_by_clocks()


@cache
def _boot_time_by_clocks() -> float:
    """Compute the boot time from the clocks: constant in this process, slightly off in others."""
    if sys.platform == "linux":
        return time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.time() - time.monotonic()
