"""The interface that runs a program's commands, as processes or in the fork server."""

from __future__ import annotations

from typing import Protocol

from millracer.cancellation import Wait
from millracer.system import processes
from millracer.system.processes import Command, Completed


class CommandRunner(Protocol):
    """Runs commands; each behaves as a process of its own in every implementation."""

    def warm_up(self, program: Command) -> None:
        """Prepare for commands of this program and environment; returns at once, never raises.

        Args:
            program: the command without arguments.
        """
        ...

    def run(self, command: Command, wait: Wait) -> Completed:
        """Run a command until it exits; contract and errors are those of `process.run`."""
        ...

    def spawn_detached(self, command: Command, output: int, wait: Wait) -> int:
        """Start a program that outlives Millracer, as `process.spawn_detached`; return its pid.

        Raises:
            ToolNotFound, ToolFailed: it could not be started.
            Cancelled: the caller asked to stop before it was started.
        """
        ...

    def close(self) -> None:
        """End what `warm_up` started, but no spawned command; never raises, repeatable."""
        ...


class PlainRunner(CommandRunner):
    """Starts a process for each command."""

    def warm_up(self, program: Command) -> None:
        """Do nothing: a plain process needs no preparation."""

    def run(self, command: Command, wait: Wait) -> Completed:
        """See `process.run`."""
        return processes.run(command, wait)

    def spawn_detached(self, command: Command, output: int, wait: Wait) -> int:
        """See `process.spawn_detached`."""
        wait.cancellation.raise_if_cancelled()
        return processes.spawn_detached(command, output)

    def close(self) -> None:
        """Do nothing: nothing was started."""
