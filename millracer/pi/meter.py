"""Add up what pi's turns used, from the usage of each message of the model.

pi's own session statistics sum the messages that are still in the context. A retry, a compaction or
a restart of pi removes messages from it, but their tokens were used.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from millracer.domain.run.usage import AgentUsage
from millracer.domain.work.stages import TokenUsage
from millracer.pi.frames import AssistantMessage


class UsageMeter:
    """The usage of one conversation; `thinking` is the requested level."""

    def __init__(self, thinking: str | None) -> None:
        self._used = AgentUsage(thinking=thinking)

    @property
    def used(self) -> AgentUsage:
        """The sum so far."""
        return self._used

    def add_turn(self, messages: Sequence[AssistantMessage], seconds: float) -> None:
        """Add one turn with the model's messages; without a usage report it is unreported."""
        used = self._used
        reports = [message for message in messages if message.usage is not None]
        self._used = replace(
            used,
            turns=used.turns + 1,
            seconds=used.seconds + seconds,
            unreported_turns=used.unreported_turns + (not reports),
        )
        for message in reports:
            self._add(message)

    def _add(self, message: AssistantMessage) -> None:
        usage, used = message.usage, self._used
        if usage is None:
            return
        tokens = TokenUsage(
            input=usage.input,
            cached=usage.cache_read,
            output=usage.output,
            total=usage.input + usage.output + usage.cache_read + usage.cache_write,
        )
        price = 0.0 if usage.cost is None else usage.cost.total
        named = message.provider and message.model
        self._used = replace(
            used,
            tokens=used.tokens + tokens,
            cost_usd=used.cost_usd + price,
            unpriced_tokens=used.unpriced_tokens + (0 if price else tokens.total),
            model=f"{message.provider}/{message.model}" if named else used.model,
        )
