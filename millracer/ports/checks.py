"""The port that runs a caller's checks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:  # an implementation loads what its port deals in, and nothing else
    from millracer.cancellation import Wait
    from millracer.domain.checks import Argv, CheckRun


class CheckRunner(Protocol):
    """Runs commands of the caller."""

    def run(self, argv: Argv, folder: str, wait: Wait) -> CheckRun:
        """Run one command to its end, without a shell and without keys in its environment.

        No process that it started remains. A command that cannot be started or exceeds the
        deadline has a result with its problem.

        Args:
            argv: the program and its arguments.
            folder: the working directory.
            wait: the caller's wait, with the time limit of the check.

        Raises:
            Cancelled: the caller requested a stop.
        """
        ...
