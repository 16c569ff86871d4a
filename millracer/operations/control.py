"""Pause, resume and stop Millrace, and check the effect.

A report states the effect that was observed. Commands to a running daemon go through its mailbox;
the wait for their effect is bounded.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from millracer.cancellation import Cancellation, Cancelled, Wait
from millracer.domain.control import ControlCommand, ControlOutcome, ControlReport
from millracer.domain.failures import CallerCancelled
from millracer.domain.operations.requests import PauseRequest, ResumeRequest, StopRequest
from millracer.domain.run.result import ErrorRecord, NextStep
from millracer.domain.unseen import describe_unseen, how_to_free
from millracer.domain.work.items import ItemState
from millracer.domain.work.runtime import (
    CommandState,
    ControlReceipt,
    DaemonEnd,
    RunningDaemon,
    RuntimeStatus,
)
from millracer.errors import DaemonInUse, InvalidRequest, MillracerError, RunWarning, ToolFailed
from millracer.operations.answer import Answer
from millracer.operations.context import OperationContext
from millracer.ports import Backend, DaemonControl
from millracer.schemas.control import ControlResult, describe_control

#: How long a command may take to have an effect before it is reported as not confirmed.
CONFIRM_SECONDS = 20.0
#: How long a foreign daemon may take to end: it finishes its active stage first.
END_SECONDS = 60.0
#: Another process may be starting or stopping a daemon.
LOCK_SECONDS = 30.0
_OPERATOR = "operator"


@dataclass(frozen=True, slots=True)
class Found:
    """The observed outcome of a command, with a message."""

    outcome: ControlOutcome
    message: str
    item_id: str | None = None
    state: ItemState | None = None
    next_steps: tuple[NextStep, ...] = ()
    warnings: tuple[RunWarning, ...] = ()


def answer_pause(_request: PauseRequest, context: OperationContext) -> Answer[ControlResult]:
    """Pause the caller's workspace: no new stage is started."""
    return answered(context, pause)


def answer_resume(_request: ResumeRequest, context: OperationContext) -> Answer[ControlResult]:
    """End the pause of the caller's workspace."""
    return answered(context, resume)


def answer_stop(request: StopRequest, context: OperationContext) -> Answer[ControlResult]:
    """Stop the daemon of the caller's workspace."""
    return answered(context, partial(stop, force=request.force))


def answered(
    context: OperationContext, do: Callable[[Backend, Cancellation], ControlReport]
) -> Answer[ControlResult]:
    """Perform a command in the caller's workspace and publish its report."""
    place = context.find_workspace()
    warnings = (*place.warnings, *context.memory.warnings)
    report = do(context.open_millrace(place.root_path), context.cancellation)
    errors = report.errors
    if report.cancel_reason is not None:
        errors = (ErrorRecord.of(CallerCancelled(report.cancel_reason)),)
    return Answer(
        result=describe_control(report, errors, warnings),
        exit_code=report.exit_code,
        error=next(iter(errors), None),
    )


def pause(millrace: Backend, cancellation: Cancellation) -> ControlReport:
    """Pause Millrace: no new stage is started; the report lists errors."""
    return reported(ControlCommand.PAUSE, millrace, cancellation, partial(_pause, millrace))


def resume(millrace: Backend, cancellation: Cancellation) -> ControlReport:
    """End a pause by the operator; the report lists errors."""
    return reported(ControlCommand.RESUME, millrace, cancellation, partial(_resume, millrace))


def stop(millrace: Backend, cancellation: Cancellation, *, force: bool) -> ControlReport:
    """Stop the daemon; the report lists errors.

    Args:
        millrace: the workspace's backend.
        cancellation: the caller's cancellation.
        force: also stop a foreign daemon, or one that another command watches.
    """
    do = partial(_stop, millrace, force=force)
    return reported(ControlCommand.STOP, millrace, cancellation, do)


def reported(
    command: ControlCommand,
    millrace: Backend,
    cancellation: Cancellation,
    do: Callable[[Wait], Found],
) -> ControlReport:
    """Perform a command and report it, including errors and the caller's cancellation."""
    report = partial(
        ControlReport,
        command=command,
        workspace=millrace.workspace,
    )
    try:
        found = do(Wait(cancellation))
    except Cancelled as cancelled:
        return report(
            outcome=ControlOutcome.NOT_CONFIRMED,
            message=f"cancelled by the caller ({cancelled.reason}) before the outcome was known",
            version=millrace.version,
            cancel_reason=cancelled.reason,
        )
    except MillracerError as error:
        return report(
            outcome=ControlOutcome.FAILED,
            message=error.message,
            version=millrace.version,
            errors=(ErrorRecord.of(error),),
        )
    return report(
        outcome=found.outcome,
        message=found.message,
        item_id=found.item_id,
        state=found.state,
        version=millrace.version,
        next_steps=found.next_steps,
        warnings=found.warnings,
    )


def step(action: str, millrace: Backend, *words: str) -> NextStep:
    """Return a `millracer` command in the same workspace as a next step."""
    return NextStep(action, millrace.commands.millracer(*words))


def require_workspace(millrace: Backend, wait: Wait) -> None:
    """Refuse an unsupported Millrace, and a directory without a Millrace workspace.

    Raises:
        ToolNotFound, ToolUnsupported: as `Backend.check_supported`.
        InvalidRequest: the directory is not a Millrace workspace.
    """
    millrace.check_supported(wait)
    if not millrace.is_initialised:
        raise InvalidRequest(
            f"{millrace.workspace} is not a Millrace workspace yet",
            field="workspace",
            suggested_action="name the workspace with --workspace",
        )


def await_daemon(millrace: Backend, receipt: ControlReceipt, wait: Wait) -> str | None:
    """Wait until the daemon has replied to a pending command, or the wait is over.

    Returns:
        Why the daemon refused it, None if it did not.
    """
    if receipt.pending_command is None:
        return None
    reply = millrace.await_reply(receipt.pending_command, wait)
    return reply.detail if reply.state is CommandState.REFUSED else None


def _pause(millrace: Backend, wait: Wait) -> Found:
    require_workspace(millrace, wait)
    before = millrace.read_status(wait)
    if _is_paused_by_operator(before):
        return Found(ControlOutcome.ALREADY, _paused_as(millrace, before))
    _ask(millrace, millrace.pause(wait), wait)
    after = millrace.read_status(wait)
    if _is_paused_by_operator(after):
        resume_step = step("resume", millrace, "resume")
        return Found(ControlOutcome.DONE, _paused_as(millrace, after), next_steps=(resume_step,))
    return _not_confirmed(millrace, "Millrace was asked to pause and is not paused yet")


def _resume(millrace: Backend, wait: Wait) -> Found:
    require_workspace(millrace, wait)
    before = millrace.read_status(wait)
    if not before.paused:
        return Found(ControlOutcome.ALREADY, "Millrace is not paused")
    _ask(millrace, millrace.resume(wait), wait)
    after = millrace.read_status(wait)
    if not after.paused:
        return Found(ControlOutcome.DONE, "Millrace is resumed" + _without_daemon(millrace))
    if _is_paused_by_operator(after):
        return _not_confirmed(millrace, "Millrace was asked to resume and is still paused")
    check = step("look", millrace, "status")
    message = f"Millrace is still paused by {after.pause_sources}, which Millracer cannot end"
    return Found(ControlOutcome.NOT_POSSIBLE, message, next_steps=(check,))


def _ask(millrace: Backend, receipt: ControlReceipt, wait: Wait) -> None:
    refused = await_daemon(millrace, receipt, wait.within(CONFIRM_SECONDS))
    if refused is not None:
        raise ToolFailed(
            "millrace",
            f"Millrace's daemon refused the command: {refused}",
            suggested_action="check the workspace with `millracer status`",
        )


def _is_paused_by_operator(status: RuntimeStatus) -> bool:
    return status.paused and _OPERATOR in status.pause_sources


def _paused_as(millrace: Backend, status: RuntimeStatus) -> str:
    if status.active_stage is not None and status.process_running:
        rest = f"; {status.active_stage} of {status.active_item_id or 'its own work'} runs"
        return f"Millrace is paused{rest} to its end"
    return "Millrace is paused" + _without_daemon(millrace)


def _without_daemon(millrace: Backend) -> str:
    return "" if millrace.supervisor.find() is not None else "; no daemon runs"


def _not_confirmed(millrace: Backend, message: str) -> Found:
    check = step("look", millrace, "status")
    return Found(ControlOutcome.NOT_CONFIRMED, message, next_steps=(check,))


def _stop(millrace: Backend, wait: Wait, *, force: bool) -> Found:
    if not millrace.is_initialised:
        return Found(ControlOutcome.ALREADY, "no daemon runs")
    with millrace.supervisor.control(wait.within(LOCK_SECONDS)) as control:
        running = control.running(wait)
        if running is None:
            cleared = "; the state that a dead one left was cleared" if control.repair(wait) else ""
            return Found(ControlOutcome.ALREADY, f"no daemon runs{cleared}")
        found = _end(millrace, control, running, wait, force=force)
        return replace(found, warnings=control.notices)


def _end(
    millrace: Backend, control: DaemonControl, running: RunningDaemon, wait: Wait, *, force: bool
) -> Found:
    is_owned = running.owned or running.kept
    if running.out_of_sight is not None and not force:
        raise DaemonInUse(describe_unseen(running), suggested_action=how_to_free(running))
    if not (is_owned or force):
        raise DaemonInUse(
            f"the daemon (process {running.pid}) is foreign: Millracer did not start it",
            suggested_action="stop it where it was started, or use --force",
        )
    ended = control.end(running, wait.within(END_SECONDS), despite_watchers=force)
    match ended:
        case DaemonEnd.WATCHED:
            raise DaemonInUse(
                "another Millracer command watches an item of this daemon, and stops it at the end",
                suggested_action="wait for that command or cancel it, or stop the daemon with "
                "--force: that command then reports that the daemon was stopped",
            )
        case DaemonEnd.UNREACHABLE:
            message = f"{describe_unseen(running)}; no process accepted the request to stop"
            return Found(ControlOutcome.NOT_CONFIRMED, f"{message}. Next: {how_to_free(running)}")
        case DaemonEnd.STILL_RUNS:
            stage = millrace.read_status(wait).active_stage
            until = "" if stage is None else f"; it ends after its active stage, {stage}"
            return _not_confirmed(
                millrace, f"the daemon (process {running.pid}) was asked to stop{until}"
            )
        case DaemonEnd.GONE:
            left = next((item for item in millrace.list_unfinished() if item.state.is_live), None)
            steps = () if left is None else (step("continue", millrace, "watch", left.item_id),)
            owner = "" if is_owned else "foreign "
            message = f"the {owner}daemon (process {running.pid}) is stopped"
            return Found(ControlOutcome.DONE, message, next_steps=steps)
