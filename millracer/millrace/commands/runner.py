"""How commands of one program are run: the seam that a warm Millrace stands behind."""

from __future__ import annotations

from typing import Protocol

from millracer.cancellation import Wait
from millracer.system import processes
from millracer.system.processes import Command, Completed


class CommandRunner(Protocol):
    """Runs commands; whatever does it, each behaves as a process of its own."""

    def warm_up(self, program: Command) -> None:
        """Make ready for commands of this program and environment; returns at once, never raises.

        Args:
            program: the command without arguments.
        """
        ...

    def run(self, command: Command, wait: Wait) -> Completed:
        """Run a command to its end; contract and errors are those of `process.run`."""
        ...

    def spawn_detached(self, command: Command, output: int, wait: Wait) -> int:
        """Start a program that outlives us and return its pid; as `process.spawn_detached`.

        Raises:
            ToolNotFound, ToolFailed: it could not be started.
            Cancelled: the caller asked to stop before it was started.
        """
        ...

    def close(self) -> None:
        """End what `warm_up` started, and nothing that was spawned; never raises, repeatable."""
        ...


class PlainRunner(CommandRunner):
    """Starts a process for each command."""

    def warm_up(self, program: Command) -> None:
        """Nothing can be made ready."""

    def run(self, command: Command, wait: Wait) -> Completed:
        """See `process.run`."""
        return processes.run(command, wait)

    def spawn_detached(self, command: Command, output: int, wait: Wait) -> int:
        """See `process.spawn_detached`."""
        wait.cancellation.raise_if_cancelled()
        return processes.spawn_detached(command, output)

    def close(self) -> None:
        """There is nothing to end."""
