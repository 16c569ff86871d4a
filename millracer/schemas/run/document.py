"""The parts of a run's JSON result: the reference's keys and Millracer's own.

`RunResultDocument` is the only definition. Keys with the reference's names keep their meaning.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final, Literal

from pydantic import Field

from millracer.domain.checks import CheckPlace, WorkVerification
from millracer.domain.programs import ToolOrigin
from millracer.domain.requests import IntakeKind, Route
from millracer.domain.run.outcome import Outcome
from millracer.schemas.base import Code, ItemId, Published
from millracer.schemas.run.changes import ChangesDocument
from millracer.schemas.run.outcome_error import OutcomeError
from millracer.schemas.run.parts import (
    EventDocument,
    EvidenceDocument,
    OptionalItemId,
    ScopedWorkDocument,
)
from millracer.schemas.run.usage import RunFilesDocument, UsageDocument

SCHEMA_VERSION: Final = "millracer.run.v1"


class DecisionDocument(Published):
    """The decision: the route of the task, and the reason.

    Attributes:
        route: who does the task: `direct` (pi) or `millrace`.
        intake_kind: the kind of the intake document; null on the direct route.
        why: the reason, as a sentence.
        mode: the Millrace mode that pi proposes.
        custom_loop_needed: whether pi believes that the task needs a custom loop.
        signals: the words of the task that led to the intake kind.
        notes: further remarks of pi.
    """

    route: Route
    intake_kind: IntakeKind | None
    why: str
    mode: str | None
    custom_loop_needed: bool
    signals: list[str]
    notes: str


class ProgressDocument(Published):
    """One progress event of a run; numbers increase, and the result may omit some.

    Attributes:
        number: unique in the run, from 1.
        at: when it was observed.
        kind: the kind of event.
        workspace: the absolute path of the workspace.
        reason: the event as a sentence.
        state: the lifecycle state in which it happened.
        stage: the Millrace stage that it is about.
        work_item_id: the item that it is about.
        run_id: the Millrace run that it is about.
        queued: the number of waiting items, over all planes.
    """

    number: int
    at: Annotated[datetime, Field(validation_alias="observed_at")]
    kind: str
    workspace: str
    reason: str
    state: str
    stage: str | None
    work_item_id: OptionalItemId
    run_id: str | None
    queued: int | None


class MissingDocument(Published):
    """Missing evidence.

    Attributes:
        needed: what completion would have needed.
        looked_in: where it was looked for: a command or file.
        found: what was found there.
    """

    needed: str
    looked_in: str
    found: str


class ErrorDocument(Published):
    """Why a run failed, and the next step.

    Attributes:
        code: identifies the error; docs/troubleshooting.md lists the codes.
        message: the error as a sentence.
        suggested_action: the next step; null if there is none.
        detail: an external program's own text; empty if there is none.
    """

    code: Code
    message: str
    suggested_action: str | None
    detail: str


class LineageDocument(Published):
    """A member of the work item's lineage.

    Attributes:
        work_item_id: the member's id.
        kind: Millrace's name for its kind, such as task or spec.
        state: where Millrace holds it.
        how: how it was derived from its parent, as a sentence.
        source: the command or file that says so.
        parent_id: the item that it was derived from; null for the work item itself.
    """

    work_item_id: ItemId
    kind: Annotated[str, Field(validation_alias="work_kind")]
    state: str
    how: str
    source: str
    parent_id: str | None


class StepDocument(Published):
    """A next step: a command that continues from here.

    Attributes:
        action: the effect in a word, such as `continue`, `retry` or `cancel`.
        command: the command for a shell.
    """

    action: str
    command: str


class VersionsDocument(Published):
    """The versions used; null for a program that was not asked.

    Attributes:
        millracer: the version of Millracer.
        millrace: the version of Millrace.
        pi: the version of pi.
    """

    millracer: str
    millrace: str | None
    pi: str | None


class ToolDocument(Published):
    """A program as it was found, and its origin.

    Attributes:
        command: the program and its arguments.
        origin: where it was named.
    """

    command: str
    origin: ToolOrigin


class ToolsDocument(Published):
    """The programs of the run; null if it ended before they were resolved.

    Attributes:
        millrace: the Millrace program.
        pi: the pi program.
    """

    millrace: ToolDocument | None = None
    pi: ToolDocument | None = None


class RunCheckDocument(Published):
    """How one demanded check ended.

    Attributes:
        argv: the program and its arguments.
        passed: whether it ran to its end with exit code 0.
        exit_code: its exit code, negative after a signal; null if it did not run to its end.
        problem: why it did not; empty if it did.
        seconds: how long it ran.
        output: the end of its output.
        place: where it ran.
        tree: the id of the checked git tree; null if it is not known.
        at: when it ended.
    """

    argv: list[str]
    passed: bool
    exit_code: int | None
    problem: str
    seconds: float
    output: str
    place: CheckPlace
    tree: str | None
    at: Annotated[datetime, Field(validation_alias="observed_at")]


class RunNotCompleted(OutcomeError):
    """A run ended with another outcome than `completed`."""

    result: RunResultDocument


class RunResultDocument(Published):
    """One run's result. Gate on `scoped_completion`; `outcome` says how the run ended.

    Attributes:
        schema_version: the format of this document.
        request_id: the request's id, given or generated.
        work_item_id: the item in Millrace; null on the direct route.
        route: who did the task; null if the run ended before the decision.
        intake_kind: the kind of the intake document.
        intake_signals: the words of the task that led to the intake kind.
        decision: the decision about route and kind, and its reason.
        output: the closing answer.
        event: the event that decided the outcome.
        task_path: the intake document that was added.
        status: Millrace's own status document, read after the daemon was left; null if it was not
            read then.
        outcome: how the run ended.
        scoped_completion: whether Millrace's evidence proves the work item done.
        completion_evidence: each fact of the proof; empty unless `scoped_completion`.
        missing_evidence: what completion would have needed, and what was found.
        lineage: the work item and all items derived from it.
        scoped_work_item: the request's scope, as it was given.
        progress_events: the progress events; their numbers rise and are unique, with gaps.
        warnings: problems that did not stop the run, each as `code: text`.
        errors: why the run failed; empty unless it did.
        next_steps: the commands that continue or cancel the item.
        restarts: how often the daemon was restarted.
        timings: seconds per lifecycle state.
        versions: the versions used.
        tools: the programs used, and their origins.
        changes: the files that differ between start and end of the work; null if none began.
        verification: the result of the demanded checks; null if none were demanded, or the run did
            not begin.
        checks: how the demanded checks ended; empty if none ran.
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
    verification: WorkVerification | None = None
    checks: list[RunCheckDocument] = Field(default_factory=list)
    usage: UsageDocument
    artifacts: list[RunFilesDocument]
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
