"""The port of the coding agent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:  # an implementation loads what its port deals in, and nothing else
    from millracer.cancellation import Wait
    from millracer.domain.models import AgentModels, Model
    from millracer.domain.run.usage import AgentUsage
    from millracer.errors import RunWarning
    from millracer.ports.events import TextListener


class ModelLister(Protocol):
    """Lists the models of the coding agent, and resolves their names."""

    def list_models(self, wait: Wait, *, from_cache: bool = False) -> AgentModels:
        """Return the selected model and the models with credentials; sends no model request.

        A program that runs answers at once; otherwise it is started.

        Args:
            wait: limits the answer, including the start.
            from_cache: accept an earlier answer to the same settings instead of a start.

        Raises:
            ToolNotFound, ToolUnsupported, UsageError: it cannot be started.
            ToolFailed, ToolTimeout, ProtocolError: it gave no answer.
            Cancelled: the caller requested a stop.
        """
        ...

    def resolve_model(self, provider: str | None, model: str | None, wait: Wait) -> Model | None:
        """Return the model that the program selects for a name; starts another process.

        Args:
            provider: the value of its option for the provider, None without the option.
            model: the same for the model.
            wait: limits the answer.

        Raises:
            ToolFailed: it refuses the name.
            MillracerError: as `list_models`.
        """
        ...


class Agent(ModelLister, Protocol):
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
