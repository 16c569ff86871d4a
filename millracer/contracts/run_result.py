"""The JSON that `millracer run --output json` prints: the reference's keys, and ours.

`RunResultDocument` is the only definition. Keys with the reference's names keep its meaning.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any, Final, Literal

from millracer.contracts.published import Published
from millracer.domain.evidence import (
    Fact,
    event_of,
    run_of,
    state_fact,
    subject_of,
)
from millracer.domain.result import RunResult
from millracer.domain.work import EventKind, IntakeKind, Outcome, ProgressEvent, Route

SCHEMA_VERSION: Final = "millracer.run.v1"


class DecisionDocument(Published):
    """Who should do the task, and why."""

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
    work_item_id: str | None
    run_id: str | None


class ProgressDocument(Published):
    """One step of a run, numbered in order."""

    number: int
    at: datetime
    kind: str
    workspace: str
    reason: str
    state: str
    stage: str | None
    work_item_id: str | None
    run_id: str | None
    queued: int | None


class EvidenceDocument(Published):
    """One proof: whose it is, what it says, the command or file it came from, and when."""

    kind: EventKind
    workspace: str
    reason: str
    work_item_id: str
    run_id: str | None
    source: str
    at: datetime


class MissingDocument(Published):
    """What completion would have needed, where it was looked for, what stood there."""

    needed: str
    looked_in: str
    found: str


class ErrorDocument(Published):
    """Why a run failed, and what to do."""

    code: str
    message: str
    suggested_action: str | None
    detail: str


class LineageDocument(Published):
    """The work item or something that came out of it; the item itself has no parent."""

    work_item_id: str
    kind: str
    state: str
    how: str
    source: str
    parent_id: str | None


class StepDocument(Published):
    """A command that goes on from here."""

    action: str
    command: str


class ScopedWorkDocument(Published):
    """The caller's selected entry, as it was given."""

    item_id: str
    title: str | None
    source_queue: str | None
    spec_path: str | None
    completion_ref: str | None
    constraints: list[str]


class VersionsDocument(Published):
    """What took part; null where a program was not asked."""

    millracer: str
    millrace: str | None
    pi: str | None


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
    scoped_work_item: ScopedWorkDocument | None
    progress_events: list[ProgressDocument]
    warnings: list[str]
    errors: list[ErrorDocument]
    next_steps: list[StepDocument]
    restarts: int
    timings: dict[str, float]
    versions: VersionsDocument


def render_result(result: RunResult) -> str:
    """Return the result as one JSON document, ASCII only: any locale and any text can carry it."""
    return json.dumps(describe(result).model_dump(mode="json"), indent=2)


def describe(result: RunResult) -> RunResultDocument:
    """Put a run's result into its published shape."""
    decision, event, scope = result.decision, result.event, result.scope
    return RunResultDocument(
        request_id=result.request_id,
        work_item_id=result.work_item_id,
        route=result.route,
        intake_kind=result.intake_kind,
        intake_signals=list(result.intake_signals),
        decision=None
        if decision is None
        else DecisionDocument(
            route=decision.route,
            intake_kind=decision.intake_kind,
            why=decision.why,
            mode=decision.mode,
            custom_loop_needed=decision.custom_loop_needed,
            signals=list(decision.signals or result.intake_signals),
            notes=decision.notes,
        ),
        output=result.output,
        event=None
        if event is None
        else EventDocument(
            kind=event.kind,
            workspace=result.workspace,
            reason=event.reason,
            at=event.at,
            work_item_id=event.item_id,
            run_id=event.run_id,
        ),
        task_path=result.task_path,
        status=None if result.status is None else dict(result.status),
        outcome=result.outcome,
        scoped_completion=result.scoped_completion,
        completion_evidence=[_evidence(fact, result.workspace) for fact in result.proof]
        if result.scoped_completion
        else [],
        missing_evidence=[
            MissingDocument(needed=gap.needed, looked_in=gap.looked_in, found=gap.found)
            for gap in result.missing_evidence
        ],
        lineage=[
            LineageDocument(
                work_item_id=member.item_id,
                kind=member.work_kind,
                state=member.state,
                how=member.how,
                source=member.source,
                parent_id=member.parent_id,
            )
            for member in result.lineage
        ],
        scoped_work_item=None
        if scope is None
        else ScopedWorkDocument(
            item_id=scope.item_id,
            title=scope.title,
            source_queue=scope.source_queue,
            spec_path=scope.spec_path,
            completion_ref=scope.completion_ref,
            constraints=list(scope.constraints),
        ),
        progress_events=[_progress(progress) for progress in result.progress_events],
        warnings=[str(warning) for warning in result.warnings],
        errors=[
            ErrorDocument(
                code=error.code,
                message=error.message,
                suggested_action=error.suggested_action,
                detail=error.detail,
            )
            for error in result.errors
        ],
        next_steps=[
            StepDocument(action=step.action, command=step.command) for step in result.next_steps
        ],
        restarts=result.restarts,
        timings={state: round(seconds, 3) for state, seconds in result.timings.items()},
        versions=VersionsDocument(
            millracer=result.versions.millracer,
            millrace=result.versions.millrace,
            pi=result.versions.pi,
        ),
    )


def _evidence(fact: Fact, workspace: str) -> EvidenceDocument:
    return EvidenceDocument(
        kind=event_of(fact),
        workspace=workspace,
        reason=state_fact(fact),
        work_item_id=subject_of(fact),
        run_id=run_of(fact),
        source=fact.source,
        at=fact.observed_at,
    )


def _progress(event: ProgressEvent) -> ProgressDocument:
    return ProgressDocument(
        number=event.number,
        at=event.at,
        kind=event.kind,
        workspace=event.workspace,
        reason=event.reason,
        state=event.state,
        stage=event.stage,
        work_item_id=event.item_id,
        run_id=event.run_id,
        queued=event.queued,
    )
