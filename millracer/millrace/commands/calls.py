"""How the `millrace` command is called: argv, environment, limits, and its useful words on failure.

Millrace writes domain errors as `error: ...` on stdout and programming errors as a traceback on
stderr, so both streams are searched. Nothing here knows what a command means.
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
from millracer.system import processes
from millracer.system.processes import Command, Completed

_log = logging.getLogger(__name__)

TOOL = "millrace"
#: One call's limit in seconds; a loaded machine needs up to six for a start alone.
CALL_LIMIT_SECONDS = 120.0

#: What to do where it answers another question than was asked.
WRONG_PROGRAM = "check which program `millrace` on PATH is"

#: What to do about words in Millrace's own line; the same command again finds the work item.
_CURES = {
    "[Errno 28]": "make room on the disk, then run the same command again",
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
#: Commands that say what is wrong in a workspace; one that failed itself is no advice.
_TELLING = ("status", "doctor")
#: What a traceback over Millrace's event log shows: its own words, or where it read the log.
_DAMAGED_LOG = re.compile(r"runtime event |\bfind_latest_runtime_event\b")
_MOVE_LOG = (
    "move millrace-agents/logs/runtime_events.jsonl in the workspace away: it is damaged, and "
    "Millrace begins a new one; then run the same command again"
)
_IO_ENCODING = "PYTHONIOENCODING"
_BOX = re.compile(r"[│╭╮╰╯─┃┏┓┗┛━]+")


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
        """Make ready for calls that come soon, without waiting for anything."""
        self.runner.warm_up(self.command(in_workspace=False))

    def call(
        self,
        *arguments: str,
        wait: Wait,
        in_workspace: bool = True,
        pass_fds: tuple[int, ...] = (),
    ) -> Completed:
        """Run one command to its end, whatever its exit code.

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
        """Start a command that outlives us, its output going to a descriptor; return its pid.

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
        """Return the command as a value; `token` marks everything it starts as ours."""
        where = ("--workspace", str(self.workspace)) if in_workspace else ()
        env = {**self.env, "NO_COLOR": "1", "COLUMNS": "400"}
        if _IO_ENCODING in env:
            env[_IO_ENCODING] = "utf-8"  # it is what we read, and ASCII cannot name every path
        if token is not None:
            env[processes.TOKEN_VARIABLE] = token
        return Command(
            tool=TOOL,
            argv=(*self.argv, *arguments, *where),
            cwd=self.cwd,
            env=env,
            pass_fds=pass_fds,
        )

    def checked(self, *arguments: str, wait: Wait) -> Completed:
        """Run one command in the workspace that has to succeed.

        Raises:
            ToolFailed: it exited non-zero; the message holds Millrace's own line.
        """
        completed = self.call(*arguments, wait=wait)
        if completed.exit_code != 0:
            raise refusal(completed)
        return completed


def refusal(completed: Completed) -> ToolFailed:
    """Turn a failed call into an error with Millrace's own words."""
    shown, line = " ".join(completed.argv[1:3]), useful_line(completed)
    return ToolFailed(
        TOOL,
        f"`millrace {shown}` failed with exit code {completed.exit_code}: {line}",
        detail=(completed.stdout + completed.stderr)[-4000:],
        suggested_action=_advise(completed, line),
    )


def _advise(completed: Completed, line: str) -> str:
    """Return the next step after a failed call; it never names the command that failed."""
    for words, cure in _CURES.items():
        if words in line:
            return cure
    if _DAMAGED_LOG.search(line) or _DAMAGED_LOG.search(completed.stderr):
        return _MOVE_LOG
    telling = next(command for command in _TELLING if command not in completed.argv[1:3])
    return (
        f"see what `millrace {telling}` says in the workspace, mend that, and run the same "
        "command again"
    )


def useful_line(completed: Completed) -> str:
    """Return the one line of a failed call a person needs."""
    stdout = [line.strip() for line in completed.stdout.splitlines() if line.strip()]
    for line in reversed(stdout):
        if line.startswith("error:"):
            return line.removeprefix("error:").strip()
    error = exception_line(completed.stderr)
    if error is not None:
        return error
    stderr = [_BOX.sub("", line).strip() for line in completed.stderr.splitlines()]
    for line in reversed([line for line in stderr if line]):
        return line
    return stdout[-1] if stdout else "it said nothing"
