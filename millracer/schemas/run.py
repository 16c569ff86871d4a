"""The parts of a run's JSON result: the reference's keys and Millracer's own.

`RunResultDocument` is the only definition. Keys with the reference's names keep their meaning.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final, Literal

from pydantic import Field

from millracer.domain.programs import ToolOrigin
from millracer.domain.requests import IntakeKind, Route
from millracer.domain.run.outcome import Outcome
from millracer.domain.run.progress import EventKind
from millracer.domain.work.changes import FileStatus
from millracer.schemas.base import Code, Published

SCHEMA_VERSION: Final = "millracer.run.v1"

#: An item's id, which the domain calls `item_id`.
ItemId = Annotated[str, Field(validation_alias="item_id")]
OptionalItemId = Annotated[str | None, Field(validation_alias="item_id")]


class DecisionDocument(Published):
    """The decision: the route of the task, and the reason."""

    route: Route
    intake_kind: IntakeKind | None
    why: str
    mode: str | None
    custom_loop_needed: bool
    signals: list[str]
    notes: str


class EventDocument(Published):
    """The event a run ended with."""

    kind: EventKind
    workspace: str
    reason: str
    at: datetime
    work_item_id: OptionalItemId
    run_id: str | None


class ProgressDocument(Published):
    """One progress event of a run; numbers increase, and the result may omit some."""

    number: int
    at: datetime
    kind: str
    workspace: str
    reason: str
    state: str
    stage: str | None
    work_item_id: OptionalItemId
    run_id: str | None
    queued: int | None


class EvidenceDocument(Published):
    """One fact of the proof: its item, its statement, its source (command or file) and its time."""

    kind: EventKind
    workspace: str
    reason: str
    work_item_id: str
    run_id: str | None
    source: str
    at: datetime


class MissingDocument(Published):
    """Missing evidence: what completion needed, where it was looked for, what was found there."""

    needed: str
    looked_in: str
    found: str


class ErrorDocument(Published):
    """Why a run failed, and the next step."""

    code: Code
    message: str
    suggested_action: str | None
    detail: str


class LineageDocument(Published):
    """A member of the work item's lineage; the item itself has no parent."""

    work_item_id: ItemId
    kind: Annotated[str, Field(validation_alias="work_kind")]
    state: str
    how: str
    source: str
    parent_id: str | None


class StepDocument(Published):
    """A next step: a command that continues from here."""

    action: str
    command: str


class ScopedWorkDocument(Published):
    """The request's scope, as it was given."""

    item_id: str
    title: str | None
    source_queue: str | None
    spec_path: str | None
    completion_ref: str | None
    constraints: list[str]


class VersionsDocument(Published):
    """The versions used; null for a program that was not asked."""

    millracer: str
    millrace: str | None
    pi: str | None


class ToolDocument(Published):
    """A program as it was found, and its origin."""

    command: str
    origin: ToolOrigin


class ToolsDocument(Published):
    """The programs of the run; null if it ended before they were resolved."""

    millrace: ToolDocument | None = None
    pi: ToolDocument | None = None


class TokensDocument(Published):
    """Token counts; `total` is the program's own sum."""

    input: int
    cached: int
    output: int
    thinking: int
    total: int


class StageUsageDocument(Published):
    """One stage: its result, seconds, tokens, model and thinking level.

    `result`, `seconds` and `tokens` are null for a stage that was cut off or has not ended.
    """

    work_item_id: ItemId
    run_id: str
    stage: str
    result: str | None
    failure_class: str | None
    started_at: datetime
    seconds: float | None
    tokens: TokensDocument | None
    model: str | None
    thinking: str | None


class AgentUsageDocument(Published):
    """The outer pi's turns in this run."""

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
        seconds: the time of stages and turns, which may overlap.
        cost_unknown: why `cost_usd` is null.
        unknown: stages and turns whose tokens are not known and not counted.
    """

    tokens: TokensDocument
    seconds: float
    cost_usd: float | None
    cost_unknown: str | None
    unknown: list[str]


class UsageDocument(Published):
    """What the work used: all stages of the work item and its lineage, and this run's turns."""

    stages: list[StageUsageDocument]
    agent: AgentUsageDocument
    total: UsageTotalDocument


class StageFilesDocument(Published):
    """The files of one stage, relative to the workspace; null for a missing one.

    Attributes:
        report: what the stage wrote about its work.
        transcript: the events of the stage's agent; Millrace keeps them of a failed stage only,
            unless configured otherwise.
        stdout: the agent's last message.
    """

    stage: str
    report: str | None
    transcript: str | None
    prompt: str | None
    stdout: str | None
    stderr: str | None


class RunFilesDocument(Published):
    """One Millrace run of the work item or its lineage: its folder and the files of its stages."""

    work_item_id: str
    run_id: str
    folder: str
    stages: list[StageFilesDocument]


class IntervalDocument(Published):
    """Two points in time."""

    start: datetime
    end: datetime


class FileChangeDocument(Published):
    """One changed file; paths are relative to the workspace, lines null for a binary file."""

    path: str
    status: FileStatus
    added: int | None
    removed: int | None
    previous_path: str | None


class ChangesDocument(Published):
    """The files that differ between the start and the end of the work, whoever changed them.

    Attributes:
        between: when start and end were recorded; null if the changes are not known.
        base_commit: HEAD at the start.
        head_commit: HEAD at the end.
        dirty_before: whether files differed from HEAD at the start.
        added: added lines in all files.
        removed: removed lines in all files.
        not_measured: changed files that are too large.
        unknown: why the changes are not known.
    """

    between: IntervalDocument | None
    base_commit: str | None
    head_commit: str | None
    dirty_before: bool | None
    files: list[FileChangeDocument]
    added: int
    removed: int
    not_measured: list[str]
    unknown: str | None


class RunResultDocument(Published):
    """One run's result. Gate on `scoped_completion`; `outcome` says how the run ended.

    Attributes:
        timings: seconds per lifecycle state.
        status: Millrace's own status document.
        changes: the files that differ between start and end of the work; null if none began.
        usage: tokens, seconds and cost of the stages and of pi's turns.
        artifacts: the folders and files of the runs.
    """

    schema_version: Literal["millracer.run.v1"] = SCHEMA_VERSION
    request_id: str
    work_item_id: str | None
    route: Route | None
    intake_kind: IntakeKind | None
    intake_signals: list[str]
    decision: DecisionDocument | None
    output: str
    event: EventDocument | None
    task_path: str | None
    status: dict[str, Any] | None
    outcome: Outcome
    scoped_completion: bool
    completion_evidence: list[EvidenceDocument]
    missing_evidence: list[MissingDocument]
    lineage: list[LineageDocument]
    scoped_work_item: Annotated[ScopedWorkDocument | None, Field(validation_alias="scope")]
    progress_events: list[ProgressDocument]
    warnings: list[str]
    errors: list[ErrorDocument]
    next_steps: list[StepDocument]
    restarts: int
    timings: dict[str, float]
    changes: ChangesDocument | None
    usage: UsageDocument
    artifacts: list[RunFilesDocument]
    versions: VersionsDocument
    tools: ToolsDocument
