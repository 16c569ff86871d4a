"""Run a command to its end, start a detached one, and end owned processes.

Other modules start processes only through this one. Each started process gets its own session and
can carry an ownership token in its environment, so that its descendants are found whatever their
group or parent (`process_table.processes_with_token`). Waits are bounded; every pipe is read.
"""

from __future__ import annotations

import logging
import math
import operator
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import psutil

from millracer.cancellation import Wait
from millracer.errors import ProcUnavailable, ToolFailed, ToolNotFound, ToolTimeout
from millracer.redaction.key_patterns import OWNER_TOKEN_PREFIX
from millracer.redaction.process import learn_environment
from millracer.system.child_environment import child_environment
from millracer.system.output_capture import SLICE_SECONDS, Output, collect
from millracer.system.proc import shows_processes
from millracer.system.process_table import (
    TOKEN_VARIABLE,
    group_members,
    is_pid_taken,
    is_zombie,
    processes_with_token,
    started_at,
)
from millracer.system.spawn import reap, start_whole

_log = logging.getLogger(__name__)

_TERMINATE_GRACE_SECONDS = 1.0
_KILL_WAIT_SECONDS = 1.0
_POLL_SECONDS = 0.02
_SWEEP_ROUNDS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One call of an external program as a value.

    Attributes:
        tool: the tool that its errors name: `pi` or `millrace`.
        argv: never a shell string.
        env: the whole environment, from which `child_environment` removes git's variables; None
            inherits this process's environment.
        pass_fds: descriptors that the child inherits, such as a lock.
        git: git's repository variables for the child, such as `GIT_INDEX_FILE`.
    """

    tool: str
    argv: tuple[str, ...]
    cwd: Path | None = None
    env: Mapping[str, str] | None = field(default=None, repr=False)
    pass_fds: tuple[int, ...] = ()
    git: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Completed:
    """The result of a command: all of stdout, and head and tail of a long stderr."""

    argv: tuple[str, ...]
    exit_code: int
    stdout: str
    stderr: str
    elapsed_seconds: float


def new_token() -> str:
    """Return a random ownership token; redaction recognises its shape and hides it in outputs."""
    return f"{OWNER_TOKEN_PREFIX}{os.urandom(16).hex()}"


def run(command: Command, wait: Wait) -> Completed:
    """Run a command to its end with empty standard input, and return its output.

    Raises:
        ToolFailed: standard output is longer than the limit; the process group was ended.
        ToolNotFound: there is no such program, or it cannot be executed.
        ToolTimeout: the wait's deadline passed; the process group was ended.
        Cancelled: the caller cancelled; the process group was ended.
    """
    return run_with_input(command, subprocess.DEVNULL, wait)


def run_with_input(
    command: Command,
    stdin: int | IO[bytes],
    wait: Wait,
    *,
    last_words_seconds: float = math.inf,
) -> Completed:
    """Run a command as `run` does, with a file or a descriptor as its standard input.

    Args:
        command: the command.
        stdin: its standard input.
        wait: limits the call.
        last_words_seconds: how long outputs are read after the process has ended, because another
            process may have inherited them.

    Raises:
        ToolFailed, ToolNotFound, ToolTimeout, Cancelled: as `run`.
    """
    started = time.monotonic()
    output = Output(command.tool)
    process = spawn(command, stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        exit_code = collect(
            process,
            output,
            lambda: raise_if_over(command, wait, started),
            last_words_seconds=last_words_seconds,
        )
        reap(process)
    except BaseException:
        end_group(process.pid, grace_seconds=_TERMINATE_GRACE_SECONDS)
        reap(process)
        raise
    return Completed(
        argv=command.argv,
        exit_code=exit_code,
        stdout=output.stdout.text,
        stderr=output.stderr.text,
        elapsed_seconds=time.monotonic() - started,
    )


def run_noted(command: Command, output: int, wait: Wait) -> int:
    """Run a command to its end with both outputs to one descriptor; return its exit code.

    Raises:
        ToolNotFound, ToolFailed: as `spawn`.
        ToolTimeout, Cancelled: as `run`; the process group was ended.
    """
    started = time.monotonic()
    process = spawn(command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT)
    try:
        while True:
            with suppress(subprocess.TimeoutExpired):
                return process.wait(timeout=SLICE_SECONDS)
            raise_if_over(command, wait, started)
    except BaseException:
        end_group(process.pid, grace_seconds=_TERMINATE_GRACE_SECONDS)
        reap(process)
        raise


def spawn(
    command: Command,
    *,
    stdin: int | IO[bytes],
    stdout: int | IO[bytes],
    stderr: int | IO[bytes],
) -> subprocess.Popen[bytes]:
    """Start a program in a session of its own and return immediately.

    It blocks no signal, whatever the calling thread blocks. Keys in its environment count as secret
    from then on. If a signal handler raises before this returns, the program is killed.

    Raises:
        ToolNotFound: there is no such program, or it cannot be executed.
        ToolFailed: the system could not start it for another reason.
    """
    if command.env is not None:
        learn_environment({k: v for k, v in command.env.items() if k != TOKEN_VARIABLE})
    try:
        child = start_whole(
            lambda: subprocess.Popen(
                command.argv,
                cwd=command.cwd,
                env={**child_environment(command.env), **command.git},
                stdin=stdin,
                stdout=stdout,
                stderr=stderr,
                pass_fds=command.pass_fds,
                start_new_session=True,
                preexec_fn=_unblock_signals if _blocks_signals() else None,  # noqa: PLW1509 - rare
            )
        )
    except (FileNotFoundError, PermissionError, NotADirectoryError) as exc:
        if command.cwd is not None and not command.cwd.is_dir():
            raise ToolFailed(
                command.tool,
                f"the working directory {command.cwd} is not a directory",
                suggested_action="restore it if it was removed or moved, then run the same command "
                "again",
            ) from exc
        raise ToolNotFound(
            command.tool,
            f"`{command.argv[0]}` cannot be run: {exc.strerror}",
            detail=str(exc),
        ) from exc
    except OSError as exc:
        raise ToolFailed(
            command.tool,
            f"`{command.argv[0]}` cannot be started: {exc.strerror}",
            detail=str(exc),
            suggested_action="check that it is a program for this machine, and that the limit of "
            "processes is not reached",
        ) from exc
    _log.debug("started %s as process %d", command.argv[0], child.pid)
    return child


def _blocks_signals() -> bool:
    """Whether this thread blocks a signal, which a child would inherit."""
    return bool(signal.pthread_sigmask(signal.SIG_BLOCK, ()))


def _unblock_signals() -> None:
    """Unblock every signal in the child; the calling thread keeps its mask.

    That thread may belong to a program that waits for the blocked signals (`sigwait`), so its mask
    must not change even for a moment.
    """
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def spawn_detached(command: Command, output: int) -> int:
    """Start a program that outlives the call, with both outputs to `output`; return its pid.

    It inherits no other descriptor. A background thread reaps it, so that its end is visible in the
    process table immediately; callers identify it by pid only.

    Raises:
        ToolNotFound, ToolFailed: as `spawn`.
    """
    child = spawn(command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT)
    threading.Thread(target=child.wait, name=f"reaper-{child.pid}", daemon=True).start()
    return child.pid


def end_token(token: str, *, grace_seconds: float, group: int | None = None) -> int:
    """End every process with the token: SIGTERM, a grace, SIGKILL, then search again.

    Returns how many were ended. During the grace pi ends the tools that it keeps in sessions of
    their own; with a grace of 0, SIGKILL is sent immediately. If the system shows no processes,
    only the group is ended.

    Args:
        token: the ownership token.
        grace_seconds: between SIGTERM and SIGKILL; less if all end earlier.
        group: the process group of an owned leader: its members are ended too, even those that
            removed the token from their environment.
    """
    if not shows_processes():
        if group is not None:
            end_group(group, grace_seconds=grace_seconds)
        return 0
    ended: set[int] = set()
    members = [] if group is None else group_members(group)
    for _ in range(_SWEEP_ROUNDS):
        processes = list({*members, *processes_with_token(token)})
        if not processes:
            break
        members = []
        ended.update(process.pid for process in processes)
        if grace_seconds > 0:
            for process in processes:
                with suppress(psutil.Error):
                    process.terminate()
            processes = _still_alive(processes, grace_seconds)
            grace_seconds = 0.0  # later processes were started by one that already got SIGTERM
        for process in processes:
            with suppress(psutil.Error):
                process.kill()
        _still_alive(processes, _KILL_WAIT_SECONDS)
    return len(ended)


def _still_alive(processes: list[psutil.Process], seconds: float) -> list[psutil.Process]:
    """Wait until all have ended, and return those that have not; a zombie counts as ended."""
    return Wait.for_seconds(seconds).until(
        lambda: [each for each in processes if _is_alive(each)], operator.not_, every=_POLL_SECONDS
    )


def _is_alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and not is_zombie(process)
    except psutil.Error:
        return False


def end_group(pid: int, *, grace_seconds: float) -> None:
    """End the process group led by `pid`, if it exists: SIGTERM, a grace, SIGKILL."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGTERM)
        Wait.for_seconds(grace_seconds).until(lambda: not _lives(pid), every=_POLL_SECONDS)
        os.killpg(pid, signal.SIGKILL)


def _lives(pid: int) -> bool:
    try:
        return started_at(pid) is not None
    except ProcUnavailable:
        pass
    if sys.platform == "linux":
        with suppress(ChildProcessError):  # not a child of this process, or reaped
            return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None
    return is_pid_taken(pid)


def raise_if_over(command: Command, wait: Wait, started: float) -> None:
    """Raise if the wait for a command is over; `started` is its `time.monotonic()`.

    Raises:
        ToolTimeout: the wait's deadline passed.
        Cancelled: the caller cancelled.
    """
    wait.cancellation.raise_if_cancelled()
    if wait.expired:
        raise ToolTimeout(
            command.tool,
            f"`{_render_command(command)}` did not finish within "
            f"{time.monotonic() - started:.0f} s and was ended",
        )


def _render_command(command: Command) -> str:
    return " ".join((Path(command.argv[0]).name, *command.argv[1:]))[:200]
