"""The fleet of a server: its overview, and operations on it."""

from __future__ import annotations

from functools import partial

from starlette.responses import Response

from millracer.domain.fleet.items import FleetItemState, ItemFilter
from millracer.operations.context import OperationContext
from millracer.schemas.fleet.hosts import describe_hosts
from millracer.schemas.fleet.report import describe_item
from millracer.schemas.fleet.workspaces import describe_workspaces
from millracer.schemas.serve.fleet import MOST_FLEET_ITEMS, FleetOverview
from millracer.serve.handlers.call import Call, reply
from millracer.serve.handlers.operations import operation_request, reply_answer

_ENDED = 20


async def show_overview(call: Call) -> Response:
    """Return hosts, workspaces, open items and the last ends.

    Raises:
        MillracerError: the fleet cannot be read.
    """
    context = call.service.operations.fleet_context()
    return reply(await call.service.threads.call(partial(_overview, context)))


def _overview(context: OperationContext) -> FleetOverview:
    with context.open_fleet() as store:
        hosts, workspaces = store.list_hosts(), store.list_workspaces()
        found = store.list_items(ItemFilter(limit=MOST_FLEET_ITEMS))
        ended = store.list_items(ItemFilter(state=FleetItemState.ENDED, limit=_ENDED))
    return FleetOverview(
        hosts=describe_hosts(hosts),
        workspaces=describe_workspaces(workspaces),
        items=[describe_item(each) for each in found.items],
        total=found.total,
        ended=[describe_item(each) for each in ended.items],
    )


async def perform_on_fleet(call: Call) -> Response:
    """Perform the operation of the route on the fleet.

    Raises:
        Refusal: it failed.
    """
    if call.route.writes:
        call.service.refuse_while_stopping()
    name, request = operation_request(call, {"wait": False})
    context = call.service.operations.fleet_context()
    answer = await call.service.perform(name, request, context)
    return reply_answer(answer, frozenset(call.request.path_params))
