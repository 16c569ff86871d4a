"""Budgets of a work item: how much its stages may use before no further stage may begin."""

from __future__ import annotations

from collections.abc import Sequence

from millracer.domain.requests import Limits
from millracer.domain.run.usage import AgentUsage, total_of
from millracer.domain.work.stages import StageReport


def has_budget(limits: Limits) -> bool:
    """Return whether a budget is set."""
    return limits.max_tokens is not None or limits.max_stages is not None


def explain_exhausted(
    limits: Limits, stages: Sequence[StageReport], agent: AgentUsage
) -> str | None:
    """Return which budget is used up, None while another stage may begin.

    Args:
        limits: the budgets.
        stages: all stages of the item and its lineage, also those of earlier runs.
        agent: the agent's turns of this run.
    """
    ended = sum(stage.result is not None for stage in stages)
    if limits.max_stages is not None and ended >= limits.max_stages:
        return f"the work item's ended stages ({ended}) reach --max-stages ({limits.max_stages})"
    tokens = total_of(stages, agent).tokens.total
    if limits.max_tokens is not None and tokens >= limits.max_tokens:
        return f"the work item's tokens ({tokens}) reach --max-tokens ({limits.max_tokens})"
    return None
