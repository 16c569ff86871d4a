"""The end of every run: evidence judged, the daemon left, the answer written, one result.

What pi does here changes no outcome: its failure becomes the warning `finalization_failed` and the
plain summary takes its place. After a cancellation or a tool's failure pi is not asked at all.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial

from millracer import __version__
from millracer.cancellation import Cancelled, CancelReason
from millracer.domain.completion import NOWHERE, MissingEvidence, judge
from millracer.domain.evidence import ClosureFact, Evidence, lineage_of, run_of
from millracer.domain.items import ItemState, ItemStatus
from millracer.domain.observation import Observation, interpret_item_status, interpret_lineage
from millracer.domain.outcome import Outcome
from millracer.domain.progress import ProgressKind
from millracer.domain.requests import Finalizer, Route
from millracer.domain.result import (
    DecidingEvent,
    Ending,
    NextStep,
    RunResult,
    Versions,
    event_kind_of,
    millracer_command,
    next_steps_for,
    outcome_of,
)
from millracer.errors import MillracerError
from millracer.logs import with_log_ids
from millracer.ports import Clock, Millrace, Pi
from millracer.run import prompts
from millracer.run.context import RunContext
from millracer.run.summary import describe_fact, summarise

#: Under load the start of `millrace` alone takes up to six.
_LOOK_AGAIN_SECONDS = 10.0
_EVIDENCE_SECONDS = 60.0
#: The item may have moved since we looked: stopping a daemon puts it back into the queue.
_MOVED_BY_LEAVING = frozenset(
    {
        Ending.TIMED_OUT,
        Ending.CANCELLED,
        Ending.CRASHED,
        Ending.RESTART_NEEDED,
        Ending.STOPPED,
        Ending.STUCK,
        Ending.FAILED,
    }
)
_NO_PI_AFTER = frozenset({Ending.CANCELLED, Ending.FAILED})


def finalize(
    record: RunContext,
    millrace: Millrace,
    pi: Pi,
    clock: Clock,
    *,
    leave: Callable[[RunContext], None],
) -> None:
    """Write the record's result. Everything of ours but the pi conversation has ended by then.

    Where leaving the daemon can change nothing of the outcome, pi writes its answer meanwhile.
    """
    try:
        _gather(record, millrace)
    except BaseException:
        leave(record)
        raise
    if _is_settled(record):
        with ThreadPoolExecutor(1, "leaving") as beside:
            left = beside.submit(with_log_ids(partial(leave, record)))
            outcome, steps, answer = _close(record, millrace, pi)
            left.result()
    else:
        leave(record)
        _look_again(record, millrace)
        outcome, steps, answer = _close(record, millrace, pi)
    for notice in pi.notices:
        record.warn(notice.code, notice.text)
    record.result = RunResult(
        request_id=record.request.request_id,
        workspace=millrace.workspace,
        outcome=outcome,
        output=answer,
        versions=Versions(millracer=__version__, millrace=millrace.version, pi=pi.version),
        route=None if record.decision is None else record.decision.route,
        intake_kind=record.intake_kind,
        intake_signals=record.intake_signals,
        decision=None
        if record.decision is None
        else replace(record.decision, mode=record.mode or record.decision.mode),
        event=_event(record, clock),
        task_path=record.document_path,
        status=None if record.status is None else record.status.raw,
        warnings=tuple(record.warnings),
        proof=record.verdict.proof,
        lineage=record.lineage,
        scoped_completion=record.verdict.completed,
        scope=record.request.scope,
        progress_events=tuple(
            event for event in record.progress if event.kind is not ProgressKind.STATE_ENTERED
        ),
        work_item_id=_item_id(record),
        missing_evidence=_missing(record, outcome),
        errors=tuple(record.errors),
        next_steps=steps,
        restarts=record.restarts,
        timings={},
        cancel_reason=record.cancel_reason if outcome is Outcome.CANCELLED else None,
    )


def _is_settled(record: RunContext) -> bool:
    """Whether leaving can neither move the item nor tell of anything that pi should say."""
    return (
        record.ending is not None
        and record.ending not in _MOVED_BY_LEAVING
        and not record.request.keep_daemon
    )


def _close(
    record: RunContext, millrace: Millrace, pi: Pi
) -> tuple[Outcome, tuple[NextStep, ...], str]:
    """Return the outcome, what can be done next, and the answer."""
    if record.ending is None:
        raise MillracerError("the run ended without saying how")
    outcome = outcome_of(record.ending, record.verdict)
    if record.found_ended and record.verdict.completed:
        record.warn("already_completed", "this work item was done before; nothing was run again")
    steps = _next_steps(record, millrace, outcome)
    return outcome, steps, _answer(record, pi, outcome, steps)


def _gather(record: RunContext, millrace: Millrace) -> None:
    """Read the evidence once and let the gate judge it.

    After a cancellation it is worth the time only where the item was seen done.
    """
    item_status = record.item_status
    if item_status is None or record.ending is Ending.FAILED:
        return
    if record.ending is Ending.CANCELLED and item_status.state is not ItemState.DONE:
        return
    try:
        _judge(record, item_status, millrace)
    except MillracerError as error:
        if record.ending in _MOVED_BY_LEAVING:
            record.warn("evidence_unavailable", error.message)
        else:
            record.fail(error)
    except Cancelled as cancelled:
        _cancel(record, cancelled.reason)


def _judge(record: RunContext, item_status: ItemStatus, millrace: Millrace) -> None:
    wait = record.wait.cleaning_up(_EVIDENCE_SECONDS)
    evidence = millrace.gather_evidence(item_status, wait)
    record.verdict = judge(evidence)
    record.lineage = lineage_of(evidence)
    if not record.verdict.completed:
        _tell_failed_runners(record, evidence, millrace)
    if record.status is None:
        record.status = millrace.read_status(wait)


def _tell_failed_runners(record: RunContext, evidence: Evidence, millrace: Millrace) -> None:
    """Warn of stages that nobody worked on, because the program that should have could not."""
    stages: dict[str, list[str]] = {}
    for fact in evidence.stages:
        if fact.runner_failure is not None:
            stages.setdefault(fact.runner_failure, []).append(fact.stage)
    look = millracer_command("doctor", workspace=millrace.workspace, option=millrace.option)
    for failure, failed in stages.items():
        record.warn(
            "stage_runner_failed",
            f"{', '.join(dict.fromkeys(failed))}: {failure.rstrip('.')}; "
            f"`{look}` says what is missing",
        )


def _look_again(record: RunContext, millrace: Millrace) -> None:
    """Learn where the item is now that nothing of ours works on it any more.

    It may have ended after the last look: what is proven now counts.
    """
    if record.item_status is None or record.ending not in _MOVED_BY_LEAVING:
        return
    if record.verdict.completed or record.verdict.blocked:
        return
    try:
        found = millrace.look_up(
            record.known_item.item_id, record.wait.cleaning_up(_LOOK_AGAIN_SECONDS)
        )
        record.item_status = found
        traced = millrace.trace_lineage(found)
        record.lineage = lineage_of(traced)
        decided = interpret_item_status(found) or interpret_lineage(traced)
        if decided in {Observation.ENDED, Observation.BLOCKED}:
            _judge(record, found, millrace)
    except (MillracerError, Cancelled):
        record.warn("place_unknown", "where the work item is now could not be asked of Millrace")


def _cancel(record: RunContext, reason: CancelReason) -> None:
    record.cancel_reason = reason
    record.end(Ending.CANCELLED, f"cancelled by the caller ({reason})")


def _item_id(record: RunContext) -> str | None:
    """Name the work item of a delegated run; a direct answer has none."""
    if record.item is None or record.decision is None:
        return None
    return record.item.item_id if record.decision.route is Route.MILLRACE else None


def _event(record: RunContext, clock: Clock) -> DecidingEvent | None:
    ending = record.ending
    kind = None if ending is None else event_kind_of(ending, record.verdict)
    if kind is None:
        return None
    runs = [run_id for fact in record.verdict.proof if (run_id := run_of(fact)) is not None]
    return DecidingEvent(
        kind=kind,
        reason=_reason(record),
        at=clock.now(),
        item_id=_item_id(record),
        run_id=runs[-1] if runs else None,
    )


def _reason(record: RunContext) -> str:
    closed = [fact for fact in record.verdict.proof if isinstance(fact, ClosureFact)]
    if record.verdict.completed and closed:
        return f"the Arbiter closed root spec {closed[0].root_spec_id}"
    if record.verdict.completed:
        return "Millrace holds the work item as done, and the run that did it is complete"
    others = [
        f"{member.work_kind} {member.item_id}"
        for member in record.lineage
        if member.parent_id is not None and member.state is ItemState.BLOCKED
    ]
    if record.verdict.blocked and others:
        return f"Millrace blocked {', '.join(others)}, which the work item needs"
    waits = [
        blocker
        for fact in record.verdict.proof
        if isinstance(fact, ClosureFact)
        for blocker in fact.blocking_ids
    ]
    if record.verdict.blocked and waits:
        return f"Millrace keeps the work open until {', '.join(waits)} is no longer blocked"
    return record.reason


def _missing(record: RunContext, outcome: Outcome) -> tuple[MissingEvidence, ...]:
    if outcome is Outcome.COMPLETED:
        return ()
    if record.verdict.missing:
        return record.verdict.missing
    item_status = record.item_status
    if item_status is None:
        found = "the run ended before anything was handed to Millrace"
        if record.decision is not None and record.decision.route is Route.DIRECT:
            return (MissingEvidence("pi's complete answer", "pi's turn", record.reason),)
        return (MissingEvidence("a work item in Millrace that is done", NOWHERE, found),)
    needed = "the work item in state done, and the run that did it"
    return (MissingEvidence(needed, item_status.source, str(item_status.state)),)


def _next_steps(record: RunContext, millrace: Millrace, outcome: Outcome) -> tuple[NextStep, ...]:
    item_status = record.item_status
    if outcome is Outcome.COMPLETED or item_status is None:
        return ()
    workspace = shlex.quote(millrace.workspace)
    run = millracer_command("run", workspace=millrace.workspace, option=millrace.option)
    return next_steps_for(
        item_status,
        record.lineage,
        millrace=millrace.program,
        workspace=workspace,
        resume_command=f"{run} --resume {item_status.item_id}",
    )


def _answer(record: RunContext, pi: Pi, outcome: Outcome, steps: tuple[NextStep, ...]) -> str:
    if record.answer is not None:
        return record.answer
    missing = _missing(record, outcome)
    summary = summarise(
        outcome=outcome,
        reason=_reason(record),
        proof=record.verdict.proof,
        missing=missing,
        next_steps=steps,
    )
    if not _pi_is_wanted(record):
        return summary
    if record.pi_is_busy:
        record.warn("finalization_failed", "pi did not come back from a notice in time")
        return summary
    prompt = prompts.report_prompt(
        task=record.request.task,
        outcome=outcome,
        reason=_reason(record),
        evidence=[describe_fact(fact) for fact in record.verdict.proof],
        missing=missing,
        warnings=record.warnings,
        next_steps=[f"to {step.action}: {step.command}" for step in steps],
    )
    try:
        return pi.ask(prompt, record.wait.within(record.request.limits.pi_timeout_seconds))
    except MillracerError as error:
        record.warn("finalization_failed", error.message)
    except Cancelled as cancelled:
        record.warn("finalization_failed", f"the closing turn was {cancelled.reason}")
    return summary


def _pi_is_wanted(record: RunContext) -> bool:
    return (
        record.request.finalizer is Finalizer.PI
        and not record.found_ended
        and not record.errors
        and record.ending not in _NO_PI_AFTER
    )
