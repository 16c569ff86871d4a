"""The JSON that `millracer run --output json` prints, put together from a run's result."""

from __future__ import annotations

from pydantic import ValidationError

from millracer.domain.run.evidence import Fact, event_of, run_of, state_fact, subject_of
from millracer.domain.run.result import RunResult
from millracer.domain.work.runtime import JsonObject
from millracer.errors import RunWarning
from millracer.schemas.base import render
from millracer.schemas.run.changes import describe_changes
from millracer.schemas.run.document import DecisionDocument, RunResultDocument
from millracer.schemas.run.parts import EventDocument, EvidenceDocument
from millracer.schemas.run.usage import describe_artifacts, describe_usage


def render_result(result: RunResult) -> str:
    """Return the result as one JSON document, ASCII only, without secrets."""
    return render(describe(result))


def describe(result: RunResult) -> RunResultDocument:
    """Put a run's result into its published shape.

    A result with the document of another run is that document, with its own request id and the
    warning `attached`.
    """
    if result.attached is not None:
        return _attached(result, result.attached)
    decision, event = result.decision, result.event
    return RunResultDocument.of(
        result,
        decision=decision
        and DecisionDocument.of(decision, signals=decision.signals or result.intake_signals),
        event=event and EventDocument.of(event, workspace=result.workspace),
        completion_evidence=[_evidence(fact, result.workspace) for fact in result.proof]
        if result.scoped_completion
        else [],
        warnings=[str(warning) for warning in result.warnings],
        timings={state: round(seconds, 3) for state, seconds in result.timings.items()},
        changes=result.changes and describe_changes(result.changes),
        usage=describe_usage(result.stages, result.agent_usage),
        artifacts=describe_artifacts(result.stages),
    )


def is_run_result(document: JsonObject) -> bool:
    """Return whether a document has the published shape of a run's result."""
    try:
        RunResultDocument.model_validate(document)
    except ValidationError:
        return False
    return True


def _attached(result: RunResult, document: JsonObject) -> RunResultDocument:
    attached = RunWarning("attached", "another process ran this work item; this is its result")
    warnings = [str(warning) for warning in (attached, *result.warnings)]
    found = RunResultDocument.model_validate(document)
    return found.model_copy(
        update={
            "request_id": result.request_id,
            "warnings": list(dict.fromkeys([*found.warnings, *warnings])),
        }
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
