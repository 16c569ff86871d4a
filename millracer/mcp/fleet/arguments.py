"""The arguments of the tools on a fleet. Their descriptions are read by a model."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from millracer.mcp.arguments import (
    MOST_SECONDS,
    Arguments,
    DelegateArguments,
    Filled,
    ItemId,
    Reason,
    WaitSeconds,
)

_Workspace = Annotated[
    Filled | None,
    Field(
        description="The id of the workspace in the fleet; `status` lists them. Leave it out to "
        "use the server's own one."
    ),
]
_Filter = Annotated[
    Filled | None,
    Field(
        description="List only items of this workspace of the fleet. Leave it out for the server's "
        "own workspace, or for all workspaces if it has none."
    ),
]


class FleetDelegateArguments(DelegateArguments):
    """The arguments of `delegate`."""

    workspace: _Workspace = None


class FleetWorkspaceArguments(Arguments):
    """The arguments of a tool about one workspace."""

    workspace: _Workspace = None


class FleetListArguments(Arguments):
    """The arguments of `list_items`."""

    workspace: _Filter = None


class FleetStatusArguments(Arguments):
    """The arguments of `status`."""

    workspace: _Filter = None
    work_item_id: Annotated[
        Filled | None,
        Field(description="One work item. Leave it out for the state of the whole fleet."),
    ] = None


class FleetItemArguments(Arguments):
    """The arguments of a tool about one work item."""

    work_item_id: ItemId


class FleetWaitArguments(FleetItemArguments):
    """The arguments of `wait`."""

    seconds: Annotated[WaitSeconds, Field(description="How long to wait at most.")] = MOST_SECONDS


class FleetCancelArguments(FleetItemArguments):
    """The arguments of `cancel`."""

    reason: Reason = None
