"""Derive the state of an item, and why it has not started, from the facts of the database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from millracer.domain.fleet.hosts import AWAY_AFTER_SECONDS
from millracer.domain.fleet.items import FleetItemState, WaitReason

_AWAY_AFTER: Final = timedelta(seconds=AWAY_AFTER_SECONDS)


class DispatchStatus(StrEnum):
    """The engine's status of a dispatch, in its own words."""

    ENQUEUED = "ENQUEUED"
    DELAYED = "DELAYED"
    PENDING = "PENDING"
    SUCCESS = "SUCCESS"
    ERROR = "ERROR"
    CANCELLED = "CANCELLED"
    SET_ASIDE = "MAX_RECOVERY_ATTEMPTS_EXCEEDED"


_STATES: Final[Mapping[str, FleetItemState]] = {
    DispatchStatus.ENQUEUED: FleetItemState.QUEUED,
    DispatchStatus.DELAYED: FleetItemState.QUEUED,
    DispatchStatus.PENDING: FleetItemState.RUNNING,
    DispatchStatus.SET_ASIDE: FleetItemState.SET_ASIDE,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitFacts:
    """What the database knows of an item at one moment; times are its own.

    Attributes:
        now: the database's clock.
        ended: the item has ended.
        bound: a workspace is bound.
        label: the label that the submission named.
        dispatch_status: the engine's status; None: the engine has no row.
        lease_is_live: the item holds the lease of its workspace, under the session that the host
            has now.
        not_before: the earliest start.
        paused: the workspace is paused now.
        pause_note: the note of the pause.
        occupied_by: another item that the host runs in the workspace.
        ahead: the item that the host takes next in the workspace, if it is another one.
        host_seen_at: the last heartbeat of the host; None: there was none.
        host_has_session: a worker holds the host's name.
        draining: the host starts nothing new.
        drain_note: the note of that.
        slots: how many items the host runs at once.
        in_use: how many it runs.
        limit: how many items the host may start in a period; None: any number.
        started: how many it started in the present period.
    """

    now: datetime
    ended: bool = False
    bound: bool = True
    label: str | None = None
    dispatch_status: str | None = DispatchStatus.ENQUEUED
    lease_is_live: bool = False
    not_before: datetime | None = None
    paused: bool = False
    pause_note: str = ""
    occupied_by: str | None = None
    ahead: str | None = None
    host_seen_at: datetime | None = None
    host_has_session: bool = True
    draining: bool = False
    drain_note: str = ""
    slots: int = 1
    in_use: int = 0
    limit: int | None = None
    started: int = 0

    @property
    def host_is_away(self) -> bool:
        """Whether the host's last heartbeat is too old, or no worker holds its name."""
        return (
            self.host_seen_at is None
            or not self.host_has_session
            or self.host_seen_at < self.now - _AWAY_AFTER
        )


def derive_state(facts: WaitFacts) -> FleetItemState:
    """Return the state of an item."""
    if facts.ended:
        return FleetItemState.ENDED
    if not facts.bound:
        return FleetItemState.QUEUED
    # The engine's cancel does not end a run.
    if facts.dispatch_status == DispatchStatus.CANCELLED and facts.lease_is_live:
        return FleetItemState.RUNNING
    return _STATES.get(facts.dispatch_status or "", FleetItemState.RELEASED)


def explain_wait(facts: WaitFacts) -> tuple[WaitReason, str]:
    """Return why a queued item has not started, and what the reason names.

    If several reasons apply, it is the first of this order: the earliest start, what a person ends,
    then what the host ends by itself.
    """
    later = facts.not_before is not None and facts.not_before > facts.now
    occupied = facts.occupied_by or facts.ahead
    reasons = (
        (later, WaitReason.NOT_BEFORE, ""),
        (not facts.bound, WaitReason.NO_FREE_WORKSPACE, facts.label or ""),
        (facts.host_seen_at is None, WaitReason.HOST_NEVER_SEEN, ""),
        (facts.host_is_away, WaitReason.HOST_AWAY, ""),
        (facts.paused, WaitReason.WORKSPACE_PAUSED, facts.pause_note),
        (facts.draining, WaitReason.HOST_DRAINS, facts.drain_note),
        (occupied is not None, WaitReason.WORKSPACE_BUSY, occupied or ""),
        (facts.in_use >= facts.slots, WaitReason.HOST_FULL, ""),
        (facts.limit is not None and facts.started >= facts.limit, WaitReason.HOST_LIMITED, ""),
    )
    found = ((reason, subject) for applies, reason, subject in reasons if applies)
    return next(found, (WaitReason.NEXT, ""))
