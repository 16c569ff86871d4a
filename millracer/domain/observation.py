"""What signs of a running Millrace mean for our item.

`ChangeHints` are cheap and only wake us (`is_worth_asking`); what ends a watch is always asked of
Millrace first and read by the `interpret` functions. Silence is never a sign: a booting daemon,
the gap between claim and first stage, a recovery stage and a daemon busy with a deep queue all
look alike and are all work.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from millracer.domain.completion import SPEC, judge
from millracer.domain.ending import Ending
from millracer.domain.evidence import Evidence, LineageItem, lineage_of
from millracer.domain.items import ItemState, ItemStatus
from millracer.domain.requests import IntakeKind
from millracer.domain.runtime import RuntimeEvent, RuntimeEventKind, RuntimeStatus

_LEADS_TO_MORE_WORK = frozenset({IntakeKind.PROBE, IntakeKind.IDEA})


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeHints:
    """What the disk and the process table show since the last look; a reason to ask, not proof.

    Attributes:
        daemon_alive: a daemon holds or is taking the lock and its process lives.
        daemon_ours: that daemon is ours to stop.
        item_hint: where the item's folders show it, None when they show it nowhere.
        item_moved: that place is another than at the last look.
        events: lines the event log gained, in order.
        state_changed: the runtime's state files changed (snapshot, lock, mailbox).
        poll_due: the safety interval is over: ask although nothing moved.
        stopped_on_purpose: the daemon that is gone was stopped by a command of ours.
        may_be_paused: the runtime is paused or asked to stop, or does not say that it is not.
    """

    daemon_alive: bool
    daemon_ours: bool = False
    item_hint: ItemState | None = None
    item_moved: bool = False
    events: tuple[RuntimeEvent, ...] = ()
    state_changed: bool = False
    poll_due: bool = False
    may_be_paused: bool = False
    stopped_on_purpose: bool = False

    @property
    def stop_seen(self) -> bool:
        """Whether a daemon wrote that it ended on request, or was ended on purpose."""
        return self.stopped_on_purpose or any(
            event.kind is RuntimeEventKind.DAEMON_STOPPED for event in self.events
        )


def is_news(signs: ChangeHints) -> bool:
    """Whether anything at all was seen; enough to read files, too little to ask a program."""
    return bool(
        signs.poll_due
        or signs.item_moved
        or signs.state_changed
        or signs.events
        or not signs.daemon_alive
    )


def is_worth_asking(signs: ChangeHints, item_ids: frozenset[str]) -> bool:
    """Whether these signs may mean that the item's place or the daemon changed."""
    return (
        signs.poll_due
        or signs.item_moved
        or not signs.daemon_alive
        or any(event.item_id in item_ids and event.item_state is not None for event in signs.events)
    )


def is_worth_asking_status(signs: ChangeHints) -> bool:
    """Whether these signs may mean a pause or a stop request, which write no event."""
    return signs.poll_due or not signs.daemon_alive or (signs.state_changed and not signs.events)


def leads_to_more_work(item_status: ItemStatus) -> bool:
    """Whether the item's own end is not the end of what was asked for."""
    return item_status.kind in _LEADS_TO_MORE_WORK or item_status.work_kind == SPEC


def interpret_item_status(item_status: ItemStatus) -> Ending | None:
    """Say what the item's own place decides, or None where more has to be known."""
    state = item_status.state
    if state is ItemState.BLOCKED:
        return Ending.BLOCKED
    if state.is_set_aside:
        return Ending.SET_ASIDE
    if state is ItemState.DONE and not leads_to_more_work(item_status):
        return Ending.ITEM_ENDED
    if state is ItemState.ABSENT:
        return Ending.UNKNOWN
    return None


def interpret_lineage(traced: Evidence) -> Ending | None:
    """Say what an item's lineage decides, or None while something of it goes on.

    What rests may be about to go on: Millrace makes the next item a moment after it ended the last,
    and opens the Arbiter's run at a later tick. Look again before believing it.
    """
    verdict = judge(traced)
    if verdict.completed:
        return Ending.ITEM_ENDED
    members = {member.item_id: member.state for member in lineage_of(traced)}
    waits_for_arbiter = any(
        target.open and not target.blocked_by_lineage_work
        for target in traced.closures
        if target.root_spec_id in members
    )
    if waits_for_arbiter or any(state.is_live for state in members.values()):
        return None
    return Ending.BLOCKED if verdict.blocked else Ending.AT_REST


def interpret_runtime(
    status: RuntimeStatus, *, daemon_alive: bool, stop_seen: bool, active: bool
) -> Ending | None:
    """Return the ending that the runtime's state means for unfinished work; None: it continues.

    Args:
        status: the runtime's.
        daemon_alive: a daemon works here.
        stop_seen: the daemon was seen to end on request.
        active: the item, or a member of its lineage, was being worked on.
    """
    if daemon_alive:
        return None
    if stop_seen or status.stop_requested:
        return Ending.STOPPED
    return Ending.CRASHED if active else Ending.RESTART_NEEDED


#: How often the same may happen without anything new before it is a loop; Millrace's own limits for
#: fixing and retrying are well below.
REPETITIONS = 8


class RepetitionCount:
    """Counts what happens again while nothing of the lineage gets anywhere new."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, str, str, str]] = Counter()
        self._places: set[tuple[str, ItemState]] = set()

    def note(self, event: RuntimeEvent) -> None:
        """Count one stage's end of our lineage; other events are not counted."""
        if event.ends_stage and event.item_id and event.stage:
            result = event.terminal_result or "no result"
            self._counts[event.item_id, event.stage, result, event.failure_class or ""] += 1

    def note_places(self, item_status: ItemStatus, lineage: tuple[LineageItem, ...]) -> None:
        """Begin anew when the item or a member of its lineage is where it never was before."""
        places = {(item_status.item_id, item_status.state)}
        places.update((member.item_id, member.state) for member in lineage)
        if not places <= self._places:
            self._places |= places
            self._counts.clear()

    def verdict(self) -> str | None:
        """Say what repeats, or None while it may be progress."""
        if max(self._counts.values(), default=0) < REPETITIONS:
            return None
        repeated = [(key, count) for key, count in self._counts.items() if count > REPETITIONS // 2]
        return "no progress: " + ", ".join(
            f"{stage} of {item_id} ended {result}{f' ({failure})' if failure else ''} {count} times"
            for (item_id, stage, result, failure), count in repeated
        )


def unmeetable(lineage: tuple[LineageItem, ...], status: RuntimeStatus | None) -> str | None:
    """Name what waits for something that cannot come, if nothing else of the lineage goes on.

    Args:
        lineage: the item and what came out of it.
        status: the runtime's last status; while a run is active, something may still come of it.
    """
    waiting = [member for member in lineage if member.waits_for]
    moving = [member for member in lineage if member.state.is_live and not member.waits_for]
    if not waiting or moving or status is None or status.active_run_count:
        return None
    return "waiting for what cannot come: " + "; ".join(
        f"{member.work_kind} {member.item_id} depends on {', '.join(member.waits_for)}"
        for member in waiting
    )


_NOTABLE_RESULTS = frozenset({"UPDATE_COMPLETE", "MANAGER_COMPLETE", "REMEDIATION_NEEDED"})
_RECON_PREFIX = "RECON_"

#: What makes two tellings the same: run, stage and result.
NoticeKey = tuple[str | None, str | None, str | None]


def notable(event: RuntimeEvent) -> str | None:
    """Return what to tell pi of this event, None when it is not worth a turn."""
    result = event.terminal_result
    if not event.ends_stage or not event.stage or not result:
        return None
    if result not in _NOTABLE_RESULTS and not result.startswith(_RECON_PREFIX):
        return None
    item = "" if event.item_id is None else f" for {event.item_kind or 'item'} {event.item_id}"
    return f"{event.stage} ended {result}{item}"


def notice_key(event: RuntimeEvent) -> NoticeKey:
    """Return what pi is told of once only."""
    return event.run_id, event.stage, event.terminal_result
