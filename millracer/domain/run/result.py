"""The result of a run: its outcome, proof or missing evidence, and next steps.

Only `outcome_of` derives an outcome from the gate's verdict and the ending of a run. Only
`exit_code_of` derives an exit code from an outcome.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from millracer.cancellation import CancelReason
from millracer.domain.checks import WorkVerification
from millracer.domain.failures import exit_code_of_cancel, exit_code_of_error
from millracer.domain.programs import NO_PROGRAMS, ProgramsUsed
from millracer.domain.requests import Decision, IntakeKind, Route, ScopedWork
from millracer.domain.run.completion import NOWHERE, MissingEvidence, Verdict
from millracer.domain.run.ending import Ending
from millracer.domain.run.evidence import CheckFact, ClosureFact, Fact, LineageItem
from millracer.domain.run.outcome import Outcome
from millracer.domain.run.progress import EventKind, ProgressEvent
from millracer.domain.run.usage import NO_TURNS, AgentUsage
from millracer.domain.work.changes import Changes
from millracer.domain.work.runtime import JsonObject
from millracer.domain.work.stages import StageReport
from millracer.errors import INTERNAL_ERROR, ExitCode, MillracerError, RunWarning


@dataclass(frozen=True, slots=True)
class DecidingEvent:
    """The event that decided how a run ended, and why."""

    kind: EventKind
    reason: str
    at: datetime
    item_id: str | None = None
    run_id: str | None = None


@dataclass(frozen=True, slots=True)
class ErrorRecord:
    """One error of a run as callers see it; `field` is the request's field that caused it."""

    code: str
    message: str
    suggested_action: str | None = None
    detail: str = ""
    field: str | None = None

    @classmethod
    def of(cls, error: MillracerError) -> ErrorRecord:
        """Return the record of an error."""
        return cls(
            error.code,
            error.message,
            error.suggested_action,
            getattr(error, "detail", ""),
            getattr(error, "field", None),
        )


@dataclass(frozen=True, slots=True)
class NextStep:
    """A command that continues from here, and its purpose, such as `continue` or `cancel`."""

    action: str
    command: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Versions:
    """The versions of the programs; None where a program was not used."""

    millracer: str
    millrace: str | None = None
    pi: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """The result of one run.

    Attributes:
        verification: the result of the demanded checks; None if none were demanded, or the run did
            not begin.
        checks: how the demanded checks ended; empty if they did not run.
        timings: seconds per lifecycle state.
        stages: all stages of the work item and its lineage, also those of earlier runs.
        agent_usage: what the agent's turns in this run used.
        changes: the changes of the workspace's files; None if no work began.
        show_command: the command that shows the work item; None for a direct run.
        watch_command: the command that prints this result again; None for a direct run.
        attached: the document of the run that this one followed, which reports the same end; None
            if this run reports its own.
    """

    request_id: str
    workspace: str
    outcome: Outcome
    output: str
    versions: Versions
    tools: ProgramsUsed = NO_PROGRAMS
    route: Route | None = None
    intake_kind: IntakeKind | None = None
    intake_signals: tuple[str, ...] = ()
    decision: Decision | None = None
    event: DecidingEvent | None = None
    task_path: str | None = None
    status: JsonObject | None = None
    warnings: tuple[RunWarning, ...] = ()
    proof: tuple[Fact, ...] = ()
    lineage: tuple[LineageItem, ...] = ()
    scoped_completion: bool = False
    scope: ScopedWork | None = None
    progress_events: tuple[ProgressEvent, ...] = ()
    work_item_id: str | None = None
    missing_evidence: tuple[MissingEvidence, ...] = ()
    errors: tuple[ErrorRecord, ...] = ()
    next_steps: tuple[NextStep, ...] = ()
    restarts: int = 0
    timings: Mapping[str, float]
    stages: tuple[StageReport, ...] = ()
    agent_usage: AgentUsage = NO_TURNS
    changes: Changes | None = None
    verification: WorkVerification | None = None
    checks: tuple[CheckFact, ...] = ()
    show_command: str | None = None
    watch_command: str | None = None
    cancel_reason: CancelReason | None = None
    attached: JsonObject | None = None


_OUTCOMES = {
    Ending.ITEM_ENDED: Outcome.INCOMPLETE,
    Ending.BLOCKED: Outcome.BLOCKED,
    Ending.SET_ASIDE: Outcome.INCOMPLETE,
    Ending.AT_REST: Outcome.INCOMPLETE,
    Ending.STUCK: Outcome.BLOCKED,
    Ending.UNKNOWN: Outcome.INCOMPLETE,
    Ending.STOPPED: Outcome.RESTART_NEEDED,
    Ending.CRASHED: Outcome.CRASHED,
    Ending.RESTART_NEEDED: Outcome.RESTART_NEEDED,
    Ending.TIMED_OUT: Outcome.TIMED_OUT,
    Ending.BUDGET_EXHAUSTED: Outcome.BUDGET_EXHAUSTED,
    Ending.CANCELLED: Outcome.CANCELLED,
    Ending.FAILED: Outcome.FAILED,
}

_EVENTS = {
    Outcome.INCOMPLETE: EventKind.IDLE_NO_WORK,
    Outcome.BLOCKED: EventKind.BLOCKED,
    Outcome.RESTART_NEEDED: EventKind.RESTART_NEEDED,
    Outcome.CRASHED: EventKind.CRASHED,
    Outcome.TIMED_OUT: EventKind.TIMED_OUT,
    Outcome.BUDGET_EXHAUSTED: EventKind.BUDGET_EXHAUSTED,
    Outcome.CANCELLED: EventKind.CANCELLED,
}

#: The exit codes of outcomes that have one; a failure has that of its error.
EXIT_CODES: Mapping[Outcome, ExitCode] = {
    Outcome.COMPLETED: ExitCode.COMPLETED,
    Outcome.INCOMPLETE: ExitCode.INCOMPLETE,
    Outcome.BLOCKED: ExitCode.BLOCKED,
    Outcome.RESTART_NEEDED: ExitCode.RESTART_NEEDED,
    Outcome.CRASHED: ExitCode.CRASHED,
    Outcome.TIMED_OUT: ExitCode.TIMED_OUT,
    Outcome.BUDGET_EXHAUSTED: ExitCode.BUDGET_EXHAUSTED,
}


def outcome_of(ending: Ending, verdict: Verdict) -> Outcome:
    """Return the outcome of a run.

    The verdict takes precedence over the ending: proven work is completed however the watch ended,
    and work that Millrace holds as blocked is blocked. A direct run is completed when pi answered.
    Work that lacks only a demanded check is incomplete, unless the run was cancelled or failed.
    """
    if verdict.completed:
        return Outcome.COMPLETED
    if verdict.lacks_only_checks:
        is_broken_off = ending in {Ending.CANCELLED, Ending.FAILED}
        return _OUTCOMES[ending] if is_broken_off else Outcome.INCOMPLETE
    if ending is Ending.ANSWERED:
        return Outcome.COMPLETED
    if verdict.blocked:
        return Outcome.BLOCKED
    return _OUTCOMES[ending]


def event_kind_of(ending: Ending, verdict: Verdict) -> EventKind | None:
    """Return the event for this ending; a direct answer and a failure have none.

    Completion by an Arbiter's verdict and completion by a task's own run are different events.
    """
    if verdict.completed:
        closed = any(isinstance(fact, ClosureFact) for fact in verdict.proof)
        return EventKind.ARBITER_COMPLETE if closed else EventKind.SCOPED_COMPLETE
    if ending is Ending.STUCK and not (verdict.blocked or verdict.lacks_only_checks):
        return EventKind.STUCK
    return _EVENTS.get(outcome_of(ending, verdict))


def exit_code_of(result: RunResult) -> ExitCode:
    """Return the exit code of this result's outcome."""
    if result.outcome is Outcome.CANCELLED:
        return exit_code_of_cancel(result.cancel_reason)
    if result.outcome is Outcome.FAILED:
        return exit_code_of_error(result.errors[0].code if result.errors else INTERNAL_ERROR)
    return EXIT_CODES[result.outcome]


def failed_result(
    request_id: str, workspace: str, version: str, error: MillracerError
) -> RunResult:
    """Return the result of a run that could not start, or that a bug in Millracer ended."""
    action = f"\n  next: {error.suggested_action}" if error.suggested_action else ""
    return RunResult(
        request_id=request_id,
        workspace=workspace,
        outcome=Outcome.FAILED,
        output=f"{Outcome.FAILED}: {error.message}{action}",
        versions=Versions(millracer=version),
        errors=(ErrorRecord.of(error),),
        missing_evidence=(_nothing_begun(),),
        timings={},
    )


def cancelled_result(
    request_id: str, workspace: str, version: str, reason: CancelReason
) -> RunResult:
    """Return the result of a run that was cancelled before it began."""
    return RunResult(
        request_id=request_id,
        workspace=workspace,
        outcome=Outcome.CANCELLED,
        output=f"{Outcome.CANCELLED}: {reason} before the run began",
        versions=Versions(millracer=version),
        missing_evidence=(_nothing_begun(),),
        timings={},
        cancel_reason=reason,
    )


def _nothing_begun() -> MissingEvidence:
    return MissingEvidence(
        needed="a work item in Millrace that is done",
        looked_in=NOWHERE,
        found="this run handed nothing to Millrace",
    )
