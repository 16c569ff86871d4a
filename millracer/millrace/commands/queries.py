"""Calls of `millrace` that notice on the way what every answer tells about the install.

A broken install fails each command with the same traceback, and each answer shows whether the
workspace is initialised, so nobody has to ask for either.
"""

from __future__ import annotations

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
        initialised: what the last telling answer said; None before there was one.
    """

    calls: MillraceCalls
    initialised: bool | None = field(default=None, init=False)

    def ask(self, *arguments: str, wait: Wait, pass_fds: tuple[int, ...] = ()) -> Completed:
        """Run one command in the workspace, whatever its exit code.

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
            _refuse_broken(completed)
        return completed

    def ask_program(self, *arguments: str, wait: Wait) -> Completed:
        """Run one command that is about the program alone and takes no workspace.

        Raises:
            ToolFailed: it exited non-zero; the message holds Millrace's own line.
            ToolUnsupported: the install is broken.
            ToolNotFound, ToolTimeout, Cancelled: as `process.run`.
        """
        return _succeeded(self.calls.call(*arguments, wait=wait, in_workspace=False))

    def succeed(self, *arguments: str, wait: Wait) -> Completed:
        """Run one command in the workspace that has to succeed.

        Raises:
            ToolFailed: it exited non-zero; the message holds Millrace's own line.
        """
        return _succeeded(self.ask(*arguments, wait=wait))


def _succeeded(completed: Completed) -> Completed:
    if completed.exit_code != 0:
        _refuse_broken(completed)
        raise refusal(completed)
    return completed


def _refuse_broken(completed: Completed) -> None:
    if is_broken_install(completed.stderr):
        raise broken_install(completed.stderr)
