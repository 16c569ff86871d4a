"""The requests of the operations on a fleet, as their handlers read them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from millracer.domain.fleet.items import DEFAULT_PRIORITY
from millracer.domain.requests import ScopedWork
from millracer.errors import RunWarning


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetTask:
    """A task for a fleet, before it is an ops request.

    Attributes:
        text: the text of the task, exactly as given.
        request_id: identifies the work together with the body, unless a key or a scope does.
        idempotency_key: identifies the work in the whole fleet; None without one.
        scope: the caller's one selected entry of an outside queue.
        context_refs: the caller's references.
        options: run options by name, as JSON values; the host's own sources give the others.
        expected_evidence: names that the proof must carry.
        warnings: problems of the caller's input that did not stop it.
    """

    text: str
    request_id: str
    idempotency_key: str | None = None
    scope: ScopedWork | None = None
    context_refs: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    expected_evidence: tuple[str, ...] = ()
    warnings: tuple[RunWarning, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetSubmitRequest:
    """Store a task in the queue of a fleet.

    Attributes:
        task: the task.
        workspace_id: the workspace that does it; None if `label` selects one.
        label: the first free workspace with this label does it.
        priority: smaller starts earlier.
        not_before: the earliest start; None: at once.
        wait: return only when the item has ended.
        wait_seconds: the longest wait; None: no limit.
    """

    task: FleetTask
    workspace_id: str | None = None
    label: str | None = None
    priority: int = DEFAULT_PRIORITY
    not_before: datetime | None = None
    wait: bool = False
    wait_seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetListRequest:
    """List the items of a fleet.

    Attributes:
        workspace_id: only items of this workspace.
        host: only items of this host.
        state: only items in this state.
        all_items: also items that have ended.
        newest_first: the newest submissions first, instead of running ones first.
        limit: the longest list; the first items in its order are kept.
    """

    workspace_id: str | None = None
    host: str | None = None
    state: str | None = None
    all_items: bool = False
    newest_first: bool = False
    limit: int = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetShowRequest:
    """Show everything about one item of a fleet.

    Attributes:
        work_item_id: the item's id, or a unique beginning of it.
        wait: return only when the item has ended.
        wait_seconds: the longest wait; None: no limit.
    """

    work_item_id: str
    wait: bool = False
    wait_seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetWaitRequest:
    """Wait until items of a fleet have ended.

    Attributes:
        work_item_ids: each as for `FleetShowRequest`.
        wait_seconds: the longest wait; None: no limit.
    """

    work_item_ids: tuple[str, ...]
    wait_seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetCancelRequest:
    """Cancel an item of a fleet.

    Attributes:
        work_item_id: as for `FleetShowRequest`.
        reason: kept with the item; None: a default.
        wait_seconds: how long to wait until a running item has ended.
    """

    work_item_id: str
    reason: str | None = None
    wait_seconds: float = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetRetryRequest:
    """Dispatch an item again that was set aside.

    Attributes:
        work_item_id: as for `FleetShowRequest`.
    """

    work_item_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetHostsRequest:
    """List the hosts of a fleet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetDrainRequest:
    """Let a host start nothing new, or end that.

    Attributes:
        host: its name.
        undo: let it start items again.
        note: the reason, shown with the host.
        wait: return only when nothing runs there.
        wait_seconds: the longest wait; None: no limit.
    """

    host: str
    undo: bool = False
    note: str | None = None
    wait: bool = True
    wait_seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetWorkspacesRequest:
    """List the workspaces of a fleet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetForgetRequest:
    """Remove a workspace without open items from a fleet.

    Attributes:
        workspace_id: its id in the fleet.
        lost: its checkout is lost; the next one that registers the id takes its open items.
    """

    workspace_id: str
    lost: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetPauseRequest:
    """Start no item in a workspace of a fleet.

    Attributes:
        workspace_id: its id in the fleet.
        note: the reason, shown with the waiting items.
        for_seconds: the pause ends by itself after this time; None: it has no end.
    """

    workspace_id: str
    note: str | None = None
    for_seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetResumeRequest:
    """End the pause of a workspace of a fleet.

    Attributes:
        workspace_id: its id in the fleet.
    """

    workspace_id: str


class ScheduleAction(StrEnum):
    """What to do with the schedules of a fleet."""

    LIST = "list"
    ADD = "add"
    PAUSE = "pause"
    RESUME = "resume"
    RUN = "run"  #: submit its task now
    REMOVE = "remove"


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetSchedulesRequest:
    """List or change the schedules of a fleet.

    Attributes:
        command: a `ScheduleAction`.
        name: the schedule; None for a list.
        workspace_id: of a new schedule.
        cron: of a new schedule: five fields, or six with seconds.
        timezone: of a new schedule: an IANA name.
        task: of a new schedule.
    """

    command: str = ScheduleAction.LIST
    name: str | None = None
    workspace_id: str | None = None
    cron: str | None = None
    timezone: str = "UTC"
    task: FleetTask | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetPruneRequest:
    """Delete old items of a fleet that have ended.

    Attributes:
        older_than_seconds: only items that ended longer ago.
    """

    older_than_seconds: float
