"""What signs of a running Millrace mean for our item.

`Signs` are cheap and only wake us (`is_worth_asking`); what ends a watch is always asked of
Millrace first and read by `interpret`. Silence is never a sign: a booting daemon, the gap between
claim and first stage, a recovery stage and a daemon busy with a deep queue all look alike and are
all work.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from millracer.domain.work import (
    IntakeKind,
    ItemState,
    RuntimeEvent,
    RuntimeStatus,
    Standing,
)

#: Written by a daemon that ends because somebody asked it to stop.
STOPPED_EVENT = "runtime_tick_stopped"
_LEADS_TO_MORE_WORK = frozenset({IntakeKind.PROBE, IntakeKind.IDEA})
_ITEM_LEFT_ITS_PLANE = frozenset({"idle", "blocked"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Signs:
    """What the disk and the process table show since the last look; a reason to ask, not proof.

    Attributes:
        daemon_alive: a daemon holds or is taking the lock and its process lives.
        daemon_ours: that daemon is ours to stop.
        item_hint: where the item's folders show it, None when they show it nowhere.
        item_moved: that place is another than at the last look.
        events: lines the event log gained, in order.
        state_changed: the runtime's state files changed (snapshot, lock, mailbox).
        safety_due: the safety interval is over: ask although nothing moved.
    """

    daemon_alive: bool
    daemon_ours: bool = False
    item_hint: ItemState | None = None
    item_moved: bool = False
    events: tuple[RuntimeEvent, ...] = ()
    state_changed: bool = False
    safety_due: bool = False

    @property
    def stop_seen(self) -> bool:
        """Whether a daemon wrote that it ended on request."""
        return any(event.event_type == STOPPED_EVENT for event in self.events)


class Observation(StrEnum):
    """What Millrace's answers mean for our watch."""

    WORKING = "working"
    PAUSED = "paused"
    ENDED = "ended"
    BLOCKED = "blocked"
    SET_ASIDE = "set_aside"
    UNKNOWN = "unknown"  #: Millrace does not know the item (any more)
    STOPPED = "stopped"  #: the daemon ended because somebody asked it to
    DAEMON_LOST = "daemon_lost"


def is_worth_asking(signs: Signs, item_ids: frozenset[str]) -> bool:
    """Whether these signs may mean that the item's place or the daemon changed."""
    return (
        signs.safety_due
        or signs.item_moved
        or not signs.daemon_alive
        or any(
            event.item_id in item_ids and event.action in _ITEM_LEFT_ITS_PLANE
            for event in signs.events
        )
    )


def is_worth_asking_status(signs: Signs) -> bool:
    """Whether these signs may mean a pause or a stop request, which write no event."""
    return signs.safety_due or not signs.daemon_alive or (signs.state_changed and not signs.events)


def interpret_standing(standing: Standing) -> Observation | None:
    """Say what the item's place alone decides, or None where the runtime's status is needed too.

    Only a task ends with its own item; a probe or an idea leads to more work.
    """
    state = standing.state
    if state is ItemState.BLOCKED:
        return Observation.BLOCKED
    if state.is_set_aside:
        return Observation.SET_ASIDE
    if state is ItemState.DONE and standing.kind not in _LEADS_TO_MORE_WORK:
        return Observation.ENDED
    if state is ItemState.ABSENT:
        return Observation.UNKNOWN
    return None


def interpret(
    standing: Standing, status: RuntimeStatus, *, daemon_alive: bool, stop_seen: bool
) -> Observation:
    """Say what Millrace's answers mean for our watch."""
    decided = interpret_standing(standing)
    if decided is not None:
        return decided
    if standing.state is ItemState.DONE and is_drained(status):
        return Observation.ENDED
    if not daemon_alive:
        stopped = stop_seen or status.stop_requested
        return Observation.STOPPED if stopped else Observation.DAEMON_LOST
    return Observation.PAUSED if status.paused else Observation.WORKING


def is_drained(status: RuntimeStatus) -> bool:
    """Whether nothing is queued and nothing runs; says nothing about any item."""
    return status.queued == 0 and status.active_run_count == 0
