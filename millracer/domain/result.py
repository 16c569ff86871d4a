"""What a run returns: its outcome, what proves it or is missing, and how to go on.

`outcome_of` is the one place where the gate's verdict and the way a watch ended become an outcome;
`exit_code_of` the one place where an outcome becomes an exit code.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from millracer.cancellation import CancelReason
from millracer.domain.completion import NOWHERE, MissingEvidence, Verdict
from millracer.domain.evidence import ClosureFact, Fact, LineageItem
from millracer.domain.failures import exit_code_of_cancel, exit_code_of_error
from millracer.domain.items import ItemState, ItemStatus
from millracer.domain.outcome import Outcome
from millracer.domain.programs import NO_PROGRAMS, ProgramsUsed
from millracer.domain.progress import EventKind, ProgressEvent
from millracer.domain.requests import Decision, IntakeKind, Route, ScopedWork
from millracer.domain.runtime import JsonObject
from millracer.errors import INTERNAL_ERROR, ExitCode, MillracerError, RunWarning


class Ending(StrEnum):
    """How the steps of a run ended, before the evidence is judged."""

    ANSWERED = "answered"  #: pi did the task itself
    ITEM_ENDED = "item_ended"
    BLOCKED = "blocked"
    SET_ASIDE = "set_aside"
    AT_REST = "at_rest"  #: nothing of its lineage goes on, without proof
    STUCK = "stuck"  #: the same again and again, or waiting for what cannot come
    UNKNOWN = "unknown"
    STOPPED = "stopped"  #: somebody stopped the daemon
    CRASHED = "crashed"  #: the daemon died too often, the item active
    RESTART_NEEDED = "restart_needed"  #: the daemon died too often, the item queued
    TIMED_OUT = "timed_out"
    CANCELLED = "cancelled"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class DecidingEvent:
    """The event a run ended with, and why."""

    kind: EventKind
    reason: str
    at: datetime
    item_id: str | None = None
    run_id: str | None = None


@dataclass(frozen=True, slots=True)
class ErrorRecord:
    """One error of a run as callers see it."""

    code: str
    message: str
    suggested_action: str | None = None
    detail: str = ""

    @classmethod
    def of(cls, error: MillracerError) -> ErrorRecord:
        """Describe an error of ours."""
        return cls(error.code, error.message, error.suggested_action, getattr(error, "detail", ""))


@dataclass(frozen=True, slots=True)
class NextStep:
    """A command that goes on from here: `continue` or `cancel`."""

    action: str
    command: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Versions:
    """What took part; None where a program was not asked."""

    millracer: str
    millrace: str | None = None
    pi: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """Everything a caller learns about one run. `timings` are seconds per lifecycle state."""

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
    cancel_reason: CancelReason | None = None


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
    Ending.CANCELLED: Outcome.CANCELLED,
    Ending.FAILED: Outcome.FAILED,
}

_EVENTS = {
    Outcome.INCOMPLETE: EventKind.IDLE_NO_WORK,
    Outcome.BLOCKED: EventKind.BLOCKED,
    Outcome.RESTART_NEEDED: EventKind.RESTART_NEEDED,
    Outcome.CRASHED: EventKind.CRASHED,
    Outcome.TIMED_OUT: EventKind.TIMED_OUT,
    Outcome.CANCELLED: EventKind.CANCELLED,
}

_EXIT_CODES = {
    Outcome.COMPLETED: ExitCode.COMPLETED,
    Outcome.INCOMPLETE: ExitCode.INCOMPLETE,
    Outcome.BLOCKED: ExitCode.BLOCKED,
    Outcome.RESTART_NEEDED: ExitCode.RESTART_NEEDED,
    Outcome.CRASHED: ExitCode.CRASHED,
    Outcome.TIMED_OUT: ExitCode.TIMED_OUT,
}


def outcome_of(ending: Ending, verdict: Verdict) -> Outcome:
    """Say how the run ended.

    The verdict goes first: what is proven done is completed however the waiting for it ended, and
    what Millrace holds as blocked is blocked. A direct answer is completed when pi gave one.
    """
    if ending is Ending.ANSWERED or verdict.completed:
        return Outcome.COMPLETED
    if verdict.blocked:
        return Outcome.BLOCKED
    return _OUTCOMES[ending]


def event_kind_of(ending: Ending, verdict: Verdict) -> EventKind | None:
    """Return the event that stands for this end; a direct answer and a failure have none.

    What an Arbiter's verdict proves is told apart from what a task's own run proves.
    """
    if verdict.completed:
        closed = any(isinstance(fact, ClosureFact) for fact in verdict.proof)
        return EventKind.ARBITER_COMPLETE if closed else EventKind.SCOPED_COMPLETE
    if ending is Ending.STUCK and not verdict.blocked:
        return EventKind.STUCK
    return None if ending is Ending.ANSWERED else _EVENTS.get(outcome_of(ending, verdict))


def exit_code_of(result: RunResult) -> ExitCode:
    """Return the exit code that tells this result's outcome."""
    if result.outcome is Outcome.CANCELLED:
        return exit_code_of_cancel(result.cancel_reason)
    if result.outcome is Outcome.FAILED:
        return exit_code_of_error(result.errors[0].code if result.errors else INTERNAL_ERROR)
    return _EXIT_CODES[result.outcome]


def next_steps_for(
    item_status: ItemStatus,
    lineage: tuple[LineageItem, ...],
    *,
    millrace: str,
    workspace: str,
    resume_command: str,
) -> tuple[NextStep, ...]:
    """Return how to go on with, retry or cancel what Millrace still holds of an item.

    Args:
        item_status: where the item itself is.
        lineage: the item and what came out of it; counts where the item itself is done.
        millrace: how Millrace is called from a shell.
        workspace: quoted for a shell.
        resume_command: continues the item.
    """
    if item_status.state.is_live or item_status.state is ItemState.BLOCKED:
        held = [
            (item_status.millrace_id or item_status.item_id, item_status.state, item_status.path)
        ]
    elif item_status.state is ItemState.DONE:
        held = [
            (member.item_id, member.state, None)
            for member in lineage
            if member.state.is_live or member.state is ItemState.BLOCKED
        ]
    else:
        held = []
    steps = []
    if any(state.is_live for _, state, _ in held):
        steps.append(NextStep("continue", resume_command))
    for item_id, state, path in held:
        where = f"{item_id} --workspace {workspace} --reason"
        cancel = f"{millrace} queue cancel {where} 'no longer wanted'"
        match state:
            case ItemState.BLOCKED:
                steps.append(NextStep("retry", retry_command(millrace, item_id, workspace)))
            case ItemState.ACTIVE:
                # An active item is not to be cancelled before it is freed.
                cancel = (
                    f"{millrace} control stop --workspace {workspace} && "
                    f"{millrace} control clear-stale-state --workspace {workspace} && {cancel}"
                )
            case ItemState.MAILBOX | ItemState.INBOX if path is not None:
                cancel = f"rm {shlex.quote(path)}"
            case _:
                pass
        steps.append(NextStep("cancel", cancel))
    return tuple(steps)


def millracer_command(*words: str, workspace: str, option: str | None) -> str:
    """Return a command line of ours that means the same workspace and the same Millrace.

    Args:
        words: the command and what belongs to it.
        workspace: its path.
        option: what `--millrace-command` has to say; None where that Millrace is found without.
    """
    other = () if option is None else ("--millrace-command", option)
    return shlex.join(("millracer", *words, "--workspace", workspace, *other))


def retry_command(millrace: str, item_id: str, workspace: str) -> str:
    """Return what puts a blocked item back into the queue; Millrace and workspace are quoted."""
    # Millrace refuses to retry most of what it blocked unless it is told to.
    where = f"{item_id} --workspace {workspace} --reason"
    return f"{millrace} queue retry-blocked {where} 'try again' --force"


def failed_result(
    request_id: str, workspace: str, version: str, error: MillracerError
) -> RunResult:
    """Return the result of a run that could not be begun, or broke off by a bug of ours."""
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
