"""Items of the fleet: what a client submits, and what the database reports about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

#: The priority of a submission that names none; a smaller number starts earlier.
FIRST_PRIORITY: Final = 1
LAST_PRIORITY: Final = 2**31 - 1
DEFAULT_PRIORITY: Final = 100


class SubmitVerdict(StrEnum):
    """The answer to a submission."""

    NEW = "new"  #: stored and dispatched
    KNOWN = "known"  #: the same key, request and target exist already
    CONFLICT = "conflict"  #: the key exists with another request or target
    WORKSPACE_UNKNOWN = "workspace_unknown"
    LABEL_UNKNOWN = "label_unknown"  #: no workspace has the label


class CancelVerdict(StrEnum):
    """The answer to a request to cancel an item."""

    CANCELLED = "cancelled"  #: it had not started and has ended
    REQUESTED = "requested"  #: its host cancels it as soon as it can
    ENDED = "ended"  #: it had ended before
    UNKNOWN = "unknown"


class FleetItemState(StrEnum):
    """The state of an item in the fleet."""

    QUEUED = "queued"
    RUNNING = "running"
    SET_ASIDE = "set_aside"  #: its host ended too often while it ran; only a retry starts it
    RELEASED = "released"  #: the engine ended the dispatch; the host dispatches the item again
    ENDED = "ended"


class WaitReason(StrEnum):
    """Why an item has not started."""

    NO_FREE_WORKSPACE = "no_free_workspace"  #: no free workspace has the requested label
    NOT_BEFORE = "not_before"
    WORKSPACE_PAUSED = "workspace_paused"
    WORKSPACE_BUSY = "workspace_busy"
    HOST_NEVER_SEEN = "host_never_seen"
    HOST_AWAY = "host_away"
    HOST_DRAINS = "host_drains"
    HOST_FULL = "host_full"  #: all slots of the host are in use
    HOST_LIMITED = "host_limited"  #: the rate limit of the host is reached
    NEXT = "next"  #: it starts at the host's next poll


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetSubmission:
    """A request for the fleet's queue.

    Attributes:
        item_id: the work item's id, as Millrace will have it (`work_item_for`).
        workspace_id: the target; None if `label` selects it.
        label: the first free workspace with this label runs the item.
        request_hash: the hash of the request's body.
        request: the ops request that the host performs.
        priority: smaller starts earlier.
        not_before: the earliest start; None: at once.
    """

    item_id: str
    request_hash: str
    request: Mapping[str, Any]
    workspace_id: str | None = None
    label: str | None = None
    priority: int = DEFAULT_PRIORITY
    not_before: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Submitted:
    """The answer to a submission, with the item as it is now (None unless new or known)."""

    verdict: SubmitVerdict
    item: FleetItem | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemProgress:
    """The last progress row that the item's host wrote.

    Attributes:
        stage: the running stage; empty before the first.
        message: one line for a person.
        sequence: the sequence number of the event in the log on the host.
        at: the database's clock.
    """

    stage: str
    message: str
    sequence: int
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetItem:
    """An item of the fleet with the facts that explain its state. Times are the database's.

    Attributes:
        workspace_id: None while no workspace with the label is bound.
        host: the host of the workspace; None without a workspace.
        label: the label that the submission named.
        state: derived from the item and its dispatch.
        reason: why it has not started; None unless it is queued.
        reason_subject: what the reason names: the item that occupies the workspace, or a note.
        dispatch: the number of its row in the engine.
        attempts: how often a host took it.
        epoch: the workspace's lease under which it was last taken; None before the first.
        cancel_requested_at: None without a request to cancel it.
        outcome: the run's outcome; None until it ended.
        completed: whether the completion gate said completed; None until it ended.
        host_seen_at: the last heartbeat of the host; None if there was none.
        host_away: the host has no recent heartbeat; a running item is then interrupted, or runs
            where the database cannot see it.
    """

    item_id: str
    workspace_id: str | None
    host: str | None
    state: FleetItemState
    priority: int
    submitted_by: str
    submitted_at: datetime
    dispatch: int
    attempts: int
    label: str | None = None
    reason: WaitReason | None = None
    reason_subject: str = ""
    not_before: datetime | None = None
    epoch: int | None = None
    claimed_at: datetime | None = None
    cancel_requested_at: datetime | None = None
    progress: ItemProgress | None = None
    ended_at: datetime | None = None
    outcome: str | None = None
    completed: bool | None = None
    host_seen_at: datetime | None = None
    host_away: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetItems:
    """A list of items, which a limit may have cut.

    Attributes:
        items: the first of the items that match the filter.
        total: how many match it.
    """

    items: Sequence[FleetItem]
    total: int


def list_order(item: FleetItem) -> tuple[int, int, float, str]:
    """Return the key that sorts a list.

    Running items come first, then waiting ones by priority and submission, then ended ones, the
    last end first.
    """
    if item.ended_at is not None:
        return 2, 0, -item.ended_at.timestamp(), item.item_id
    rank = 0 if item.state is FleetItemState.RUNNING else 1
    return rank, item.priority, item.submitted_at.timestamp(), item.item_id


def newest_order(item: FleetItem) -> tuple[float, str]:
    """Return the key that sorts a list by submission, the newest first."""
    return -item.submitted_at.timestamp(), item.item_id


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedResult:
    """A result that the fence refused and the database keeps."""

    at: datetime
    item_id: str
    epoch: int
    session: str
    why: str
    result: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetItemDetail:
    """Everything that the database has about one item.

    Attributes:
        item: its state.
        request: the stored request.
        result: the ops result document that was accepted; None until it ended.
        refused: the refused results, oldest first.
    """

    item: FleetItem
    request: Mapping[str, Any]
    result: Mapping[str, Any] | None
    refused: Sequence[RefusedResult] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemFilter:
    """Which items a list has.

    Attributes:
        open_only: leave out ended items.
        newest_first: sort by submission, instead of by `list_order`.
        limit: the longest list; the first items in its order are kept.
    """

    workspace_id: str | None = None
    host: str | None = None
    state: FleetItemState | None = None
    open_only: bool = True
    newest_first: bool = False
    limit: int = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetSchedule:
    """A task that is submitted at times.

    Attributes:
        name: unique in the fleet.
        cron: five fields, or six with seconds.
        timezone: an IANA name.
        request: the ops request; the key of each submission is `NAME@TIME`.
    """

    name: str
    workspace_id: str
    cron: str
    request: Mapping[str, Any] = field(default_factory=dict)
    timezone: str = "UTC"
    paused: bool = False
    last_at: datetime | None = None
