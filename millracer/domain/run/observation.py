"""The meaning of Millrace's statuses, events and change hints for the item of a run.

`ChangeHints` are cheap and only trigger a read (`is_worth_asking`). A watch ends only on an answer
of Millrace, interpreted by the `interpret` functions. Silence means nothing: a booting daemon, the
gap between claim and first stage, a recovery stage and a daemon busy with a deep queue all seem
alike and are all work.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from millracer.domain.requests import IntakeKind
from millracer.domain.run.completion import SPEC, judge
from millracer.domain.run.ending import Ending
from millracer.domain.run.evidence import Evidence, LineageItem, lineage_of
from millracer.domain.work.items import ItemState, ItemStatus
from millracer.domain.work.runtime import RuntimeEvent, RuntimeEventKind, RuntimeStatus

_LEADS_TO_MORE_WORK = frozenset({IntakeKind.PROBE, IntakeKind.IDEA})


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeHints:
    """Changes on disk and in the process table since the last read; a reason to ask, not proof.

    Attributes:
        daemon_alive: a daemon holds or is taking the lock and its process lives.
        daemon_owned: that daemon is owned, so Millracer may stop it.
        item_hint: the state by the item's folder, None when no folder holds it.
        item_moved: that place differs from the last read.
        events: lines the event log gained, in order.
        state_changed: the runtime's state files changed (snapshot, lock, mailbox).
        poll_due: the safety interval is over: ask Millrace although nothing moved.
        stopped_on_purpose: a Millracer command stopped the daemon that is gone.
        may_be_paused: the runtime is paused or asked to stop, or its state is unknown.
    """

    daemon_alive: bool
    daemon_owned: bool = False
    item_hint: ItemState | None = None
    item_moved: bool = False
    events: tuple[RuntimeEvent, ...] = ()
    state_changed: bool = False
    poll_due: bool = False
    may_be_paused: bool = False
    stopped_on_purpose: bool = False

    @property
    def stop_seen(self) -> bool:
        """Whether a daemon logged that it ended on request, or was ended on purpose."""
        return self.stopped_on_purpose or any(
            event.kind is RuntimeEventKind.DAEMON_STOPPED for event in self.events
        )


def is_news(signs: ChangeHints) -> bool:
    """Return whether there is any hint; enough to read files, too little to start a program."""
    return bool(
        signs.poll_due
        or signs.item_moved
        or signs.state_changed
        or signs.events
        or not signs.daemon_alive
    )


def is_worth_asking(signs: ChangeHints, item_ids: frozenset[str]) -> bool:
    """Return whether the item's place or the daemon may have changed."""
    return (
        signs.poll_due
        or signs.item_moved
        or not signs.daemon_alive
        or any(event.item_id in item_ids and event.item_state is not None for event in signs.events)
    )


def is_worth_asking_status(signs: ChangeHints) -> bool:
    """Return whether there may be a pause or a stop request, which Millrace does not log."""
    return signs.poll_due or not signs.daemon_alive or (signs.state_changed and not signs.events)


def leads_to_more_work(item_status: ItemStatus) -> bool:
    """Return whether the requested work continues after the item itself has ended."""
    return item_status.kind in _LEADS_TO_MORE_WORK or item_status.work_kind == SPEC


def interpret_item_status(item_status: ItemStatus) -> Ending | None:
    """Return the ending that the item's own state means, None where more has to be known."""
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
    """Return the ending that an item's lineage means, None while a member is live.

    `at_rest` may be temporary: Millrace creates the next item a moment after it ended the last, and
    starts the closing run at a later tick. Read again before relying on it.
    """
    verdict = judge(traced)
    if verdict.completed:
        return Ending.ITEM_ENDED
    members = {member.item_id: member.state for member in lineage_of(traced)}
    awaits_closing_run = any(
        target.open and not target.blocked_by_lineage_work
        for target in traced.closures
        if target.root_spec_id in members
    )
    if awaits_closing_run or any(state.is_live for state in members.values()):
        return None
    return Ending.BLOCKED if verdict.blocked else Ending.AT_REST


def interpret_runtime(
    status: RuntimeStatus, *, daemon_alive: bool, stop_seen: bool, active: bool
) -> Ending | None:
    """Return the ending that the runtime's state means for unfinished work; None: it continues.

    Args:
        status: the runtime's status.
        daemon_alive: a daemon runs in the workspace.
        stop_seen: the daemon was seen to end on request.
        active: the item, or a member of its lineage, was being worked on.
    """
    if daemon_alive:
        return None
    if stop_seen or status.stop_requested:
        return Ending.STOPPED
    return Ending.CRASHED if active else Ending.RESTART_NEEDED


#: The number of equal stage ends without progress that counts as a loop. Millrace's own limits for
#: fixing and retrying are well below.
REPETITIONS = 8


class RepetitionCount:
    """Counts equal stage ends while no member of the lineage makes progress."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, str, str, str]] = Counter()
        self._places: set[tuple[str, ItemState]] = set()

    def note(self, event: RuntimeEvent) -> None:
        """Count the end of a stage of the lineage; other events are not counted."""
        if event.ends_stage and event.item_id and event.stage:
            result = event.terminal_result or "no result"
            self._counts[event.item_id, event.stage, result, event.failure_class or ""] += 1

    def note_places(self, item_status: ItemStatus, lineage: tuple[LineageItem, ...]) -> None:
        """Reset the counts when the item or a member of its lineage is in a new place."""
        places = {(item_status.item_id, item_status.state)}
        places.update((member.item_id, member.state) for member in lineage)
        if not places <= self._places:
            self._places |= places
            self._counts.clear()

    def verdict(self) -> str | None:
        """Return what repeats, None while there may be progress."""
        if max(self._counts.values(), default=0) < REPETITIONS:
            return None
        repeated = [(key, count) for key, count in self._counts.items() if count > REPETITIONS // 2]
        return "no progress: " + ", ".join(
            f"{stage} of {item_id} ended {result}{f' ({failure})' if failure else ''} {count} times"
            for (item_id, stage, result, failure), count in repeated
        )


def unmeetable(lineage: tuple[LineageItem, ...], status: RuntimeStatus | None) -> str | None:
    """Return which members wait for unmeetable dependencies, None if another member can continue.

    Args:
        lineage: the item and its descendants.
        status: the runtime's last status; an active run may still create new items.
    """
    waiting = [member for member in lineage if member.waits_for]
    moving = [member for member in lineage if member.state.is_live and not member.waits_for]
    if not waiting or moving or status is None or status.active_run_count:
        return None
    return "waiting for what cannot come: " + "; ".join(
        f"{member.work_kind} {member.item_id} depends on {', '.join(member.waits_for)}"
        for member in waiting
    )


#: The identity of a notification: run, stage and result.
NoticeKey = tuple[str | None, str | None, str | None]


def notice_text(event: RuntimeEvent) -> str | None:
    """Return the notification text for pi, None when the event is not worth a turn."""
    if not event.is_milestone or not event.ends_stage or not event.stage:
        return None
    item = "" if event.item_id is None else f" for {event.item_kind or 'item'} {event.item_id}"
    return f"{event.stage} ended {event.terminal_result}{item}"


def notice_key(event: RuntimeEvent) -> NoticeKey:
    """Return the key under which pi is notified only once."""
    return event.run_id, event.stage, event.terminal_result
