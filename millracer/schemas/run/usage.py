"""The parts of a result about what the work used, and the files of its runs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from millracer.domain.run.usage import AgentUsage, cost_of_turns, total_of
from millracer.domain.work.stages import StageReport
from millracer.schemas.base import ItemId, Published

_COST_DIGITS = 6


class TokensDocument(Published):
    """Token counts.

    Attributes:
        input: input tokens as the program counts them: pi leaves out cached ones, codex does not.
        cached: tokens that the provider read from its cache.
        output: tokens that the model wrote.
        thinking: output tokens spent on thinking, where the program counts them.
        total: the program's own sum.
    """

    input: int
    cached: int
    output: int
    thinking: int
    total: int


class StageUsageDocument(Published):
    """One stage: its result, seconds, tokens, model and thinking level.

    `result`, `seconds` and `tokens` are null for a stage that was cut off or has not ended.

    Attributes:
        work_item_id: the item that the stage worked on.
        run_id: Millrace's run of the stage.
        stage: the name of the stage.
        result: the stage's terminal result.
        failure_class: Millrace's class of the failure; null for a stage that did not fail.
        started_at: when the stage began.
        seconds: how long it took.
        tokens: what its agent used.
        cost_usd: the cost by the agent's own prices, in dollars.
        cost_unknown: why `cost_usd` is null.
        model: the model of its agent; null if not recorded.
        thinking: the thinking level of its agent; null if not recorded.
    """

    work_item_id: ItemId
    run_id: str
    stage: str
    result: str | None
    failure_class: str | None
    started_at: datetime
    seconds: float | None
    tokens: TokensDocument | None
    cost_usd: float | None
    cost_unknown: str | None
    model: str | None
    thinking: str | None


class AgentUsageDocument(Published):
    """The outer pi's turns in this run.

    Attributes:
        turns: the number of turns.
        seconds: the time that the turns took.
        tokens: what they used; null if pi reported none for a turn.
        model: the model of the last turn.
        thinking: its thinking level.
        cost_usd: the cost by pi's prices, in dollars.
        cost_unknown: why `cost_usd` is null.
    """

    turns: int
    seconds: float
    tokens: TokensDocument | None
    model: str | None
    thinking: str | None
    cost_usd: float | None
    cost_unknown: str | None


class UsageTotalDocument(Published):
    """The sum over stages and turns.

    Attributes:
        tokens: all known tokens.
        seconds: the time of stages and turns, which may overlap.
        cost_usd: the cost in dollars.
        cost_unknown: why `cost_usd` is null.
        unknown: stages and turns whose tokens are not known and not counted.
    """

    tokens: TokensDocument
    seconds: float
    cost_usd: float | None
    cost_unknown: str | None
    unknown: list[str]


class UsageDocument(Published):
    """What the work used: all stages of the work item and its lineage, and this run's turns.

    Attributes:
        stages: the stages, oldest first.
        agent: pi's turns in this run.
        total: the sum of both.
    """

    stages: list[StageUsageDocument]
    agent: AgentUsageDocument
    total: UsageTotalDocument


class StageFilesDocument(Published):
    """The files of one stage, relative to the workspace; null for a missing one.

    Attributes:
        stage: the name of the stage.
        report: what the stage wrote about its work.
        transcript: the events of the stage's agent; Millrace keeps them of a failed stage only,
            unless configured otherwise.
        prompt: the prompt of the agent.
        stdout: the agent's last message.
        stderr: the agent's standard error.
    """

    stage: str
    report: str | None
    transcript: str | None
    prompt: str | None
    stdout: str | None
    stderr: str | None


class RunFilesDocument(Published):
    """One Millrace run of the work item or its lineage: its folder and the files of its stages.

    Attributes:
        work_item_id: the item of the run.
        run_id: Millrace's id of the run.
        folder: the run's folder, relative to the workspace.
        stages: the files of each stage, in order.
    """

    work_item_id: str
    run_id: str
    folder: str
    stages: list[StageFilesDocument]


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
                cost_usd=_rounded(stage.cost_usd),
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
