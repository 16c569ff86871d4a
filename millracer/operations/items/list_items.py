"""List the items of one workspace, or of every registered one. Changes nothing."""

from __future__ import annotations

from dataclasses import dataclass

from millracer.cancellation import Wait
from millracer.domain.operations.requests import ListRequest
from millracer.domain.work.items import ItemState, ListedItem
from millracer.errors import ExitCode, InvalidRequest, MillracerError, RunWarning
from millracer.operations.answer import Answer
from millracer.operations.context import OperationContext
from millracer.schemas.items.listing import ListResult, describe_list


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedItem:
    """An item and its workspace; `workspace_id` is None for an unregistered one."""

    item: ListedItem
    workspace: str
    workspace_id: str | None


def answer_list(request: ListRequest, context: OperationContext) -> Answer[ListResult]:
    """List the items of the caller's workspace, the last written first.

    Raises:
        InvalidRequest: a state is unknown.
        WorkspaceUnusable: the caller's workspace cannot be used.
    """
    states = _states(request)
    place = context.find_workspace()
    places = {place.root_path: place.resolution.workspace_id}
    if request.all_workspaces:
        registered = context.memory.store.list_workspaces()
        places |= {each.root_path: each.workspace_id for each in registered}
    warnings = [*place.warnings, *context.memory.warnings]
    found: list[PlacedItem] = []
    for root_path, workspace_id in places.items():
        Wait(context.cancellation).cancellation.raise_if_cancelled()
        try:
            items = context.open_millrace(root_path).list_items()
        except MillracerError as error:
            if root_path == place.root_path:
                raise
            text = f"the items of {workspace_id} are not listed: {error.message}"
            warnings.append(RunWarning("workspace_not_listed", text))
            continue
        found += [
            PlacedItem(item=each, workspace=root_path, workspace_id=workspace_id)
            for each in items
            if not states or each.state in states
        ]
    found.sort(key=lambda each: each.item.written_at, reverse=True)
    return Answer(
        result=describe_list(place.root_path, found, warnings), exit_code=ExitCode.COMPLETED
    )


def _states(request: ListRequest) -> frozenset[ItemState]:
    known = {state.value for state in ItemState}
    unknown = [state for state in request.states if state not in known]
    if unknown:
        raise InvalidRequest(
            f"there is no state {unknown[0]!r:.100}",
            field="states",
            suggested_action=f"use some of {', '.join(sorted(known))}",
        )
    return frozenset(ItemState(state) for state in request.states)
