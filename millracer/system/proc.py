"""Check that the system shows the processes, and read when one started.

On Linux both depend on `/proc`, which in a sandbox may be missing, empty, partial or foreign. Other
systems report processes without a file system.
"""

from __future__ import annotations

import errno
import os
import sys
import time
from dataclasses import dataclass
from functools import cache

import psutil

from millracer.errors import ProcUnavailable, RunWarning
from millracer.system.linux import has_linux_calls

#: Fields of `/proc/PID/stat`, counted from what follows the name.
_STATE_FIELD, _THREADS_FIELD, _START_FIELD = 0, 17, 19


@dataclass(frozen=True, slots=True)
class LinuxProcess:
    """What `/proc` says about a process.

    Attributes:
        is_zombie: it has ended and was not reaped. A process whose first thread has ended has the
            same state, but its other threads still hold its files.
        started_at: in epoch seconds.
    """

    is_zombie: bool
    started_at: float


def read_linux_process(pid: int) -> LinuxProcess:
    """Read a process from its own folder of `/proc`.

    Raises:
        OSError: it is gone, or access is denied.
    """
    fields = _stat_fields(pid)
    try:
        is_zombie = fields[_STATE_FIELD] == b"Z" and int(fields[_THREADS_FIELD]) <= 1
        return LinuxProcess(is_zombie=is_zombie, started_at=_started_at(fields))
    except (ValueError, IndexError) as exc:
        raise _incomplete() from exc


def shows_processes() -> bool:
    """Whether the system shows processes under the pids that this process sees."""
    if not has_linux_calls():
        return True
    pid = os.getpid()
    try:
        # A `/proc` of another pid namespace shows this process under another pid, or not at all.
        is_own = os.readlink(f"{_procfs()}/self") == str(pid)  # noqa: PTH115 - read each second
        return is_own and int(_stat_fields(pid)[_START_FIELD]) >= 0
    except (OSError, ValueError, IndexError):
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
    return read_linux_process(process.pid).started_at


def start_mark(pid: int) -> float:
    """Return a number that differs between two processes with the same pid in one boot.

    Unlike `start_time` it does not depend on the wall clock, on Linux.

    Raises:
        psutil.Error, OSError: the process is gone, or access is denied.
    """
    if not has_linux_calls():
        return float(psutil.Process(pid).create_time())
    try:
        return float(_stat_fields(pid)[_START_FIELD])
    except (ValueError, IndexError) as exc:
        raise _incomplete() from exc


def _procfs() -> str:
    return str(getattr(psutil, "PROCFS_PATH", "/proc"))  # only psutil for Linux has it


def _stat_fields(pid: int) -> list[bytes]:
    """Return the fields after the name, which may contain anything but ends at the last bracket."""
    with open(f"{_procfs()}/{pid}/stat", "rb", buffering=0) as file:  # noqa: PTH123 - read each second
        return file.read().rpartition(b")")[2].split()


def _started_at(fields: list[bytes]) -> float:
    return int(fields[_START_FIELD]) / os.sysconf("SC_CLK_TCK") + _boot_time()


def _incomplete() -> OSError:
    return OSError(errno.EINVAL, "it has no start time of the process")


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
