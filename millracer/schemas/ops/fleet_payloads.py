"""The payloads of the ops actions on a fleet.

A workspace is named by `workspace_ref.workspace_id`, or here.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import AwareDatetime, Field

from millracer.domain.fleet.items import DEFAULT_PRIORITY, FIRST_PRIORITY, LAST_PRIORITY
from millracer.domain.operations.fleet_requests import ScheduleAction
from millracer.schemas.base import OptionalText, TargetName, Text, also_named, offer_names
from millracer.schemas.lenient import NAMES_TARGET
from millracer.schemas.ops.payloads import EnqueuePayload, Payload

_ITEM_NAMES = ("item_id", "id")
_Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class FleetSubmitPayload(EnqueuePayload):
    """A task for the fleet, and when to start it.

    Attributes:
        workspace_id: the workspace that does it, where `workspace_ref` does not name it.
        label: the first free workspace with this label does it, instead of a named one.
        priority: smaller starts earlier.
        not_before: the earliest start, with a time zone.
        wait: answer when the item has ended; the result has the status of its `enqueue` then.
        wait_seconds: the longest wait.
    """

    workspace_id: TargetName = None
    label: TargetName = None
    priority: Annotated[int, Field(ge=FIRST_PRIORITY, le=LAST_PRIORITY), NAMES_TARGET] = (
        DEFAULT_PRIORITY
    )
    not_before: Annotated[AwareDatetime | None, Field(strict=False), NAMES_TARGET] = None
    wait: bool = False
    wait_seconds: _Seconds | None = None


class FleetListPayload(Payload):
    """Which items of the fleet to list.

    Attributes:
        workspace_id: only items of this workspace.
        host: only items of this host.
        state: only items in this state.
        all_items: also items that have ended.
        newest_first: the newest submissions first, instead of running ones first.
        limit: the longest list; the first items in its order are kept.
    """

    workspace_id: OptionalText = None
    host: OptionalText = None
    state: OptionalText = None
    all_items: bool = False
    newest_first: bool = False
    limit: Annotated[int, Field(ge=1)] = 1000


class FleetItemPayload(Payload):
    """One item of the fleet.

    Attributes:
        work_item_id: its id, or a unique beginning of it.
    """

    model_config = offer_names("work_item_id", *_ITEM_NAMES)

    work_item_id: Annotated[Text, also_named("work_item_id", *_ITEM_NAMES)]


class FleetShowPayload(FleetItemPayload):
    """The item of the fleet to show.

    Attributes:
        wait: answer when the item has ended.
        wait_seconds: the longest wait.
    """

    wait: bool = False
    wait_seconds: _Seconds | None = None


class FleetWaitPayload(Payload):
    """The items of the fleet whose ends to wait for.

    Attributes:
        work_item_ids: their ids, or unique beginnings of them.
        wait_seconds: the longest wait.
    """

    work_item_ids: Annotated[tuple[Text, ...], Field(min_length=1)]
    wait_seconds: _Seconds | None = None


class FleetCancelPayload(FleetItemPayload):
    """The item of the fleet to cancel.

    Attributes:
        reason: kept with the item.
        wait_seconds: how long to wait until the host of a running item has cancelled it.
    """

    reason: OptionalText = None
    wait_seconds: _Seconds = 30.0


class FleetRetryPayload(FleetItemPayload):
    """The item of the fleet to dispatch again, which was set aside."""


class FleetHostsPayload(Payload):
    """All hosts of the fleet."""


class FleetDrainPayload(Payload):
    """The host of the fleet to drain.

    Attributes:
        host: its name.
        undo: let it start items again.
        note: the reason, shown with the host.
        wait: answer when nothing runs there.
        wait_seconds: the longest wait.
    """

    host: Text
    undo: bool = False
    note: OptionalText = None
    wait: bool = True
    wait_seconds: _Seconds | None = None


class FleetWorkspacesPayload(Payload):
    """All workspaces of the fleet."""


class FleetForgetPayload(Payload):
    """The workspace to remove from the fleet.

    Attributes:
        workspace_id: its id in the fleet, where `workspace_ref` does not name it.
        lost: its checkout is lost; the next one that registers the id takes its open items.
    """

    workspace_id: TargetName = None
    lost: bool = False


class FleetPausePayload(Payload):
    """The workspace of the fleet to pause.

    Attributes:
        workspace_id: its id in the fleet, where `workspace_ref` does not name it.
        note: the reason, shown with the waiting items.
        for_seconds: the pause ends by itself after this time.
    """

    workspace_id: TargetName = None
    note: OptionalText = None
    for_seconds: Annotated[_Seconds | None, NAMES_TARGET] = None


class FleetResumePayload(Payload):
    """The workspace of the fleet whose pause to end.

    Attributes:
        workspace_id: its id in the fleet, where `workspace_ref` does not name it.
    """

    workspace_id: TargetName = None


class FleetSchedulesPayload(EnqueuePayload):
    """What to do with the schedules of the fleet; without a command they are listed.

    Attributes:
        command: `list`, `add`, `pause`, `resume`, `run` or `remove`.
        name: the schedule.
        workspace_id: of a new schedule, where `workspace_ref` does not name it.
        cron: of a new schedule: five fields, or six with seconds.
        timezone: of a new schedule: an IANA name.
    """

    command: Annotated[ScheduleAction, Field(strict=False), NAMES_TARGET] = ScheduleAction.LIST
    name: TargetName = None
    workspace_id: TargetName = None
    cron: TargetName = None
    timezone: TargetName = "UTC"


class FleetPrunePayload(Payload):
    """Which items of the fleet to delete.

    Attributes:
        older_than_seconds: only items that ended longer ago.
    """

    older_than_seconds: _Seconds
