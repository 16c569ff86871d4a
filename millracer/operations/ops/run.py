"""Run one task to its end, for a command and as an ops action."""

from __future__ import annotations

from dataclasses import replace

from millracer.cancellation import Cancellation
from millracer.domain.checks import WorkVerification
from millracer.domain.requests import RunRequest
from millracer.domain.run.completion import unmet
from millracer.domain.run.outcome import Outcome
from millracer.domain.run.result import (
    RunResult,
    exit_code_of,
)
from millracer.errors import ExitCode, InvalidRequest, MillracerError, RunWarning
from millracer.operations.context import (
    PreparedTask,
    Target,
    Tools,
    require_directory,
)
from millracer.operations.ops.preferences import preference_warnings
from millracer.operations.ops.reply import (
    Reply,
    describe_error,
    describe_resolution,
    describe_taken,
    exit_code_of_error,
)
from millracer.ports import Directories
from millracer.schemas.ops.item_payloads import WatchPayload
from millracer.schemas.ops.request import ReadRequest
from millracer.schemas.ops.result import (
    CompletionDocument,
    EnqueueReply,
    OpsErrorDocument,
    OpsRoute,
    OpsStatus,
    Verification,
)
from millracer.schemas.run.result import describe

_STATUSES = {
    Outcome.COMPLETED: OpsStatus.SUCCEEDED,
    Outcome.BLOCKED: OpsStatus.BLOCKED,
    Outcome.INCOMPLETE: OpsStatus.INCOMPLETE,
    Outcome.TIMED_OUT: OpsStatus.TIMED_OUT,
    Outcome.BUDGET_EXHAUSTED: OpsStatus.INCOMPLETE,
    Outcome.CANCELLED: OpsStatus.CANCELLED,
    Outcome.CRASHED: OpsStatus.FAILED,
    Outcome.RESTART_NEEDED: OpsStatus.FAILED,
    Outcome.FAILED: OpsStatus.FAILED,
}


def run_task(
    read: ReadRequest,
    target: Target,
    *,
    tools: Tools,
    directories: Directories,
    cancellation: Cancellation,
) -> Reply:
    """Run one task to its end, exactly as `millracer run` does."""
    request = _run_request(read, target)
    return _run(
        read, target, request, tools=tools, directories=directories, cancellation=cancellation
    )


def watch_item(
    read: ReadRequest,
    target: Target,
    *,
    tools: Tools,
    directories: Directories,
    cancellation: Cancellation,
) -> Reply:
    """Follow one work item to its end, exactly as `millracer watch` does."""
    _refuse_resume(read)
    payload = read.payload_as(WatchPayload)
    _ = payload.cursor  # refused here; a stream has used it before
    request = _task_request(read, target, "", resume=payload.work_item_id)
    return _run(
        read, target, request, tools=tools, directories=directories, cancellation=cancellation
    )


def prepare_submission(read: ReadRequest, target: Target) -> PreparedTask:
    """Return the task of a `submit`.

    Raises:
        InvalidRequest: there is no task, or the request names an item that exists.
    """
    _refuse_resume(read)
    return PreparedTask(
        request=_run_request(read, target),
        options=target.merged.options,
        root_path=target.resolution.root_path,
    )


def _run(  # noqa: PLR0913 - the ports
    read: ReadRequest,
    target: Target,
    request: RunRequest,
    *,
    tools: Tools,
    directories: Directories,
    cancellation: Cancellation,
) -> Reply:
    root_path = target.resolution.root_path
    require_directory(root_path, directories)
    with tools.orchestrator(
        root_path,
        target.merged.options,
        cancellation,
        trace_ref=read.request.source.trace_ref,
    ) as orchestrator:
        result = orchestrator.run(request, cancellation)
    return _reply(read, target, request, result)


def _run_request(read: ReadRequest, target: Target) -> RunRequest:
    document = read.request
    resume = None if document.options is None else document.options.resume
    if resume is None and read.task is None:
        raise InvalidRequest(
            f"{read.action} needs a task: input.text, or input.payload.task",
            field="input.text",
            code="invalid_input",
            suggested_action="give the task as input.text",
        )
    if resume is not None and read.task is not None:
        raise InvalidRequest(
            "options.resume continues a work item and takes no task",
            field="options.resume",
            suggested_action="leave the task out, or options.resume",
        )
    return _task_request(read, target, read.task or "", resume=resume)


def _refuse_resume(read: ReadRequest) -> None:
    options = read.request.options
    if options is not None and options.resume is not None:
        raise InvalidRequest(
            f"options.resume means nothing for the action {read.action}",
            field="options.resume",
            suggested_action="leave options.resume out; `watch` continues its work_item_id",
        )


def _task_request(
    read: ReadRequest, target: Target, task: str, *, resume: str | None
) -> RunRequest:
    document = read.request
    return replace(
        target.merged.request(task, document.request_id),
        request_id_named=True,
        idempotency_key=document.idempotency_key,
        scope=read.scope,
        scope_is_unclear=read.scope_is_unclear and resume is None,
        context_refs=document.context_refs or (),
        resume=resume,
    )


def _reply(read: ReadRequest, target: Target, request: RunRequest, result: RunResult) -> Reply:
    document = describe(result)
    expected = unmet(read.request.expected_evidence or (), result.proof)
    missing = [
        *(
            f"{gap.needed}; looked in {gap.looked_in}; found {gap.found}"
            for gap in result.missing_evidence
        ),
        *(f"expected evidence: {name}" for name in expected),
    ]
    status = _STATUSES[result.outcome]
    return Reply(
        status=status,
        result=EnqueueReply(
            task=request.task,
            output=result.output,
            event=document.event,
            task_path=result.task_path,
            status=document.status,
            resolution=describe_resolution(target.resolution),
        ),
        completion=CompletionDocument(
            outcome=result.outcome,
            scoped_completion=result.scoped_completion,
            evidence_summary=document.completion_evidence,
            missing_evidence=missing,
            verification_status=_verification(result, is_proven=not expected),
            terminal_outcome_ref=None if result.event is None else result.event.run_id,
        ),
        route=None if result.route is None else OpsRoute(result.route),
        intake_kind=result.intake_kind,
        scope=result.scope or request.scope,
        workspace_ref=describe_taken(read.request.workspace_ref, target.resolution, target.mode),
        warnings=(
            *preference_warnings(read),
            *result.warnings,
            *_expectation_warning(expected),
        ),
        errors=_errors(result),
        evidence_refs=_evidence_refs(result),
        raw_compat=document,
        exit_code=_exit_code(status, result),
    )


def _verification(result: RunResult, *, is_proven: bool) -> Verification:
    if result.verification is WorkVerification.CONTRADICTED:
        return Verification.CONTRADICTED
    is_verified = result.scoped_completion and is_proven
    return Verification.VERIFIED if is_verified else Verification.UNVERIFIED


def _errors(result: RunResult) -> tuple[OpsErrorDocument, ...]:
    errors = tuple(
        describe_error(
            MillracerError(error.message, suggested_action=error.suggested_action, code=error.code)
        ).model_copy(update={"detail": error.detail or None, "related_ref": result.work_item_id})
        for error in result.errors
    )
    if errors or _STATUSES[result.outcome] is not OpsStatus.FAILED:
        return errors
    # A lost daemon is an outcome without an error, but a `failed` reply must state its cause.
    step = result.next_steps[0].command if result.next_steps else None
    return (
        OpsErrorDocument(
            code=result.outcome,
            message=result.outcome if result.event is None else result.event.reason,
            related_ref=result.work_item_id,
            suggested_action=step,
        ),
    )


def _expectation_warning(expected: tuple[str, ...]) -> tuple[RunWarning, ...]:
    if not expected:
        return ()
    names = ", ".join(repr(name) for name in expected)
    return (RunWarning("expected_evidence_missing", f"no proof of this run is named {names}"),)


def _evidence_refs(result: RunResult) -> tuple[str, ...]:
    sources = [
        *(fact.source for fact in result.proof),
        *(member.source for member in result.lineage),
        *([] if result.task_path is None else [result.task_path]),
    ]
    return tuple(dict.fromkeys(sources))


def _exit_code(status: OpsStatus, result: RunResult) -> ExitCode | None:
    match status:
        case OpsStatus.CANCELLED:
            return exit_code_of(result)
        case OpsStatus.FAILED if result.errors:
            return exit_code_of_error(result.errors[0].code)
        case _:
            return None
