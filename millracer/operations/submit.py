"""Putting one item in Millrace's queue, and no more: no daemon is started, nothing is watched.

The item is the one that `run` would have made of the same request, by the same rules, so that
either meets what the other put there. No model is asked: the route is Millrace, and the intake kind
is the caller's or read from the task's words, as for a run whose route is forced.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from millracer.cancellation import Cancellation, Cancelled
from millracer.domain.failures import CallerCancelled
from millracer.domain.identity import work_item_for
from millracer.domain.items import ItemState
from millracer.domain.requests import Decision, Route, RoutePreference, RunRequest
from millracer.domain.result import ErrorRecord, NextStep, millracer_command
from millracer.domain.runtime import CommandState
from millracer.domain.submission import Submission
from millracer.domain.unseen import unseen_warning
from millracer.errors import MillracerError, ToolFailed
from millracer.operations.answer import Answer
from millracer.operations.context import OperationContext, PreparedTask
from millracer.ports import Clock, Millrace
from millracer.run.context import RunContext
from millracer.run.enqueue import enqueue, write_document
from millracer.run.lookup import find_item
from millracer.run.mode import settle_mode
from millracer.schemas.submit import SubmitResult, describe_submission

#: How long a daemon may take to take in what was put in its mailbox, before that is told.
TAKEN_IN_SECONDS = 20.0
_POLL_SECONDS = 0.1


def answer_submit(task: PreparedTask, context: OperationContext) -> Answer[SubmitResult]:
    """Put a task in the queue of its workspace, and remember it in the caller's session."""
    submission = submit(
        replace(task.request, route=RoutePreference.MILLRACE),
        millrace=context.tools.millrace(task.root_path, task.options),
        clock=context.clock,
        unique=context.new_identity,
        cancellation=context.cancellation,
    )
    codes = (warning.code for warning in (*task.warnings, *submission.warnings))
    context.memory.record(
        context.session_id,
        client_name=None,
        request_id=submission.request.request_id,
        warnings=tuple(dict.fromkeys(codes)),
    )
    exit_code = submission.exit_code
    if submission.cancel_reason is not None:
        error = ErrorRecord.of(CallerCancelled(submission.cancel_reason))
        submission = replace(submission, errors=(error,))
    warnings = (*task.warnings, *context.memory.warnings)
    return Answer(
        result=describe_submission(submission, _next_steps(submission), warnings),
        exit_code=exit_code,
    )


def _next_steps(submission: Submission) -> tuple[NextStep, ...]:
    mode = submission.request.mode
    command = partial(millracer_command, workspace=submission.workspace, option=submission.option)
    item_id = submission.item_id or ""
    return submission.next_steps(
        workspace=shlex.quote(submission.workspace),
        watch=command("watch", item_id, *(() if mode is None else ("--millrace-mode", mode))),
        cancel=command("cancel", item_id),
    )


def submit(
    request: RunRequest,
    *,
    millrace: Millrace,
    clock: Clock,
    unique: Callable[[], str],
    cancellation: Cancellation,
) -> Submission:
    """Put the request's item in the queue unless it is in Millrace already; errors are told in it.

    Args:
        request: what is asked for.
        millrace: of the workspace.
        clock: for the document.
        unique: returns a fresh text for the identity of work that the caller did not name.
        cancellation: of the caller.
    """
    record = RunContext(request=request, cancellation=cancellation)
    found = False
    try:
        found = _submit(record, millrace, clock, unique)
    except Cancelled as cancelled:
        record.cancel_reason = cancelled.reason
    except MillracerError as error:
        record.fail(error)
    daemon = None if record.item_status is None else millrace.find_daemon()
    unseen = unseen_warning(daemon)
    if unseen is not None:
        record.warn(unseen.code, unseen.text)
    return Submission(
        workspace=millrace.workspace,
        program=millrace.program,
        option=millrace.option,
        request=request,
        item_id=None if record.item is None else record.item.item_id,
        item_status=record.item_status,
        found=found,
        intake_kind=record.intake_kind,
        intake_signals=record.intake_signals,
        task_path=record.document_path,
        daemon=daemon,
        version=millrace.version,
        warnings=tuple(record.warnings),
        errors=tuple(record.errors),
        cancel_reason=record.cancel_reason,
    )


def _submit(
    record: RunContext, millrace: Millrace, clock: Clock, unique: Callable[[], str]
) -> bool:
    """Do it; return whether the item was there before."""
    record.item = work_item_for(record.request, unique=unique())
    millrace.warm_up()
    millrace.check_supported(record.wait)
    if record.item.named and millrace.is_initialised and find_item(record, millrace) is not None:
        return True
    record.decision = Decision(route=Route.MILLRACE, why="the caller chose Millrace")
    millrace.initialise(record.wait)
    settle_mode(record, millrace)
    write_document(record, millrace, clock)
    if enqueue(record, millrace, clock) is not None:
        return True
    _see_it_taken_in(record, millrace)
    return False


def _see_it_taken_in(record: RunContext, millrace: Millrace) -> None:
    """Wait a while for the daemon in whose mailbox the item is; one that says no is an error.

    Raises:
        ToolFailed: the daemon refused it; nothing was queued.
    """
    if record.mailbox_command is None:
        return
    wait = record.wait.within(TAKEN_IN_SECONDS)
    fate = millrace.mailbox_reply(record.mailbox_command)
    while fate.state is CommandState.WAITING and not wait.expired:
        wait.sleep(_POLL_SECONDS)
        fate = millrace.mailbox_reply(record.mailbox_command)
    if fate.state is CommandState.WAITING:
        record.warn("not_taken_in", "the daemon has not taken the item in yet; it will")
        return
    item_status = millrace.look_up(record.known_item.item_id, record.wait)
    if item_status.state not in {ItemState.ABSENT, ItemState.REFUSED}:
        record.item_status = item_status
        return
    record.item_status = None
    raise ToolFailed(
        "millrace",
        "Millrace's daemon refused the item: "
        f"{fate.detail or item_status.detail or 'it is in no folder of the workspace'}",
        suggested_action="mend what it says, and submit it again",
    )
