"""`millracer submit`: one item into the queue, its id on standard output, and no watching."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, replace

from millracer.cancellation import Cancellation, Cancelled
from millracer.cli.command import was_cancelled
from millracer.cli.internal_errors import record_bug
from millracer.cli.preload import load_endings
from millracer.cli.signals import signals_cancel, signals_ignored, signals_raise
from millracer.cli.task_input import PreparedRun, TaskInput, prepare
from millracer.cli.terminal.stderr import printable, say, say_error
from millracer.cli.terminal.stdout import print_text
from millracer.domain.items import ItemState
from millracer.domain.requests import RoutePreference
from millracer.domain.result import (
    ErrorRecord,
    NextStep,
    exit_code_of_cancel,
    exit_code_of_error,
)
from millracer.domain.submission import Submission
from millracer.domain.workspaces import LOCAL_SESSION
from millracer.errors import MillracerError, RunWarning
from millracer.operations.session_memory import SessionMemory
from millracer.operations.submit import submit as submit_item
from millracer.schemas.submit import describe_submission, render_submit_result, submit_refused
from millracer.wiring import SystemClock, new_identity, new_request_id, open_store


@dataclass(frozen=True, slots=True, kw_only=True)
class _Done:
    """What became of the request, and what of it the session remembers."""

    submission: Submission
    warnings: tuple[RunWarning, ...]


def submit(asked: TaskInput, *, as_json: bool) -> int:
    """Put the task in the queue, print its item's id, and return the exit code."""
    load_endings()
    request_id = asked.request_id if asked.request_id is not None else new_request_id()
    with ExitStack() as held:
        memory = SessionMemory(held.enter_context(open_store()))
        held.callback(asked.common.programs.close)
        try:
            with signals_raise():
                prepared = prepare(asked, request_id, memory)
            done = _perform(asked, prepared, memory)
        except Cancelled as cancelled:
            code = exit_code_of_cancel(cancelled.reason)
            return _refused(was_cancelled(cancelled.reason), request_id, code, as_json=as_json)
        except MillracerError as error:
            code = exit_code_of_error(error.code)
            return _refused(error, request_id, code, as_json=as_json)
        except Exception as error:  # noqa: BLE001 - the one place where a bug becomes a result
            bug = record_bug(error)
            code = exit_code_of_error(bug.code)
            return _refused(bug, request_id, code, as_json=as_json)
        with signals_ignored():
            held.close()
            _report(done, as_json=as_json)
    return done.submission.exit_code


def _perform(asked: TaskInput, prepared: PreparedRun, memory: SessionMemory) -> _Done:
    common, cancellation = asked.common, Cancellation()
    with signals_cancel(cancellation):
        submission = submit_item(
            replace(prepared.request, route=RoutePreference.MILLRACE),
            millrace=common.programs.millrace(str(prepared.workspace), prepared.options),
            clock=SystemClock(),
            unique=new_identity,
            cancellation=cancellation,
        )
    warnings = (*prepared.warnings, *submission.warnings)
    memory.record(
        common.session_id or LOCAL_SESSION,
        client_name=None,
        request_id=submission.request.request_id,
        warnings=tuple(dict.fromkeys(warning.code for warning in warnings)),
    )
    return _Done(submission=submission, warnings=(*prepared.warnings, *memory.warnings))


def _report(done: _Done, *, as_json: bool) -> None:
    submission = done.submission
    steps = _next_steps(submission)
    errors = submission.errors
    if submission.cancel_reason is not None:
        errors = (ErrorRecord.of(was_cancelled(submission.cancel_reason)),)
        submission = replace(submission, errors=errors)
    for warning in (*done.warnings, *submission.warnings):
        say(f"warning: {warning}")
    for error in errors:
        say_error(error.message, error.suggested_action)
    if submission.item_status is not None:
        say(_told(submission))
    for step in steps:
        say(f"  to {step.action}: {step.command}")
    if as_json:
        print_text(render_submit_result(describe_submission(submission, steps, done.warnings)))
    elif submission.item_status is not None and submission.item_id is not None:
        print_text(printable(submission.item_id))


def _told(submission: Submission) -> str:
    """Say where the item is, for a person."""
    item_status = submission.item_status
    state = ItemState.ABSENT if item_status is None else item_status.state
    was = "is in Millrace already" if submission.found else "is in the queue"
    if submission.found or state not in {ItemState.QUEUED, ItemState.INBOX}:
        was += f" ({state})"
    worker = "a daemon runs" if submission.daemon is not None else "no daemon runs"
    return (
        f"{submission.item_id} {was}; {worker}" if state.is_live else f"{submission.item_id} {was}"
    )


def _next_steps(submission: Submission) -> tuple[NextStep, ...]:
    mode = submission.request.mode
    ours = submission.commands.millracer
    item_id = submission.item_id or ""
    return submission.next_steps(
        watch=ours("watch", item_id, *(() if mode is None else ("--millrace-mode", mode))),
        cancel=ours("cancel", item_id),
    )


def _refused(error: MillracerError, request_id: str, code: int, *, as_json: bool) -> int:
    say_error(error.message, error.suggested_action)
    if as_json:
        print_text(render_submit_result(submit_refused(error, request_id)))
    return code
