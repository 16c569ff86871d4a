"""`millracer` commands forked from a server that has loaded it: real processes, without a start.

Starting Python and loading Millracer takes a quarter of a second of processor time; a fork takes
a few milliseconds. A forked command has its own process, descriptors, signals and modules, so it
leaves nothing behind in the test. Differences from `python -m millracer`: `/proc/PID/cmdline` and
`/proc/PID/environ` are the server's, and Python's own variables (PYTHONUTF8) have no effect.
"""

from __future__ import annotations

import importlib
import io
import multiprocessing
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from multiprocessing.reduction import DupFd
from pathlib import Path
from typing import Any

PRELOADED = (
    __name__,
    *(
        f"millracer.cli.{name}"
        for name in (
            *(
                "main",
                "app",
                "command",
                "operation_calls",
                "options.groups",
                "startup.preload",
                "startup.prewarm",
            ),
            *("task_input", "operator.command", "terminal.live_progress", "terminal.stdin"),
            *(
                "commands.config",
                "commands.control",
                "commands.doctor",
                "commands.ops.jsonl_server",
            ),
            *("commands.ops.request", "commands.run.task", "commands.sessions", "commands.setup"),
            *("commands.status.view", "commands.status.watch", "commands.submit"),
        )
    ),
    *("millracer.operations.control", "millracer.operations.registry"),
    "tests.children.fleet_worker",
    *("millracer.operations.submit", "millracer.operations.workspace_status"),
    *("millracer.wiring", "millracer.wiring.user_files", "millracer.run.orchestrator"),
)
_CONTEXT = multiprocessing.get_context("forkserver")


def start_server() -> None:
    """Start the server that commands are forked from; call it before a test changes its place."""
    _CONTEXT.set_forkserver_preload(list(PRELOADED))
    from multiprocessing import forkserver, resource_tracker  # noqa: PLC0415 - only who forks

    resource_tracker.ensure_running()
    forkserver.ensure_running()


def start_command(
    arguments: Sequence[str],
    *,
    cwd: Path | None,
    env: Mapping[str, str],
    forks: bool,
    parent: tuple[str, ...] = (),
) -> subprocess.Popen[bytes]:
    """Start a `millracer` command on three pipes.

    Args:
        arguments: behind `millracer`.
        cwd: its directory; None: the test's.
        env: its whole environment.
        forks: whether it is forked from the server instead of started with Python.
        parent: words before the command, such as a program that starts it; then it is not forked.
    """
    if forks and not parent:
        return ForkedCommand(arguments, cwd=cwd, env=env)
    return subprocess.Popen(
        (*parent, sys.executable, "-m", "millracer", *arguments),
        cwd=cwd,
        env=env,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


class ForkedCommand(subprocess.Popen[bytes]):
    """A `millracer` command with three pipes, used like any `Popen`.

    Args:
        arguments: behind the program.
        cwd: its directory; None: the test's.
        env: its whole environment.
        program: "module:function" of another program.
        output: a descriptor for both outputs, which is closed here; None: two pipes.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        *,
        cwd: Path | None,
        env: Mapping[str, str],
        program: str = "millracer.cli.main:main",
        output: int | None = None,
    ) -> None:
        self._program = program
        super().__init__(
            tuple(arguments),
            cwd=cwd or Path.cwd(),
            env=env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE if output is None else output,
            stderr=subprocess.PIPE if output is None else os.dup(output),
        )

    def _execute_child(self, args: Sequence[str], *rest: Any) -> None:
        """Fork from the server in place of `Popen`'s own fork and exec."""
        _executable, _preexec, _close_fds, _pass_fds, cwd, env, *_windows, shell = rest[:9]
        stdin, to_stdin, from_stdout, stdout, from_stderr, stderr = rest[9:15]
        del shell, to_stdin, from_stdout, from_stderr
        pipes = (stdin, stdout, stderr)
        self._process = _CONTEXT.Process(
            target=_Task(self._program, tuple(args), str(cwd), dict(env), pipes)
        )
        try:
            self._process.start()
        finally:
            for pipe in pipes:
                os.close(pipe)
        assert self._process.pid is not None
        self.pid = self._process.pid
        self._child_created = True

    def _internal_poll(self, *_args: Any, **_kwargs: Any) -> int | None:
        if self.returncode is None:
            self.returncode = self._process.exitcode
        return self.returncode

    def _wait(self, timeout: float | None) -> int:
        if self.returncode is None:
            self._process.join(timeout)
            if self._internal_poll() is None:
                raise subprocess.TimeoutExpired(self.args, timeout or 0)
        return self.returncode


class _Task:
    """What the server's child does; it is sent there with its descriptors."""

    def __init__(
        self,
        program: str,
        arguments: tuple[str, ...],
        cwd: str,
        environment: dict[str, str],
        pipes: tuple[int, int, int],
    ) -> None:
        self._program = program
        self._arguments = arguments
        self._cwd = cwd
        self._environment = environment
        self._pipes = pipes

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_pipes": [DupFd(pipe) for pipe in self._pipes]}

    def __call__(self) -> None:
        """Become the command; never returns."""
        for number, pipe in enumerate(self._pipes):
            descriptor = pipe.detach()
            os.dup2(descriptor, number)
            os.close(descriptor)
        os.environ.clear()
        os.environ.update(self._environment)
        os.chdir(self._cwd)
        tempfile.tempdir = None
        sys.argv[:] = ["millracer", *self._arguments]
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - a descriptor
        sys.stdout = _writer(1)
        sys.stderr = _writer(2)
        module, _, function = self._program.partition(":")
        sys.exit(getattr(importlib.import_module(module), function)())


def _writer(number: int) -> io.TextIOWrapper:
    errors = "backslashreplace" if number == 2 else "strict"
    file = os.fdopen(number, "wb", closefd=False)
    return io.TextIOWrapper(file, encoding="utf-8", errors=errors, line_buffering=number == 2)
