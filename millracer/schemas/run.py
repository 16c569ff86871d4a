"""The parts of a run's JSON result: the reference's keys and Millracer's own.

`RunResultDocument` is the only definition. Keys with the reference's names keep their meaning.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Final, Literal

from pydantic import Field

from millracer.domain.programs import ToolOrigin
from millracer.domain.requests import IntakeKind, Route
from millracer.domain.run.outcome import Outcome
from millracer.domain.run.progress import EventKind
from millracer.errors import MillracerError
from millracer.schemas.base import Code, Published

SCHEMA_VERSION: Final = "millracer.run.v1"

_READ_RESULT: Final = "read the result that is attached to this error"

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


class OutcomeError(MillracerError):
    """An operation ended without success: `raise_for_outcome` of its result document raises this.

    Code, message and next step are those of the first error in the result. Without one, the code is
    the outcome, and the next step the first of the result.

    Attributes:
        result: the result document.
    """

    result: Published

    def __init__(
        self,
        result: Published,
        message: str,
        *,
        outcome: str,
        errors: Sequence[ErrorDocument],
        next_steps: Sequence[StepDocument],
    ) -> None:
        step = next_steps[0].command if next_steps else _READ_RESULT
        if errors:
            message, outcome = errors[0].message, errors[0].code
            step = errors[0].suggested_action or step
        super().__init__(message, code=outcome, suggested_action=step)
        self.result = result


class RunNotCompleted(OutcomeError):
    """A run ended with another outcome than `completed`."""

    result: RunResultDocument


class RunResultDocument(Published):
    """One run's result. Gate on `scoped_completion`; `outcome` says how the run ended.

    `timings` are seconds per lifecycle state; `status` is Millrace's own status document.
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
    versions: VersionsDocument
    tools: ToolsDocument

    def raise_for_outcome(self) -> None:
        """Do nothing if the run is completed.

        Raises:
            RunNotCompleted: the run has another outcome; the error's `result` is this document.
        """
        if self.outcome is Outcome.COMPLETED:
            return
        raise RunNotCompleted(
            self,
            f"{self.outcome}: {self.event.reason}" if self.event else self.outcome,
            outcome=self.outcome,
            errors=self.errors,
            next_steps=self.next_steps,
        )
