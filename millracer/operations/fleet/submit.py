"""Store a task in the queue of a fleet, and wait for its end if requested."""

from __future__ import annotations

from millracer.cancellation import Cancelled, Wait
from millracer.domain.failures import CallerCancelled, exit_code_of_cancel
from millracer.domain.fleet.items import FleetItem, FleetItemDetail, FleetItemState, SubmitVerdict
from millracer.domain.fleet.outcomes import exit_code_of_item
from millracer.domain.operations.fleet_requests import FleetSubmitRequest
from millracer.domain.run.result import ErrorRecord
from millracer.errors import ExitCode, IdempotencyConflict, InvalidRequest
from millracer.operations.answer import Answer
from millracer.operations.context import OperationContext
from millracer.operations.fleet.follow import await_ends, find_detail
from millracer.operations.fleet.steps import next_steps
from millracer.operations.fleet.task import request_of, submission_of
from millracer.ports.fleet_store import FleetStore
from millracer.schemas.fleet.report import describe_item, error_of
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
    submission = submission_of(
        request_of(request.task),
        workspace_id=request.workspace_id,
        label=request.label,
        priority=request.priority,
        not_before=request.not_before,
    )
    with context.open_fleet() as store:
        verdict = store.submit(submission).verdict
        refuse(verdict, submission.item_id, request.workspace_id, request.label)
        detail = find_detail(store, submission.item_id)
        stopped: CallerCancelled | None = None
        if request.wait:
            try:
                detail = _await_end(store, request, detail, context)
            except Cancelled as cancelled:  # the item is stored: report it
                stopped = CallerCancelled(cancelled.reason)
    return _answer(request, verdict, detail, stopped)


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


def _await_end(
    store: FleetStore,
    request: FleetSubmitRequest,
    detail: FleetItemDetail,
    context: OperationContext,
) -> FleetItemDetail:
    wait = Wait(context.cancellation)
    if request.wait_seconds is not None:
        wait = wait.within(request.wait_seconds)
    (ended,) = await_ends(store, (detail.item.item_id,), wait, context.fleet.on_change)
    return ended


def _answer(
    request: FleetSubmitRequest,
    verdict: SubmitVerdict,
    detail: FleetItemDetail,
    stopped: CallerCancelled | None,
) -> Answer[FleetSubmitResult]:
    item: FleetItem = detail.item
    exit_code = ExitCode.COMPLETED
    if stopped is not None:
        exit_code = exit_code_of_cancel(stopped.reason)
    elif request.wait:
        is_ended = item.state is FleetItemState.ENDED
        exit_code = exit_code_of_item(item, detail.result) if is_ended else ExitCode.TIMED_OUT
    return Answer(
        result=FleetSubmitResult(
            request_id=request.task.request_id,
            verdict=verdict,
            item=describe_item(item),
            result=None if detail.result is None else dict(detail.result),
            warnings=[str(warning) for warning in request.task.warnings],
            errors=[] if stopped is None else [error_of(stopped)],
            next_steps=[StepDocument.of(step) for step in next_steps(item)],
        ),
        exit_code=exit_code,
        error=None if stopped is None else ErrorRecord.of(stopped),
    )
