"""The fleet on the server: what its page shows, and the bodies and queries of its requests."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from millracer.domain.fleet.items import FleetItemState
from millracer.schemas.base import Published
from millracer.schemas.fleet.hosts import FleetHostDocument
from millracer.schemas.fleet.report import FleetItemDocument
from millracer.schemas.fleet.workspaces import FleetWorkspaceDocument
from millracer.schemas.serve.requests import Filled, HttpBody, HttpInput

#: The most items of one answer, and the number without a limit in the request.
MOST_FLEET_ITEMS = 1000
_ITEMS = 200
_Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class FleetOverview(Published):
    """The fleet at a glance.

    Attributes:
        schema_version: the format of this document.
        hosts: the hosts, by name.
        workspaces: the workspaces, by id.
        items: the first items that have not ended: running ones, then by priority and submission.
        total: how many have not ended; more than `items` has if it is cut.
        ended: the items that ended last, the newest first.
    """

    schema_version: Literal["millracer.fleet.overview.v1"] = "millracer.fleet.overview.v1"
    hosts: list[FleetHostDocument]
    workspaces: list[FleetWorkspaceDocument]
    items: list[FleetItemDocument]
    total: int
    ended: list[FleetItemDocument]


class FleetItemsQuery(HttpInput):
    """Which items of the fleet to list.

    Attributes:
        workspace_id: only items of this workspace.
        host: only items of this host.
        state: only items in this state.
        all_items: also items that have ended.
        newest_first: the newest submissions first, instead of running ones first.
        limit: the most items; the first ones of the list are kept.
    """

    workspace_id: str | None = None
    host: str | None = None
    state: FleetItemState | None = None
    all_items: bool = False
    newest_first: bool = False
    limit: int = Field(default=_ITEMS, ge=1, le=MOST_FLEET_ITEMS)


class FleetCancelBody(HttpBody):
    """How to cancel an item of the fleet.

    Attributes:
        reason: null: a default reason.
        wait_seconds: how long to wait until the host of a running item has cancelled it.
    """

    reason: Filled | None = None
    wait_seconds: Annotated[_Seconds, Field(le=60)] = 5.0


class FleetDrainBody(HttpBody):
    """How to drain a host of the fleet; the answer does not wait for its running items.

    Attributes:
        undo: let it start items again.
        note: the reason, shown with the host.
    """

    undo: bool = False
    note: Filled | None = None


class FleetPauseBody(HttpBody):
    """How to pause a workspace of the fleet.

    Attributes:
        note: the reason, shown with the waiting items.
        for_seconds: the pause ends by itself after this time.
    """

    note: Filled | None = None
    for_seconds: _Seconds | None = None
