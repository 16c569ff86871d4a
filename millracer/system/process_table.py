"""Read the machine's process table: which processes live, since when, with which arguments.

Ends and starts nothing; `system.processes` does.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil

from millracer.system.linux import has_linux_calls
from millracer.system.proc import read_linux_process, refuse_unseen, start_time

#: The environment variable that marks a process as started by Millracer.
TOKEN_VARIABLE = "MILLRACER_OWNER_TOKEN"  # noqa: S105 - a variable's name

#: Start times shift by up to a second while the system clock is adjusted; no pid is reused so soon.
_SAME_START_SECONDS = 2.0


def started_at(pid: int) -> float | None:
    """Return when the running process `pid` started (epoch seconds); None if there is none.

    Raises:
        ProcUnavailable: the system does not show processes.
    """
    refuse_unseen()
    try:
        if has_linux_calls():
            found = read_linux_process(pid)
            return None if found.is_zombie else found.started_at
        process = psutil.Process(pid)
        return None if is_zombie(process) else start_time(process)
    except (psutil.Error, OSError):
        return None


def is_zombie(process: psutil.Process) -> bool:
    """Whether the process has ended and was not reaped.

    Its files are then closed. A process whose first thread has ended has the same status, but its
    other threads still hold its files.

    Raises:
        psutil.Error: it is gone, or access is denied.
    """
    if process.status() != psutil.STATUS_ZOMBIE:
        return False
    try:
        return int(process.num_threads()) <= 1
    except psutil.ZombieProcess:  # macOS counts no threads of a zombie
        return True


def is_pid_taken(pid: int) -> bool:
    """Whether the pid is in use: by a process, one that was not reaped, or any of their threads."""
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


def is_hidden(pid: int) -> bool:
    """Whether the pid belongs to another user and the system denies access to it."""
    try:
        os.kill(pid, 0)
    except PermissionError:
        try:
            psutil.Process(pid).status()
        except psutil.Error:
            return True
    except (ProcessLookupError, OverflowError):
        return False
    return False


def is_same_process(pid: int, started: float) -> bool:
    """Whether `pid` is still the process that started then, and runs.

    Raises:
        ProcUnavailable: the system does not show processes.
    """
    found = started_at(pid)
    return found is not None and is_same_start(found, started)


def is_same_start(one: float, other: float) -> bool:
    """Whether two readings of a start time can belong to the same process."""
    return abs(one - other) < _SAME_START_SECONDS


def processes_with_token(token: str) -> list[psutil.Process]:
    """Return every running process, except this one, with the token in its environment.

    Raises:
        ProcUnavailable: the system does not show processes.
    """
    found = []
    for process in _every_process():
        if process.pid == os.getpid():
            continue
        with suppress(psutil.Error, OSError):
            if _carries(process, token):
                found.append(process)
    return found


def carries_token(pid: int, token: str) -> bool:
    """Whether the process `pid` runs and has the token in its environment."""
    try:
        return _carries(psutil.Process(pid), token)
    except (psutil.Error, OSError):
        return False


def _every_process() -> Iterator[psutil.Process]:
    refuse_unseen()
    yield from psutil.process_iter()


def group_of(pid: int) -> int:
    """Return the process group of a process; its own pid if it is gone."""
    try:
        return os.getpgid(pid)
    except OSError:
        return pid


def _carries(process: psutil.Process, token: str) -> bool:
    is_marked: bool = process.environ().get(TOKEN_VARIABLE) == token
    return is_marked and not is_zombie(process)


def command_lines() -> Iterator[tuple[int, tuple[str, ...]]]:
    """Yield pid and argv of every process that this user may inspect.

    Raises:
        ProcUnavailable: the system does not show processes.
    """
    for process in _every_process():
        with suppress(psutil.Error, OSError):
            yield process.pid, words_of(process)


def command_line(pid: int) -> tuple[str, ...]:
    """Return a process's argv; empty if it cannot be read."""
    try:
        return words_of(psutil.Process(pid))
    except (psutil.Error, OSError):
        return ()


def words_of(process: psutil.Process) -> tuple[str, ...]:
    """Return a process's argv without trailing empty words.

    A process that overwrites its argv with a shorter one leaves such words.

    Raises:
        psutil.Error, OSError: it is gone, or access is denied.
    """
    words = process.cmdline()
    while words and not words[-1]:
        words.pop()
    return tuple(words)


def working_directory(pid: int) -> Path | None:
    """Return a process's working directory; None if it cannot be read."""
    try:
        return Path(psutil.Process(pid).cwd())
    except (psutil.Error, OSError):
        return None


def group_members(group: int) -> list[psutil.Process]:
    """Return the other members of a process group.

    Raises:
        ProcUnavailable: the system does not show processes.
    """
    members = []
    for process in _every_process():
        with suppress(psutil.Error, OSError):
            if process.pid != os.getpid() and os.getpgid(process.pid) == group:
                members.append(process)
    return members
