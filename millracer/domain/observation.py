"""What signs of a running Millrace mean for our item.

`Signs` are cheap and only wake us (`is_worth_asking`); what ends a watch is always asked of
Millrace first and read by the `interpret` functions. Silence is never a sign: a booting daemon,
the gap between claim and first stage, a recovery stage and a daemon busy with a deep queue all
look alike and are all work.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from millracer.domain.completion import SPEC, judge
from millracer.domain.evidence import Evidence
from millracer.domain.lineage import lineage_of
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
        stopped_on_purpose: the daemon that is gone was stopped by a command of ours.
        may_stand_still: the runtime is paused or asked to stop, or does not say that it is not.
    """

    daemon_alive: bool
    daemon_ours: bool = False
    item_hint: ItemState | None = None
    item_moved: bool = False
    events: tuple[RuntimeEvent, ...] = ()
    state_changed: bool = False
    safety_due: bool = False
    may_stand_still: bool = False
    stopped_on_purpose: bool = False

    @property
    def stop_seen(self) -> bool:
        """Whether a daemon wrote that it ended on request, or was ended on purpose."""
        return self.stopped_on_purpose or any(
            event.event_type == STOPPED_EVENT for event in self.events
        )


class Observation(StrEnum):
    """What Millrace's answers mean for our watch."""

    WORKING = "working"
    PAUSED = "paused"
    ENDED = "ended"
    BLOCKED = "blocked"
    SET_ASIDE = "set_aside"
    UNKNOWN = "unknown"  #: Millrace does not know the item (any more)
    AT_REST = "at_rest"  #: nothing of the lineage goes on, without proof of completion
    STOPPED = "stopped"  #: the daemon ended because somebody asked it to
    DAEMON_LOST = "daemon_lost"


def is_news(signs: Signs) -> bool:
    """Whether anything at all was seen; enough to read files, too little to ask a program."""
    return bool(
        signs.safety_due
        or signs.item_moved
        or signs.state_changed
        or signs.events
        or not signs.daemon_alive
    )


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


def leads_to_more_work(standing: Standing) -> bool:
    """Whether the item's own end is not the end of what was asked for."""
    return standing.kind in _LEADS_TO_MORE_WORK or standing.work_kind == SPEC


def interpret_standing(standing: Standing) -> Observation | None:
    """Say what the item's own place decides, or None where more has to be known."""
    state = standing.state
    if state is ItemState.BLOCKED:
        return Observation.BLOCKED
    if state.is_set_aside:
        return Observation.SET_ASIDE
    if state is ItemState.DONE and not leads_to_more_work(standing):
        return Observation.ENDED
    if state is ItemState.ABSENT:
        return Observation.UNKNOWN
    return None


def interpret_lineage(traced: Evidence) -> Observation | None:
    """Say what an item's lineage decides, or None while something of it goes on.

    What rests may be about to go on: Millrace makes the next item a moment after it ended the last,
    and opens the Arbiter's run at a later tick. Look again before believing it.
    """
    verdict = judge(traced)
    if verdict.completed:
        return Observation.ENDED
    members = {member.item_id: member.state for member in lineage_of(traced)}
    waits_for_arbiter = any(
        target.open and not target.blocked_by_lineage_work
        for target in traced.closures
        if target.root_spec_id in members
    )
    if waits_for_arbiter or any(state.is_live for state in members.values()):
        return None
    return Observation.BLOCKED if verdict.blocked else Observation.AT_REST


def interpret_runtime(status: RuntimeStatus, *, daemon_alive: bool, stop_seen: bool) -> Observation:
    """Say what the runtime's state means for work that is not over."""
    if not daemon_alive:
        stopped = stop_seen or status.stop_requested
        return Observation.STOPPED if stopped else Observation.DAEMON_LOST
    return Observation.PAUSED if status.paused else Observation.WORKING
