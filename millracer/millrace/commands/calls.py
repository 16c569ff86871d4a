"""Call `millrace` commands: argv, environment, limits, and the error line of a failed call.

Millrace prints domain errors as `error: ...` on stdout and programming errors as a traceback on
stderr, so both streams are searched. This module does not know what a command means.
"""

from __future__ import annotations

import logging
import os
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from millracer.cancellation import Wait
from millracer.errors import ToolFailed
from millracer.millrace.commands.runner import CommandRunner, PlainRunner
from millracer.millrace.wire.traceback import exception_line
from millracer.system import process_table
from millracer.system.processes import Command, Completed

_log = logging.getLogger(__name__)

TOOL = "millrace"
#: Limit of one call in seconds; on a loaded machine the start alone takes up to six.
CALL_LIMIT_SECONDS = 120.0

#: The next step if an answer does not match the call.
WRONG_PROGRAM = "check which program `millrace` on PATH is"

#: The next step for a phrase in Millrace's error line; a repeated command finds the work item.
_NEXT_STEPS = {
    "[Errno 28]": "free disk space, then run the same command again",
    **dict.fromkeys(
        ("[Errno 30]", "is not writable"),
        "make the workspace writable, then run the same command again",
    ),
    "[Errno 13]": "make the workspace readable and writable, then run the same command again",
    **dict.fromkeys(
        ("workspace is not initialized", "/.millracer/intake/"),
        "put the workspace back if it was removed or moved, then run the same command again",
    ),
}
#: Commands that diagnose a workspace; the command that failed is not suggested.
_DIAGNOSTIC_COMMANDS = ("status", "doctor")
#: Matches a traceback about Millrace's event log: its message, or the function that read the log.
_DAMAGED_LOG = re.compile(r"runtime event |\bfind_latest_runtime_event\b")
_MOVE_LOG = (
    "move millrace-agents/logs/runtime_events.jsonl out of the workspace: it is damaged, and "
    "Millrace creates a new one; then run the same command again"
)
_IO_ENCODING = "PYTHONIOENCODING"
_BOX_CHARACTERS = re.compile(r"[│╭╮╰╯─┃┏┓┗┛━]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class MillraceCalls:
    """Calls one `millrace` program for one workspace.

    Attributes:
        argv: the program, such as `("millrace",)` or `("/opt/venv/bin/millrace",)`.
        workspace: passed to every command as `--workspace`.
        cwd: the commands' working directory; a daemon's too.
        env: the environment of every call; tests and the demo add to it.
        runner: what runs the commands.
    """

    argv: tuple[str, ...]
    workspace: Path
    cwd: Path
    env: Mapping[str, str] = field(default_factory=lambda: dict(os.environ), repr=False)
    runner: CommandRunner = field(default_factory=PlainRunner, repr=False)

    def warm_up(self) -> None:
        """Prepare for calls that follow soon; returns at once."""
        self.runner.warm_up(self.command(in_workspace=False))

    def call(
        self,
        *arguments: str,
        wait: Wait,
        in_workspace: bool = True,
        pass_fds: tuple[int, ...] = (),
    ) -> Completed:
        """Run one command until it exits, with any exit code.

        Raises:
            ToolNotFound, ToolTimeout, Cancelled: as `process.run`.
        """
        started = time.monotonic()
        completed = self.runner.run(
            self.command(*arguments, in_workspace=in_workspace, pass_fds=pass_fds),
            wait.within(CALL_LIMIT_SECONDS),
        )
        seconds = time.monotonic() - started
        shown = " ".join(arguments)
        _log.debug("millrace %s: exit code %d after %.2f s", shown, completed.exit_code, seconds)
        return completed

    def spawn_daemon(self, *arguments: str, token: str, output: int, wait: Wait) -> int:
        """Start a command that outlives Millracer, with output to a descriptor; return its pid.

        Raises:
            ToolNotFound, ToolFailed, Cancelled: as `CommandRunner.spawn_detached`.
        """
        return self.runner.spawn_detached(self.command(*arguments, token=token), output, wait)

    def command(
        self,
        *arguments: str,
        in_workspace: bool = True,
        pass_fds: tuple[int, ...] = (),
        token: str | None = None,
    ) -> Command:
        """Return the command as a value; `token` marks all its processes as owned."""
        option = ("--workspace", str(self.workspace)) if in_workspace else ()
        env = {**self.env, "NO_COLOR": "1", "COLUMNS": "400"}
        if _IO_ENCODING in env:
            env[_IO_ENCODING] = "utf-8"  # Millracer decodes UTF-8; ASCII cannot name every path
        if token is not None:
            env[process_table.TOKEN_VARIABLE] = token
        return Command(
            tool=TOOL,
            argv=(*self.argv, *arguments, *option),
            cwd=self.cwd,
            env=env,
            pass_fds=pass_fds,
        )

    def checked(self, *arguments: str, wait: Wait) -> Completed:
        """Run one command in the workspace that must succeed.

        Raises:
            ToolFailed: the exit code is not 0; the message has Millrace's error line.
        """
        completed = self.call(*arguments, wait=wait)
        if completed.exit_code != 0:
            raise refusal(completed)
        return completed


def refusal(completed: Completed) -> ToolFailed:
    """Return the error for a failed call, with Millrace's error line."""
    shown, line = " ".join(completed.argv[1:3]), useful_line(completed)
    return ToolFailed(
        TOOL,
        f"`millrace {shown}` failed with exit code {completed.exit_code}: {line}",
        detail=(completed.stdout + completed.stderr)[-4000:],
        suggested_action=_choose_next_step(completed, line),
    )


def _choose_next_step(completed: Completed, line: str) -> str:
    """Return the next step after a failed call; it never names the command that failed."""
    for phrase, next_step in _NEXT_STEPS.items():
        if phrase in line:
            return next_step
    if _DAMAGED_LOG.search(line) or _DAMAGED_LOG.search(completed.stderr):
        return _MOVE_LOG
    diagnostic = next(each for each in _DIAGNOSTIC_COMMANDS if each not in completed.argv[1:3])
    return (
        f"run `millrace {diagnostic}` in the workspace, fix what it reports, then run the same "
        "command again"
    )


def useful_line(completed: Completed) -> str:
    """Return the line of a failed call's output that names the error."""
    stdout = [line.strip() for line in completed.stdout.splitlines() if line.strip()]
    for line in reversed(stdout):
        if line.startswith("error:"):
            return line.removeprefix("error:").strip()
    error = exception_line(completed.stderr)
    if error is not None:
        return error
    stderr = [_BOX_CHARACTERS.sub("", line).strip() for line in completed.stderr.splitlines()]
    for line in reversed([line for line in stderr if line]):
        return line
    return stdout[-1] if stdout else "no output"
