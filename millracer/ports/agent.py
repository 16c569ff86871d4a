"""The port of the coding agent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:  # an implementation loads what its port deals in, and nothing else
    from millracer.cancellation import Wait
    from millracer.domain.run.usage import AgentUsage
    from millracer.errors import RunWarning
    from millracer.ports.events import TextListener


class Agent(Protocol):
    """One conversation with the coding agent; safe to use from one thread at a time."""

    @property
    def version(self) -> str | None:
        """The program's version; None before it is known."""
        ...

    @property
    def notices(self) -> tuple[RunWarning, ...]:
        """Warnings for the caller, each once."""
        ...

    @property
    def usage(self) -> AgentUsage:
        """What all turns so far used, also of failed and aborted ones."""
        ...

    def begin(self) -> None:
        """Start the program without waiting for it; repeated calls do nothing.

        Raises:
            ToolNotFound: there is no such program.
            ToolUnsupported: its version is refused.
        """
        ...

    def ask(self, prompt: str, wait: Wait, on_text: TextListener | None = None) -> str:
        """Send one prompt and return the full text of its answer, never empty.

        A turn that runs out of time is aborted and the conversation stays usable.

        Raises:
            ToolTimeout: the turn did not end in time.
            ToolFailed: the model or pi failed, or the answer was empty or cut off.
            ProtocolError: pi's output breaks its protocol.
            Cancelled: the caller requested a stop; the turn was aborted.
        """
        ...

    def close(self, wait: Wait) -> None:
        """End the conversation and all its processes; never raises, repeatable."""
        ...
