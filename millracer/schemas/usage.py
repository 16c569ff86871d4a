"""Put stages and the agent's turns into their published shapes."""

from __future__ import annotations

from collections.abc import Sequence

from millracer.domain.run.usage import AgentUsage, cost_of_turns, total_of
from millracer.domain.work.stages import StageReport
from millracer.schemas.run import (
    AgentUsageDocument,
    RunFilesDocument,
    StageFilesDocument,
    StageUsageDocument,
    TokensDocument,
    UsageDocument,
    UsageTotalDocument,
)

_COST_DIGITS = 6


def describe_usage(stages: Sequence[StageReport], agent: AgentUsage) -> UsageDocument:
    """Return the usage of stages and turns, with totals."""
    cost, total = cost_of_turns(agent), total_of(stages, agent)
    is_reported = not agent.unreported_turns
    return UsageDocument(
        stages=[
            StageUsageDocument.of(
                stage,
                seconds=None if stage.seconds is None else round(stage.seconds, 3),
                tokens=stage.tokens and TokensDocument.of(stage.tokens),
            )
            for stage in stages
        ],
        agent=AgentUsageDocument.of(
            agent,
            seconds=round(agent.seconds, 3),
            tokens=TokensDocument.of(agent.tokens) if is_reported else None,
            cost_usd=_rounded(cost.usd),
            cost_unknown=cost.unknown,
        ),
        total=UsageTotalDocument(
            tokens=TokensDocument.of(total.tokens),
            seconds=round(total.seconds, 3),
            cost_usd=_rounded(total.cost.usd),
            cost_unknown=total.cost.unknown,
            unknown=list(total.unknown),
        ),
    )


def describe_artifacts(stages: Sequence[StageReport]) -> list[RunFilesDocument]:
    """Return the runs of these stages with their files, in the order of their first stages."""
    runs: dict[str, list[StageReport]] = {}
    for stage in stages:
        runs.setdefault(stage.run_id, []).append(stage)
    return [
        RunFilesDocument(
            work_item_id=members[0].item_id,
            run_id=run_id,
            folder=members[0].run_folder,
            stages=[StageFilesDocument.of(stage) for stage in members],
        )
        for run_id, members in runs.items()
    ]


def _rounded(usd: float | None) -> float | None:
    return None if usd is None else round(usd, _COST_DIGITS)
