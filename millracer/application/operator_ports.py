"""What the operator needs from outside: words, programs, and somebody who watches a task."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from millracer.application.choices import RunChoices
from millracer.ports import Millrace, Pi, ProgressListener, TextListener
from millracer.waiting import Cancellation

if TYPE_CHECKING:  # a question of the operator runs no task
    from millracer.application.orchestrator import Orchestrator


class Voice(Protocol):
    """Where the operator's words go."""

    def answer(self, text: str) -> None:
        """Say what was asked for: an answer of pi, a report."""
        ...

    def note(self, text: str) -> None:
        """Say something beside the answer: how a task ended, a warning, an error."""
        ...


class OperatorTools(Protocol):
    """Opens pi and Millrace for one workspace; errors as `millracer.errors`."""

    def pi(self, root_path: str, choices: RunChoices) -> Pi:
        """Return a new conversation, not started yet."""
        ...

    def millrace(self, root_path: str, choices: RunChoices) -> Millrace:
        """Return the Millrace of a workspace."""
        ...

    def over(
        self,
        millrace: Millrace,
        pi: Pi,
        listeners: Sequence[ProgressListener],
        on_text: TextListener | None,
    ) -> Orchestrator:
        """Return an orchestrator over both; it owns neither."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Watching:
    """Who is told of a task while it runs, and who may stop it."""

    cancellation: Cancellation
    listener: ProgressListener | None = None
    on_text: TextListener | None = None
