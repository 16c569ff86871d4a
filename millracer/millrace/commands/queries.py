"""Calls of `millrace` that also detect a broken install and an uninitialised workspace.

A broken install fails every command with the same traceback, and each answer shows whether the
workspace is initialised, so neither needs a call of its own.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field

from millracer.cancellation import Wait
from millracer.millrace.commands.calls import MillraceCalls, refusal
from millracer.millrace.commands.version import broken_install
from millracer.millrace.wire.text_output import is_absent, is_not_initialised
from millracer.millrace.wire.traceback import is_broken_install
from millracer.system.processes import Completed


@dataclass(slots=True)
class MillraceQuestions:
    """One workspace's calls.

    Attributes:
        initialised: whether the workspace is initialised, by the last answer that shows it; None
            before the first.
    """

    calls: MillraceCalls
    initialised: bool | None = field(default=None, init=False)

    def describe(self, *arguments: str) -> str:
        """Return the command that asks the same from a shell in any directory, as a source."""
        return shlex.join(("millrace", *arguments, "--workspace", str(self.calls.workspace)))

    def ask(self, *arguments: str, wait: Wait, pass_fds: tuple[int, ...] = ()) -> Completed:
        """Run one command in the workspace until it exits, with any exit code.

        Raises:
            ToolUnsupported: the install is broken.
            ToolNotFound, ToolTimeout, Cancelled: as `process.run`.
        """
        completed = self.calls.call(*arguments, wait=wait, pass_fds=pass_fds)
        if completed.exit_code == 0 or is_absent(completed.stdout):
            self.initialised = True
        elif is_not_initialised(completed.stdout):
            self.initialised = False
        else:
            _raise_if_broken(completed)
        return completed

    def ask_program(self, *arguments: str, wait: Wait) -> Completed:
        """Run one command that takes no workspace and must succeed.

        Raises:
            ToolFailed: the exit code is not 0; the message has Millrace's error line.
            ToolUnsupported: the install is broken.
            ToolNotFound, ToolTimeout, Cancelled: as `process.run`.
        """
        return _check_success(self.calls.call(*arguments, wait=wait, in_workspace=False))

    def succeed(self, *arguments: str, wait: Wait) -> Completed:
        """Run one command in the workspace that must succeed.

        Raises:
            ToolFailed: the exit code is not 0; the message has Millrace's error line.
        """
        return _check_success(self.ask(*arguments, wait=wait))


def _check_success(completed: Completed) -> Completed:
    if completed.exit_code != 0:
        _raise_if_broken(completed)
        raise refusal(completed)
    return completed


def _raise_if_broken(completed: Completed) -> None:
    if is_broken_install(completed.stderr):
        raise broken_install(completed.stderr)
