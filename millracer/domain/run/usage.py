"""What a run used: tokens, seconds and cost of the stages and of the agent's turns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from millracer.domain.work.stages import StageReport, TokenUsage

_NO_TOKENS = TokenUsage()


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentUsage:
    """The agent's turns so far, as the agent reports them.

    Attributes:
        turns: prompts sent, also those that failed or were cut off.
        seconds: the time of these turns.
        tokens: the reported tokens.
        cost_usd: the reported cost of the tokens that have a price.
        unpriced_tokens: tokens of a model whose price the agent does not know.
        unreported_turns: turns without a report.
        model: the model used last, as `provider/model`.
        thinking: the requested thinking level.
    """

    turns: int = 0
    seconds: float = 0.0
    tokens: TokenUsage = _NO_TOKENS
    cost_usd: float = 0.0
    unpriced_tokens: int = 0
    unreported_turns: int = 0
    model: str | None = None
    thinking: str | None = None

    def since(self, earlier: AgentUsage) -> AgentUsage:
        """Return the usage since an earlier reading of the same conversation."""
        before, now = earlier.tokens, self.tokens
        return AgentUsage(
            turns=self.turns - earlier.turns,
            seconds=max(0.0, self.seconds - earlier.seconds),
            tokens=TokenUsage(
                input=now.input - before.input,
                cached=now.cached - before.cached,
                output=now.output - before.output,
                thinking=now.thinking - before.thinking,
                total=now.total - before.total,
            ),
            cost_usd=max(0.0, self.cost_usd - earlier.cost_usd),
            unpriced_tokens=self.unpriced_tokens - earlier.unpriced_tokens,
            unreported_turns=self.unreported_turns - earlier.unreported_turns,
            model=self.model,
            thinking=self.thinking,
        )


NO_TURNS = AgentUsage()


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """A cost in dollars; `usd` is None exactly if `unknown` gives the reason."""

    usd: float | None = None
    unknown: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageTotal:
    """The sum over stages and turns.

    Attributes:
        tokens: the known tokens.
        seconds: the time of stages and turns; they may overlap.
        cost: the cost of everything.
        unknown: stages and turns whose tokens are not known, as phrases.
    """

    tokens: TokenUsage
    seconds: float
    cost: Cost
    unknown: tuple[str, ...]


def cost_of_turns(agent: AgentUsage) -> Cost:
    """Return the cost of the agent's turns."""
    if agent.unreported_turns:
        return Cost(unknown="pi reports no usage in the session `print`")
    if agent.unpriced_tokens:
        return Cost(unknown=f"pi has no price for {agent.model or 'the model'}")
    return Cost(usd=agent.cost_usd)


def cost_of_stages(stages: Sequence[StageReport]) -> Cost:
    """Return the cost of all stages."""
    unknown: dict[str | None, list[str]] = {}
    for stage in stages:
        if stage.cost_usd is None:
            unknown.setdefault(stage.cost_unknown, []).append(stage.stage)
    if unknown:
        named = (f"{', '.join(dict.fromkeys(each))}: {why}" for why, each in unknown.items())
        return Cost(unknown="; ".join(named))
    return Cost(usd=sum((stage.cost_usd or 0.0 for stage in stages), 0.0))


def total_of(stages: Sequence[StageReport], agent: AgentUsage) -> UsageTotal:
    """Return the sum over all stages and turns."""
    tokens = sum((stage.tokens for stage in stages if stage.tokens is not None), agent.tokens)
    costs = (cost_of_stages(stages), cost_of_turns(agent))
    reasons = tuple(cost.unknown for cost in costs if cost.unknown is not None)
    unknown = [
        f"{stage.stage} of {stage.item_id} has no token report"
        if stage.result
        else f"{stage.stage} of {stage.item_id} did not end"
        for stage in stages
        if stage.tokens is None
    ]
    if agent.unreported_turns:
        unknown.append(f"{agent.unreported_turns} of pi's turns have no token report")
    return UsageTotal(
        tokens=tokens,
        seconds=sum((stage.seconds or 0.0 for stage in stages), agent.seconds),
        cost=Cost(unknown="; ".join(reasons))
        if reasons
        else Cost(usd=sum(cost.usd or 0.0 for cost in costs)),
        unknown=tuple(unknown),
    )
