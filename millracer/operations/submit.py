"""Put one item in Millrace's queue without starting a daemon or watching the item.

The steps are those of a run until the item is in Millrace (`SUBMISSION_EDGES`), so that a run and a
submission of the same request find each other's item. No model is used: the route is Millrace, and
the intake kind is the caller's or derived from the task's words, as for a run with a forced route.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from millracer.cancellation import Cancellation, Wait
from millracer.domain.failures import CallerCancelled
from millracer.domain.requests import RoutePreference, RunRequest
from millracer.domain.run.result import ErrorRecord, NextStep
from millracer.domain.submission import Submission
from millracer.domain.unseen import unseen_warning
from millracer.operations.answer import Answer
from millracer.operations.context import PI_CLOSE_SECONDS, OperationContext, PreparedTask
from millracer.ports import Backend, Clock, EventLogs, ModelLister, Repository
from millracer.run.submitter import Submitter
from millracer.schemas.submit import SubmitResult, describe_submission


def answer_submit(task: PreparedTask, context: OperationContext) -> Answer[SubmitResult]:
    """Put a task in the queue of its workspace, and record it in the caller's session."""
    pi = context.tools.agent(task.root_path, task.options)
    try:
        submission = submit(
            replace(task.request, route=RoutePreference.MILLRACE),
            millrace=context.tools.millrace(task.root_path, task.options),
            models=pi,
            repository=context.tools.repository(task.root_path),
            logs=context.tools.event_logs(task.root_path),
            clock=context.clock,
            unique=context.new_identity,
            cancellation=context.cancellation,
        )
    finally:
        pi.close(Wait(context.cancellation).cleaning_up(PI_CLOSE_SECONDS))
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
        error=next(iter(submission.errors), None),
    )


def _next_steps(submission: Submission) -> tuple[NextStep, ...]:
    mode = submission.request.mode
    command = submission.commands.millracer
    item_id = submission.item_id or ""
    return submission.next_steps(
        watch=command("watch", item_id, *(() if mode is None else ("--millrace-mode", mode))),
        cancel=command("cancel", item_id),
    )


def submit(  # noqa: PLR0913 - the ports
    request: RunRequest,
    *,
    millrace: Backend,
    models: ModelLister,
    repository: Repository | None = None,
    logs: EventLogs | None = None,
    clock: Clock,
    unique: Callable[[], str],
    cancellation: Cancellation,
) -> Submission:
    """Put the request's item in the queue unless it is in Millrace already.

    Errors and a cancellation are in the submission that is returned.

    Args:
        request: the task, with its scope and preferences.
        millrace: the workspace's backend.
        models: the models of pi, for the check of the stages' models.
        repository: records the workspace's files before the work begins.
        logs: the event logs of the workspace; None: no events are stored.
        clock: the clock for the steps' times.
        unique: returns a fresh text, the identity of work that the caller did not name.
        cancellation: the caller's cancellation.
    """
    submitter = Submitter(
        millrace=millrace,
        models=models,
        clock=clock,
        unique=unique,
        repository=repository,
        logs=logs,
    )
    record = submitter.submit(request, cancellation)
    daemon = None if record.item_status is None else millrace.supervisor.find()
    unseen = unseen_warning(daemon)
    if unseen is not None:
        record.warn(unseen.code, unseen.text)
    return Submission(
        workspace=millrace.workspace,
        commands=millrace.commands,
        request=request,
        item_id=None if record.item is None else record.item.item_id,
        item_status=record.item_status,
        found=record.found,
        intake_kind=record.intake_kind,
        intake_signals=record.intake_signals,
        task_path=record.document_path,
        daemon=daemon,
        version=millrace.version,
        warnings=tuple(record.warnings),
        errors=tuple(record.errors),
        cancel_reason=record.cancel_reason,
    )
