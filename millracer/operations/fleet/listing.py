"""List the items of a fleet."""

from __future__ import annotations

from millracer.domain.fleet.items import FleetItems, FleetItemState, ItemFilter
from millracer.domain.operations.fleet_requests import FleetListRequest
from millracer.errors import ExitCode, InvalidRequest
from millracer.operations.answer import Answer
from millracer.operations.context import OperationContext
from millracer.schemas.fleet.items import FleetListResult
from millracer.schemas.fleet.report import describe_item


def answer_list(request: FleetListRequest, context: OperationContext) -> Answer[FleetListResult]:
    """List the items of the fleet: running first, then by priority and submission, then ended ones.

    Raises:
        InvalidRequest: the state is unknown, or the limit is not positive.
        MillracerError: the fleet cannot be reached.
    """
    wanted = filter_of(request)
    with context.open_fleet() as store:
        found = store.list_items(wanted)
    return Answer(result=describe_items(found), exit_code=ExitCode.COMPLETED)


def describe_items(found: FleetItems) -> FleetListResult:
    """Return the published form of a list of items."""
    return FleetListResult(items=[describe_item(each) for each in found.items], total=found.total)


def filter_of(request: FleetListRequest) -> ItemFilter:
    """Return the store's filter of a request.

    Raises:
        InvalidRequest: the state is unknown, or the limit is not positive.
    """
    state = next((each for each in FleetItemState if each == request.state), None)
    if request.state is not None and state is None:
        raise InvalidRequest(
            f"items of the fleet have no state {request.state!r:.100}",
            field="state",
            suggested_action=f"use one of {', '.join(FleetItemState)}",
        )
    if request.limit < 1:
        raise InvalidRequest(
            f"the limit {request.limit} is not positive",
            field="limit",
            suggested_action="use a limit of at least 1",
        )
    return ItemFilter(
        workspace_id=request.workspace_id,
        host=request.host,
        state=state,
        open_only=not request.all_items and state is not FleetItemState.ENDED,
        newest_first=request.newest_first,
        limit=request.limit,
    )
