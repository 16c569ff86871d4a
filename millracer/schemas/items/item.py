"""The JSON of `show`, `logs` and `trace` with `--json`.

`millracer.item.v1`, `millracer.logs.v1` and `millracer.trace.v1` are about one work item each.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from millracer.domain.item_report import ItemReport, ItemTrace, StageLog
from millracer.domain.requests import IntakeKind
from millracer.domain.run.evidence import Fact, run_of, state_fact, subject_of
from millracer.domain.run.result import ErrorRecord
from millracer.domain.work.items import ItemState
from millracer.domain.work.transcript import EntryKind
from millracer.errors import MillracerError, RunWarning
from millracer.schemas.base import ItemId, Published
from millracer.schemas.items.report import ItemsReport
from millracer.schemas.run.changes import ChangesDocument, describe_changes
from millracer.schemas.run.document import (
    ErrorDocument,
    LineageDocument,
    MissingDocument,
    StepDocument,
)
from millracer.schemas.run.usage import TokensDocument


class FactDocument(Published):
    """One fact about an item of the lineage.

    Attributes:
        statement: the fact as a clause.
        work_item_id: the item.
        run_id: the run that it comes from; null where it comes from none.
        source: the command or file.
        at: when it was read.
    """

    statement: str
    work_item_id: str
    run_id: str | None
    source: str
    at: datetime


class ItemStageDocument(Published):
    """One stage. Paths are relative to the workspace; null for a file that does not exist.

    Attributes:
        work_item_id: the item; for the Arbiter, the root spec.
        run_id: Millrace's run.
        stage: such as `builder`.
        result: the terminal result; null if the stage has not ended or was cut off.
        failure_class: Millrace's class of a failure.
        started_at: the start.
        seconds: the duration; null without a result.
        tokens: null if the program reported none.
        cost_usd: the cost by the agent's own prices, in dollars.
        cost_unknown: why `cost_usd` is null.
        model: the requested model; null for the program's default.
        thinking: the requested thinking level.
        run_folder: the folder of the run.
        report: the document that the stage wrote about its work.
        transcript: the recorded event stream of the stage's agent.
        prompt: the stage's prompt.
        stdout: the agent's last message.
        stderr: the error output of the agent.
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
    run_folder: str
    report: str | None
    transcript: str | None
    prompt: str | None
    stdout: str | None
    stderr: str | None


class ItemDocument(Published):
    """One work item.

    Attributes:
        work_item_id: the item's id.
        millrace_id: the id Millrace uses now: that of the derived spec for an idea.
        work_kind: Millrace's name for its kind: task, probe, spec, incident, idea.
        intake_kind: null for an item that was not entered as one, such as a spec.
        state: its place in Millrace.
        detail: Millrace's own words about the state.
        title: the heading of its document.
        task: its request as it was given, else its document.
        failure: why the stage runner of a blocked item failed, in its words.
        path: the path of its document.
        source: the command or file that reported its state.
        scoped_completion: true exactly when `evidence` proves that the item is completed.
        evidence: the proof of completion, or what is blocked.
        missing_evidence: what completion would need; empty exactly when it is proven.
        lineage: the item and all items derived from it, parents before children.
        stages: the stages that ran for the lineage, by start time.
        changes: what changed in the workspace during its work, or why that is not known.
    """

    work_item_id: ItemId
    millrace_id: str | None
    work_kind: str | None
    intake_kind: IntakeKind | None
    state: ItemState
    detail: str
    failure: str | None
    title: str
    task: str | None
    path: str | None
    source: str
    scoped_completion: bool
    evidence: list[FactDocument]
    missing_evidence: list[MissingDocument]
    lineage: list[LineageDocument]
    stages: list[ItemStageDocument]
    changes: ChangesDocument


class ItemResult(ItemsReport):
    """One item whole.

    Attributes:
        item: the item; null if it could not be read.
        millrace_version: the version found; null if Millrace was not called.
        next_steps: the commands that continue, retry or cancel unfinished work.
    """

    schema_version: Literal["millracer.item.v1"] = "millracer.item.v1"
    item: ItemDocument | None = None
    millrace_version: str | None = None
    next_steps: list[StepDocument] = Field(default_factory=list)


class EntryDocument(Published):
    """One message, tool call or error of an agent.

    Attributes:
        kind: message, tool call or error.
        text: the message, the tool's most informative argument, or the error.
        tool: the name of the called tool; null for other entries.
        failed: whether the tool reported an error.
    """

    kind: EntryKind
    text: str
    tool: str | None
    failed: bool


class StageLogDocument(Published):
    """The transcript of one stage.

    Attributes:
        stage: the stage.
        is_complete: whether every step was recorded; otherwise only the last message is known.
        entries: what the agent said and did, in order.
        raw: the recorded file's text, if it was requested.
    """

    stage: ItemStageDocument
    is_complete: bool
    entries: list[EntryDocument]
    raw: str | None


class LogsResult(ItemsReport):
    """The transcripts of the stages of one item and its lineage.

    Attributes:
        work_item_id: the item; null if it could not be read.
        stages: the stages by start time.
    """

    schema_version: Literal["millracer.logs.v1"] = "millracer.logs.v1"
    work_item_id: str | None = None
    stages: list[StageLogDocument] = Field(default_factory=list)


class TraceResult(ItemsReport):
    """Millrace's evidence about one item.

    Attributes:
        work_item_id: the item; null if it could not be read.
        state: its place in Millrace.
        facts: all facts about the item and its lineage, each with its source.
        runs: Millrace's own traces of their runs, unchanged.
        millrace_version: the version found; null if Millrace was not called.
    """

    schema_version: Literal["millracer.trace.v1"] = "millracer.trace.v1"
    work_item_id: str | None = None
    state: ItemState | None = None
    facts: list[FactDocument] = Field(default_factory=list)
    runs: list[dict[str, Any]] = Field(default_factory=list)
    millrace_version: str | None = None


def describe_item(report: ItemReport, warnings: Iterable[RunWarning]) -> ItemResult:
    """Convert an item's report into its published shape."""
    verdict = report.verdict
    return ItemResult(
        workspace=report.workspace,
        item=ItemDocument.of(
            report.item_status,
            intake_kind=report.item_status.kind,
            failure=report.failure,
            title=report.title,
            task=report.task,
            scoped_completion=verdict.completed,
            evidence=[_fact(fact) for fact in verdict.proof],
            missing_evidence=verdict.missing,
            lineage=report.lineage,
            stages=report.stages,
            changes=describe_changes(report.changes),
        ),
        millrace_version=report.version,
        warnings=[str(warning) for warning in warnings],
        next_steps=report.next_steps,
    )


def describe_logs(
    workspace: str,
    item_id: str,
    logs: Iterable[StageLog],
    warnings: Iterable[RunWarning] = (),
    *,
    raw: bool,
) -> LogsResult:
    """Convert the transcripts of an item's stages into their published shape.

    Args:
        workspace: its path.
        item_id: the item.
        logs: the stages with their transcripts.
        warnings: for the caller.
        raw: include the recorded files' texts.
    """
    return LogsResult(
        workspace=workspace,
        work_item_id=item_id,
        stages=[
            StageLogDocument(
                stage=ItemStageDocument.of(each.report),
                is_complete=each.transcript.is_complete,
                entries=[EntryDocument.of(entry) for entry in each.transcript.entries],
                raw=each.transcript.raw if raw else None,
            )
            for each in logs
        ],
        warnings=[str(warning) for warning in warnings],
    )


def describe_trace(trace: ItemTrace, warnings: Iterable[RunWarning]) -> TraceResult:
    """Convert Millrace's evidence into its published shape."""
    return TraceResult(
        workspace=trace.workspace,
        work_item_id=trace.item_status.item_id,
        state=trace.item_status.state,
        facts=[_fact(fact) for fact in trace.facts],
        runs=[dict(each) for each in trace.traces],
        millrace_version=trace.version,
        warnings=[str(warning) for warning in warnings],
    )


def describe_item_failure(error: MillracerError, _command: str | None = None) -> ItemResult:
    """Return the document of an item that could not be read."""
    return ItemResult(errors=[ErrorDocument.of(ErrorRecord.of(error))])


def describe_logs_failure(error: MillracerError, _command: str | None = None) -> LogsResult:
    """Return the document of transcripts that could not be read."""
    return LogsResult(errors=[ErrorDocument.of(ErrorRecord.of(error))])


def describe_trace_failure(error: MillracerError, _command: str | None = None) -> TraceResult:
    """Return the document of evidence that could not be read."""
    return TraceResult(errors=[ErrorDocument.of(ErrorRecord.of(error))])


def _fact(fact: Fact) -> FactDocument:
    return FactDocument(
        statement=state_fact(fact),
        work_item_id=subject_of(fact),
        run_id=run_of(fact),
        source=fact.source,
        at=fact.observed_at,
    )
