"""The last step of every run: judge the evidence, leave the daemon, write answer and result.

Pi cannot change the outcome here: if it fails, there is the warning `finalization_failed`, and the
plain summary replaces its answer. After a cancellation or a failure pi is not asked at all.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace

from millracer import __version__
from millracer.cancellation import Cancelled
from millracer.domain.checks import name_command
from millracer.domain.requests import Finalizer, Route
from millracer.domain.run.completion import (
    NOWHERE,
    MissingEvidence,
    judge,
    judge_answer,
    verify,
    without_scope,
)
from millracer.domain.run.ending import Ending
from millracer.domain.run.evidence import ClosureFact, Evidence, lineage_of, run_of
from millracer.domain.run.lifecycle import RunEvent, Step
from millracer.domain.run.observation import interpret_item_status, interpret_lineage
from millracer.domain.run.outcome import Outcome
from millracer.domain.run.result import (
    DecidingEvent,
    NextStep,
    RunResult,
    Versions,
    event_kind_of,
    outcome_of,
)
from millracer.domain.work.changes import Changes
from millracer.domain.work.items import ItemState, ItemStatus
from millracer.domain.work.stages import StageReport
from millracer.errors import MillracerError
from millracer.logs import with_log_ids
from millracer.ports import Agent, Backend, CheckRunner, Clock, Repository
from millracer.run import prompts
from millracer.run.checks import run_checks
from millracer.run.context import RunContext
from millracer.run.prepare.lookup import has_ended
from millracer.run.progress import Progress
from millracer.run.summary import describe_fact, summarise

#: Under load the start of `millrace` alone takes up to six seconds.
_READ_AGAIN_SECONDS = 10.0
_EVIDENCE_SECONDS = 60.0
_STAGES_SECONDS = 5.0
_STATUS_SECONDS = 10.0
_CHANGES_SECONDS = 10.0


def finalize(  # noqa: PLR0913 - the ports
    record: RunContext,
    millrace: Backend,
    pi: Agent,
    clock: Clock,
    *,
    repository: Repository | None,
    check_runner: CheckRunner | None,
    progress: Progress,
    leave: Callable[[RunContext], None],
) -> Step:
    """Write the record's result; everything that Millracer started, except pi, has ended by then.

    If stopping the daemon can no longer change the outcome, pi answers concurrently. The demanded
    checks run after the daemon was left, so that no stage changes the files meanwhile.
    """
    end = Step(RunEvent.RESULT_READY, record.ending, record.reason)
    try:
        end = _gather(record, millrace, end)
    except BaseException:
        leave(record)
        raise

    was_watched = record.lease is not None

    def leave_and_measure() -> Changes | None:
        leave(record)
        if was_watched:
            record.status = None  # read while the daemon worked
        _read_item_again(record, end, millrace)
        if not was_watched:
            return _measure(record, millrace, repository)
        if repository is None:
            _read_final_status(record, end, millrace)
            return None
        with ThreadPoolExecutor(1, "measuring") as beside:  # git, while Millrace reads its status
            changes = beside.submit(with_log_ids(lambda: _measure(record, millrace, repository)))
            _read_final_status(record, end, millrace)
            return changes.result()

    if record.request.checks.commands:
        changes = leave_and_measure()
        end = _check(record, end, repository, check_runner, clock, progress, millrace.workspace)
        outcome, steps, answer = _close(record, end, millrace, pi)
    elif not end.known_ending.item_may_move and not record.request.keep_daemon:
        with ThreadPoolExecutor(1, "leaving") as beside:
            left = beside.submit(with_log_ids(leave_and_measure))
            outcome, steps, answer = _close(record, end, millrace, pi)
            changes = left.result()
    else:
        changes = leave_and_measure()
        outcome, steps, answer = _close(record, end, millrace, pi)
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
        event=_event(record, end, clock),
        task_path=record.document_path,
        status=None if record.status is None else record.status.raw,
        warnings=tuple(record.warnings),
        proof=record.verdict.proof,
        lineage=record.lineage,
        scoped_completion=record.verdict.completed,
        scope=record.request.scope,
        progress_events=tuple(event for event in record.progress if event.is_listed),
        work_item_id=_item_id(record),
        missing_evidence=_missing(record, end, outcome),
        errors=tuple(record.errors),
        next_steps=steps,
        restarts=record.restarts,
        timings={},
        stages=_read_stages(record, millrace),
        agent_usage=pi.usage.since(record.agent_before),
        changes=changes,
        verification=verify(record.request.checks.commands, record.checks),
        checks=record.checks,
        show_command=_command_for("show", record, millrace),
        watch_command=_command_for("watch", record, millrace),
        cancel_reason=record.cancel_reason if outcome is Outcome.CANCELLED else None,
    )
    return end


def _close(
    record: RunContext, end: Step, millrace: Backend, pi: Agent
) -> tuple[Outcome, tuple[NextStep, ...], str]:
    """Return the outcome, the next steps and the answer."""
    outcome = outcome_of(end.known_ending, record.verdict)
    if record.found_ended and record.verdict.completed:
        record.warn("already_completed", "this work item was done before; nothing was run again")
    steps = _next_steps(record, millrace, outcome)
    return outcome, steps, _answer(record, end, pi, outcome, steps)


def _gather(record: RunContext, millrace: Backend, end: Step) -> Step:
    """Gather the evidence once, judge it, and return the ending that results.

    After a cancellation this is worth the time only if the item is known to be done.
    """
    if end.known_ending is Ending.ANSWERED and record.request.checks.commands:
        _judge_answer(record)
        return end
    item_status = record.item_status
    if item_status is None or end.known_ending is Ending.FAILED:
        return end
    if end.known_ending is Ending.CANCELLED and item_status.state is not ItemState.DONE:
        return end
    try:
        _judge(record, item_status, millrace)
    except MillracerError as error:
        if not end.known_ending.item_may_move:
            record.add_error(error)
            return replace(end, ending=Ending.FAILED, reason=error.message)
        record.warn("evidence_unavailable", error.message)
    except Cancelled as cancelled:
        record.cancel_reason = cancelled.reason
        reason = f"cancelled by the caller ({cancelled.reason})"
        return replace(end, ending=Ending.CANCELLED, reason=reason)
    return end


def _judge(record: RunContext, item_status: ItemStatus, millrace: Backend) -> None:
    wait = record.wait.cleaning_up(_EVIDENCE_SECONDS)
    evidence = millrace.gather_evidence(item_status, wait)
    if record.request.checks.commands:
        evidence = replace(evidence, demanded_checks=record.request.checks.commands)
        record.evidence = evidence
    verdict = judge(evidence)
    record.verdict = without_scope(verdict) if record.request.scope_is_unclear else verdict
    record.lineage = lineage_of(evidence)
    if not (record.verdict.completed or record.verdict.lacks_only_checks):
        _warn_of_failed_runners(record, evidence, millrace)
    if record.status is None:
        record.status = millrace.read_status(wait)


def _judge_answer(record: RunContext) -> None:
    """Judge a direct run without the results of its demanded checks: they have yet to run."""
    record.evidence = Evidence(
        item_id=record.known_item.item_id,
        kind=None,
        demanded_checks=record.request.checks.commands,
    )
    record.verdict = judge_answer(record.evidence)


def _check(  # noqa: PLR0913, PLR0917 - the ports
    record: RunContext,
    end: Step,
    repository: Repository | None,
    runner: CheckRunner | None,
    clock: Clock,
    progress: Progress,
    workspace: str,
) -> Step:
    """Run the demanded checks if nothing else is missing, and judge again with their results."""
    if not record.verdict.lacks_only_checks or record.evidence is None:
        return end
    if end.known_ending in {Ending.CANCELLED, Ending.FAILED}:
        return end
    try:
        record.checks = run_checks(record, runner, repository, clock, progress, workspace=workspace)
    except Cancelled as cancelled:
        record.cancel_reason = cancelled.reason
        reason = f"cancelled by the caller ({cancelled.reason}) during the checks"
        return replace(end, ending=Ending.CANCELLED, reason=reason)
    evidence = replace(record.evidence, checks=record.checks)
    is_answer = end.known_ending is Ending.ANSWERED
    record.verdict = judge_answer(evidence) if is_answer else judge(evidence)
    return end


def _warn_of_failed_runners(record: RunContext, evidence: Evidence, millrace: Backend) -> None:
    """Add a warning for stages whose stage runner failed."""
    stages: dict[str, list[str]] = {}
    for fact in evidence.stages:
        if fact.runner_failure is not None:
            stages.setdefault(fact.runner_failure, []).append(fact.stage)
    doctor = millrace.commands.millracer("doctor")
    for failure, failed in stages.items():
        record.warn(
            "stage_runner_failed",
            f"{', '.join(dict.fromkeys(failed))}: {failure.rstrip('.')}; "
            f"`{doctor}` checks the cause",
        )


def _read_item_again(record: RunContext, end: Step, millrace: Backend) -> None:
    """Read the item's status again, now that the daemon was left.

    The item may have ended since the last read, and proof found now counts.
    """
    if record.item_status is None or not end.known_ending.item_may_move:
        return
    verdict = record.verdict
    if verdict.completed or verdict.blocked or verdict.lacks_only_checks:
        return
    try:
        found = millrace.look_up(
            record.known_item.item_id, record.wait.cleaning_up(_READ_AGAIN_SECONDS)
        )
        record.item_status = found
        traced = millrace.trace_lineage(found)
        record.lineage = lineage_of(traced)
        decided = interpret_item_status(found) or interpret_lineage(traced)
        if decided in {Ending.ITEM_ENDED, Ending.BLOCKED}:
            _judge(record, found, millrace)
    except (MillracerError, Cancelled):
        record.warn("place_unknown", "Millrace could not report where the work item is now")


def _read_final_status(record: RunContext, end: Step, millrace: Backend) -> None:
    """Read Millrace's status after the daemon was left; none after a stop request or a failure."""
    if record.status is not None or end.known_ending in {Ending.CANCELLED, Ending.FAILED}:
        return
    with suppress(MillracerError, Cancelled):
        record.status = millrace.read_status(record.wait.cleaning_up(_STATUS_SECONDS))


def _command_for(word: str, record: RunContext, millrace: Backend) -> str | None:
    if record.item_status is None:
        return None
    return millrace.commands.millracer(word, record.item_status.item_id)


def _measure(
    record: RunContext, millrace: Backend, repository: Repository | None
) -> Changes | None:
    """Return the changes since the work began; None if none began or they are not measured."""
    if repository is None or record.item is None or record.decision is None:
        return None
    is_delegated = record.decision.route is Route.MILLRACE
    if is_delegated and record.item_status is None:
        return None
    try:
        return repository.changes(
            record.item.item_id,
            record.wait.cleaning_up(_CHANGES_SECONDS),
            is_final=_is_final(record, millrace),
            has_ended=record.found_ended and _has_ended(record, millrace),
        )
    except Cancelled as cancelled:
        return Changes(unknown=f"the measurement was {cancelled.reason}")


def _is_final(record: RunContext, millrace: Backend) -> bool:
    verdict = record.verdict
    is_delegated = record.decision is not None and record.decision.route is Route.MILLRACE
    is_proven = verdict.completed or verdict.lacks_only_checks
    return is_proven or not is_delegated or _has_ended(record, millrace)


def _has_ended(record: RunContext, millrace: Backend) -> bool:
    return record.item_status is not None and has_ended(record.item_status, millrace)


def _read_stages(record: RunContext, millrace: Backend) -> tuple[StageReport, ...]:
    """Return the stages of the item and its lineage; none for a direct run."""
    if record.item_status is None:
        return ()
    try:
        return millrace.stage_reports(record.item_ids, record.wait.cleaning_up(_STAGES_SECONDS))
    except (MillracerError, Cancelled):
        return ()


def _item_id(record: RunContext) -> str | None:
    """Return the work item id of a delegated run, None for a direct answer."""
    if record.item is None or record.decision is None:
        return None
    return record.item.item_id if record.decision.route is Route.MILLRACE else None


def _event(record: RunContext, end: Step, clock: Clock) -> DecidingEvent | None:
    kind = event_kind_of(end.known_ending, record.verdict)
    if kind is None:
        return None
    runs = [run_id for fact in record.verdict.proof if (run_id := run_of(fact)) is not None]
    return DecidingEvent(
        kind=kind,
        reason=_reason(record, end),
        at=clock.now(),
        item_id=_item_id(record),
        run_id=runs[-1] if runs else None,
    )


def _reason(record: RunContext, end: Step) -> str:
    if record.verdict.lacks_only_checks and end.known_ending is not Ending.CANCELLED:
        return _describe_failed_checks(record, end)
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
    return end.reason


def _describe_failed_checks(record: RunContext, end: Step) -> str:
    passed = {fact.argv for fact in record.checks if fact.passed}
    failed = [argv for argv in dict.fromkeys(record.request.checks.commands) if argv not in passed]
    names = ", ".join(f"`{name_command(argv)}`" for argv in failed)
    done = "pi answered" if end.known_ending is Ending.ANSWERED else "Millrace proves the work"
    return f"{done}, but not every demanded check passed: {names}"


def _missing(record: RunContext, end: Step, outcome: Outcome) -> tuple[MissingEvidence, ...]:
    if outcome is Outcome.COMPLETED:
        return ()
    if record.verdict.missing:
        return record.verdict.missing
    item_status = record.item_status
    if item_status is None:
        found = "the run ended before Millrace received any work"
        if record.decision is not None and record.decision.route is Route.DIRECT:
            return (MissingEvidence("pi's complete answer", "pi's turn", end.reason),)
        return (MissingEvidence("a work item in Millrace that is done", NOWHERE, found),)
    needed = "the work item in state done, and the run that did it"
    return (MissingEvidence(needed, item_status.source, str(item_status.state)),)


def _next_steps(record: RunContext, millrace: Backend, outcome: Outcome) -> tuple[NextStep, ...]:
    item_status = record.item_status
    if outcome is Outcome.COMPLETED or item_status is None:
        return ()
    watch = millrace.commands.millracer("watch", item_status.item_id)
    return millrace.commands.next_steps(item_status, record.lineage, watch_command=watch)


def _answer(
    record: RunContext, end: Step, pi: Agent, outcome: Outcome, steps: tuple[NextStep, ...]
) -> str:
    if record.answer is not None:
        return record.answer
    missing = _missing(record, end, outcome)
    summary = summarise(
        outcome=outcome,
        reason=_reason(record, end),
        proof=record.verdict.proof,
        missing=missing,
        next_steps=steps,
    )
    if not _pi_is_wanted(record, end):
        return summary
    if record.pi_is_busy:
        record.warn("finalization_failed", "pi did not answer a notification in time")
        return summary
    prompt = prompts.report_prompt(
        task=record.request.task,
        outcome=outcome,
        reason=_reason(record, end),
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


def _pi_is_wanted(record: RunContext, end: Step) -> bool:
    return (
        record.request.finalizer is Finalizer.PI
        and not record.found_ended
        and not record.errors
        and end.known_ending.allows_report
    )
