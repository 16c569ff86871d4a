"""Show one item of a fleet, and wait for the ends of items."""

from __future__ import annotations

from millracer.domain.fleet.items import FleetItemDetail, FleetItemState
from millracer.domain.fleet.outcomes import exit_code_of_item, worst_of
from millracer.domain.operations.fleet_requests import (
    FleetShowRequest,
    FleetWaitRequest,
)
from millracer.errors import ExitCode, InvalidRequest
from millracer.operations.answer import Answer
from millracer.operations.context import OperationContext
from millracer.operations.fleet.follow import await_end, await_ends, find_named
from millracer.operations.fleet.steps import next_steps
from millracer.schemas.fleet.item import FleetItemResult, describe_detail
from millracer.schemas.fleet.report import describe_item
from millracer.schemas.fleet.wait import FleetWaitResult


def answer_show(request: FleetShowRequest, context: OperationContext) -> Answer[FleetItemResult]:
    """Show one item; its exit code is that of its outcome, 0 while it is open.

    Raises:
        InvalidRequest: the fleet has no such item.
        MillracerError: the fleet cannot be reached.
    """
    with context.open_fleet() as store:
        detail = find_named(store, request.work_item_id)
        if request.wait:
            detail = await_end(store, detail.item.item_id, context, request.wait_seconds)
    is_lost = detail.item.state is FleetItemState.ENDED and not detail.item.completed
    return Answer(
        result=describe_detail(detail, () if is_lost else next_steps(detail.item)),
        exit_code=_exit_code(detail, waited=request.wait),
    )


def answer_wait(request: FleetWaitRequest, context: OperationContext) -> Answer[FleetWaitResult]:
    """Wait until items have ended; the exit code is the worst of their outcomes.

    Raises:
        InvalidRequest: no item is named, or the fleet does not have one of them.
        MillracerError: the fleet cannot be reached.
    """
    if not request.work_item_ids:
        raise InvalidRequest(
            "no item is named",
            field="work_item_ids",
            suggested_action="name items that `millracer fleet ps` lists",
        )
    with context.open_fleet() as store:
        ids = [find_named(store, name).item.item_id for name in request.work_item_ids]
        details = await_ends(store, ids, context, request.wait_seconds)
    timed_out = any(each.item.state is not FleetItemState.ENDED for each in details)
    return Answer(
        result=FleetWaitResult(
            timed_out=timed_out, items=[describe_item(each.item) for each in details]
        ),
        exit_code=ExitCode.TIMED_OUT
        if timed_out
        else worst_of(exit_code_of_item(each.item, each.result) for each in details),
    )


def _exit_code(detail: FleetItemDetail, *, waited: bool) -> ExitCode:
    if waited and detail.item.state is not FleetItemState.ENDED:
        return ExitCode.TIMED_OUT
    return exit_code_of_item(detail.item, detail.result)
