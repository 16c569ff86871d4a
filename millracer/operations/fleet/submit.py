"""Store a task in the queue of a fleet, and wait for its end if requested."""

from __future__ import annotations

from millracer.cancellation import Cancelled
from millracer.domain.failures import CallerCancelled, exit_code_of_failure
from millracer.domain.fleet.items import (
    FIRST_PRIORITY,
    LAST_PRIORITY,
    FleetItem,
    FleetItemDetail,
    FleetItemState,
    FleetSubmission,
    Submitted,
    SubmitVerdict,
)
from millracer.domain.fleet.outcomes import exit_code_of_item
from millracer.domain.operations.fleet_requests import FleetSubmitRequest
from millracer.domain.run.result import ErrorRecord
from millracer.errors import (
    ExitCode,
    FleetError,
    FleetUnreachable,
    IdempotencyConflict,
    InvalidRequest,
    MillracerError,
)
from millracer.operations.answer import Answer
from millracer.operations.context import OperationContext
from millracer.operations.fleet.follow import await_end, read_item
from millracer.operations.fleet.steps import next_steps
from millracer.operations.fleet.task import request_of, submission_of
from millracer.ports.fleet_store import FleetStore
from millracer.schemas.fleet.report import describe_item, error_of, stored_result
from millracer.schemas.fleet.submit import FleetSubmitResult
from millracer.schemas.run.document import StepDocument


def answer_submit(
    request: FleetSubmitRequest, context: OperationContext
) -> Answer[FleetSubmitResult]:
    """Store a task once for each key.

    Raises:
        InvalidRequest: a field cannot be used, or the fleet has no such workspace or label.
        IdempotencyConflict: the key exists with another request or target.
        MillracerError: the task contains a secret, or the fleet cannot be reached.
    """
    if (request.workspace_id is None) is (request.label is None):
        raise InvalidRequest(
            "a submission needs a workspace or a label, and not both",
            field="workspace_id",
            suggested_action="name a workspace that `millracer fleet workspaces` lists",
        )
    _check_start(request)
    submission = submission_of(
        request_of(request.task),
        workspace_id=request.workspace_id,
        label=request.label,
        priority=request.priority,
        not_before=request.not_before,
    )
    with context.open_fleet() as store:
        submitted = _submit(store, submission, request)
        verdict = submitted.verdict
        refuse(verdict, submission.item_id, request.workspace_id, request.label)
        item = submitted.item or read_item(store, submission.item_id).item
        detail = FleetItemDetail(item=item, request=submission.request, result=None)
        problem: MillracerError | None = None
        try:  # the item is stored: every end of this block reports it
            if request.wait:
                detail = await_end(store, item.item_id, context, request.wait_seconds)
            elif item.state is FleetItemState.ENDED:
                detail = read_item(store, item.item_id)
        except Cancelled as cancelled:
            problem = CallerCancelled(cancelled.reason, _instead_of_submitting(item))
        except FleetError as error:
            problem = MillracerError(
                f"{item.item_id} is stored, but cannot be read: {error.message}",
                code=error.code,
                suggested_action=_instead_of_submitting(item),
            )
    return _answer(request, verdict, detail, problem)


def refuse(
    verdict: SubmitVerdict, item_id: str, workspace_id: str | None, label: str | None
) -> None:
    """Raise the error of a submission that was not stored.

    Raises:
        InvalidRequest: the fleet has no such workspace or label.
        IdempotencyConflict: the key exists with another request or target.
    """
    match verdict:
        case SubmitVerdict.CONFLICT:
            raise IdempotencyConflict(
                f"the fleet has {item_id} already, with another request or workspace",
                suggested_action=f"read it with `millracer fleet show {item_id}`, or use another "
                "key for other work",
            )
        case SubmitVerdict.WORKSPACE_UNKNOWN:
            raise InvalidRequest(
                f"the fleet has no workspace {workspace_id!r:.200}",
                field="workspace_id",
                suggested_action="name a workspace that `millracer fleet workspaces` lists; a "
                "worker adds its own when it starts",
            )
        case SubmitVerdict.LABEL_UNKNOWN:
            raise InvalidRequest(
                f"no workspace of the fleet has the label {label!r:.200}",
                field="label",
                suggested_action="name a label that `millracer fleet workspaces` lists",
            )
        case SubmitVerdict.NEW | SubmitVerdict.KNOWN:
            return


def _submit(
    store: FleetStore, submission: FleetSubmission, request: FleetSubmitRequest
) -> Submitted:
    """Store an item; if the answer is lost, advise a repetition that cannot store a second one."""
    try:
        return store.submit(submission)
    except FleetUnreachable as error:
        task = request.task
        with_id = (
            "" if task.idempotency_key or task.scope else f" with `--request-id {task.request_id}`"
        )
        raise FleetUnreachable(
            error.message,
            suggested_action=f"wait for the database, then repeat the same command{with_id}: the "
            "item may be stored, and is then not stored again",
        ) from error


def _check_start(request: FleetSubmitRequest) -> None:
    if not FIRST_PRIORITY <= request.priority <= LAST_PRIORITY:
        raise InvalidRequest(
            f"the priority {request.priority} is not between {FIRST_PRIORITY} and {LAST_PRIORITY}",
            field="priority",
            suggested_action=f"use a whole number from {FIRST_PRIORITY} to {LAST_PRIORITY}; a "
            "smaller one starts earlier",
        )
    if request.not_before is not None and request.not_before.utcoffset() is None:
        raise InvalidRequest(
            f"the earliest start {request.not_before.isoformat()} has no time zone",
            field="not_before",
            suggested_action="give it a time zone, such as UTC",
        )


def _instead_of_submitting(item: FleetItem) -> str:
    """Return the next step after an interrupted wait: without a key, a repetition is new work."""
    return f"do not submit it again; wait for it with `millracer fleet wait {item.item_id}`"


def _answer(
    request: FleetSubmitRequest,
    verdict: SubmitVerdict,
    detail: FleetItemDetail,
    problem: MillracerError | None,
) -> Answer[FleetSubmitResult]:
    item = detail.item
    timed_out = request.wait and problem is None and item.state is not FleetItemState.ENDED
    exit_code = ExitCode.COMPLETED
    if problem is not None:
        exit_code = exit_code_of_failure(problem)
    elif timed_out:
        exit_code = ExitCode.TIMED_OUT
    elif request.wait:
        exit_code = exit_code_of_item(item, detail.result)
    return Answer(
        result=FleetSubmitResult(
            request_id=request.task.request_id,
            verdict=verdict,
            item=describe_item(item),
            timed_out=timed_out,
            result=stored_result(detail.result),
            warnings=[str(warning) for warning in request.task.warnings],
            errors=[] if problem is None else [error_of(problem)],
            next_steps=[StepDocument.of(step) for step in next_steps(item)],
        ),
        exit_code=exit_code,
        error=None if problem is None else ErrorRecord.of(problem),
    )
