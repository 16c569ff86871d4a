"""The JSON that `millracer run --output json` prints, put together from a run's result."""

from __future__ import annotations

from millracer.domain.evidence import Fact, event_of, run_of, state_fact, subject_of
from millracer.domain.programs import ProgramsUsed, ProgramUsed
from millracer.domain.progress import ProgressEvent
from millracer.domain.result import ErrorRecord, RunResult
from millracer.schemas.base import render
from millracer.schemas.run import (
    DecisionDocument,
    ErrorDocument,
    EventDocument,
    EvidenceDocument,
    LineageDocument,
    MissingDocument,
    ProgressDocument,
    RunResultDocument,
    ScopedWorkDocument,
    StepDocument,
    ToolDocument,
    ToolsDocument,
    VersionsDocument,
)


def render_result(result: RunResult) -> str:
    """Return the result as one JSON document, ASCII only, without secrets."""
    return render(describe(result))


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
        progress_events=[describe_progress(progress) for progress in result.progress_events],
        warnings=[str(warning) for warning in result.warnings],
        errors=[describe_error(error) for error in result.errors],
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
        tools=describe_tools(result.tools),
    )


def describe_tools(used: ProgramsUsed) -> ToolsDocument:
    """Return the programs as they were found."""
    return ToolsDocument(millrace=_tool(used.millrace), pi=_tool(used.pi))


def _tool(used: ProgramUsed | None) -> ToolDocument | None:
    return None if used is None else ToolDocument(command=used.command, origin=used.origin)


def describe_error(error: ErrorRecord) -> ErrorDocument:
    """Put an error into its published shape."""
    return ErrorDocument(
        code=error.code,
        message=error.message,
        suggested_action=error.suggested_action,
        detail=error.detail,
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


def describe_progress(event: ProgressEvent) -> ProgressDocument:
    """Put one step of a run into its published shape."""
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
