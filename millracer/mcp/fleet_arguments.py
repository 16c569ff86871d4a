"""The arguments of the tools on a fleet. Their descriptions are read by a model."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from millracer.mcp.arguments import (
    Arguments,
    DelegateArguments,
    ReasonArguments,
    StatusArguments,
    WaitArguments,
)

_Workspace = Annotated[
    str | None,
    Field(
        min_length=1,
        pattern=r"\S",
        description="The id of the workspace in the fleet; `status` lists them. Leave it out to "
        "use the server's own one.",
    ),
]


class FleetArguments(Arguments):
    """The arguments of a tool without others."""

    workspace: _Workspace = None


class FleetDelegateArguments(DelegateArguments):
    """The arguments of `delegate`."""

    workspace: _Workspace = None


class FleetItemArguments(ReasonArguments):
    """The arguments of a tool about one work item, with a reason for `cancel`."""

    workspace: _Workspace = None


class FleetWaitArguments(WaitArguments):
    """The arguments of `wait`."""

    workspace: _Workspace = None


class FleetStatusArguments(StatusArguments):
    """The arguments of `status`."""

    workspace: _Workspace = None
