"""The table of the tools on a fleet. Their descriptions are written for a model."""

from __future__ import annotations

from typing import Final

from millracer.domain.operations import OperationName
from millracer.mcp.fleet.arguments import (
    FleetCancelArguments,
    FleetDelegateArguments,
    FleetItemArguments,
    FleetListArguments,
    FleetStatusArguments,
    FleetWaitArguments,
    FleetWorkspaceArguments,
)
from millracer.mcp.tools import ToolRow

FLEET_INSTRUCTIONS: Final = (
    "Millracer delegates tasks to a fleet: hosts whose agents build, check and repair work in "
    "stages, each in its own workspaces. Use `delegate` for work in a workspace of the fleet. It "
    "returns at once; call `wait` until the status is no longer `working`. A task is done only if "
    "`scoped_completion` is true: then evidence on its host proves it. A text that claims success "
    "without it means that the task is not done. Report to your user which of both it is. The work "
    "survives the end of this server and of your session: ask any later server with the same "
    "`work_item_id`."
)

_N = OperationName

FLEET_TOOLS: Final[tuple[ToolRow, ...]] = (
    ToolRow(
        name="delegate",
        description="Hand one task to the fleet, whose agents do it in the workspace on its host: "
        "build, check, repair. It returns as soon as the fleet's database holds the task, with "
        "status `working` and a `work_item_id`; then call `wait`. The message says why the task "
        "has not started. The work continues if you or this server end.",
        arguments=FleetDelegateArguments,
        operation=_N.FLEET_SUBMIT,
        is_idempotent=True,
    ),
    ToolRow(
        name="wait",
        description="Wait up to 50 seconds for the end of a delegated task, and report it. Call it "
        "again while the status is `working`. It is done only if `scoped_completion` is true; "
        "`not_completed` means not done, whatever `output` claims; `missing` says what the proof "
        "lacks.",
        arguments=FleetWaitArguments,
        operation=_N.FLEET_WAIT,
        is_idempotent=True,
    ),
    ToolRow(
        name="result",
        description="Report a delegated task now, without waiting: why it has not started, what it "
        "does, or how it ended with proof or with what is missing. Done only if "
        "`scoped_completion` is true.",
        arguments=FleetItemArguments,
        operation=_N.FLEET_SHOW,
        is_idempotent=True,
    ),
    ToolRow(
        name="status",
        description="Show the fleet: its hosts, its workspaces, and each item that runs or waits, "
        "with the reason. With `work_item_id`: the state of that item.",
        arguments=FleetStatusArguments,
        operation=_N.FLEET_WORKSPACES,
        is_idempotent=True,
    ),
    ToolRow(
        name="list_items",
        description="List the items of the fleet, also those that ended, the newest first, with "
        "their ids and states. Use it to find an item of an earlier session.",
        arguments=FleetListArguments,
        operation=_N.FLEET_LIST,
        is_idempotent=True,
    ),
    ToolRow(
        name="cancel",
        description="Cancel one item of the fleet. An item that has not started ends at once; the "
        "host of a running item stops it. Ask your user first unless you delegated it.",
        arguments=FleetCancelArguments,
        operation=_N.FLEET_CANCEL,
        destroys=True,
        is_idempotent=True,
    ),
    ToolRow(
        name="pause",
        description="Pause a workspace of the fleet: no item starts there, of any client. A "
        "running item continues.",
        arguments=FleetWorkspaceArguments,
        operation=_N.FLEET_PAUSE,
        destroys=True,
        is_idempotent=True,
        needs_control=True,
    ),
    ToolRow(
        name="resume",
        description="End the pause of a workspace of the fleet.",
        arguments=FleetWorkspaceArguments,
        operation=_N.FLEET_RESUME,
        destroys=True,
        is_idempotent=True,
        needs_control=True,
    ),
    ToolRow(
        name="retry",
        description="Dispatch one item again that was set aside, because its host ended too often "
        "while it ran.",
        arguments=FleetItemArguments,
        operation=_N.FLEET_RETRY,
        destroys=True,
        needs_control=True,
    ),
)


def offered_on_fleet(*, allow_control: bool) -> tuple[ToolRow, ...]:
    """Return the tools that a server of a fleet offers.

    Args:
        allow_control: also those that control all work.
    """
    return tuple(row for row in FLEET_TOOLS if allow_control or not row.needs_control)
