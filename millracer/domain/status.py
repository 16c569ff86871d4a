"""The status of a workspace: what Millracer derives beyond Millrace's own status document.

Pure: it interprets what was read. The past comes from Millrace's event log alone; what the log no
longer contains is left open.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum

from millracer.domain.commands import Commands
from millracer.domain.run.result import ErrorRecord, NextStep
from millracer.domain.unseen import unseen_warning
from millracer.domain.work.items import ItemState, UnfinishedItem
from millracer.domain.work.modes import DEFAULT_MODE
from millracer.domain.work.runtime import RunningDaemon, RuntimeEvent, RuntimeStatus
from millracer.errors import RunWarning

#: How many recent ends a status lists.
RECENT_ENDS = 5

_GONE_WRONG = "stale"
_ANY_TIME = datetime.min.replace(tzinfo=UTC)


class DaemonState(StrEnum):
    """Whether Millrace works in a workspace."""

    RUNS = "runs"
    BOOTS = "boots"  #: it lives but does not hold the lock yet
    STALE = "stale"  #: it died, and its remains have to be cleared before the next starts
    NONE = "none"


class DaemonOwner(StrEnum):
    """The owner of a daemon."""

    MILLRACER = "millracer"  #: a Millracer command started it, and the last one to watch stops it
    KEPT = "kept"  #: a Millracer command started it with `--keep-daemon`
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class ActiveWork:
    """The work of the active stage.

    Attributes:
        item_id: None for work of Millrace's own, such as the Arbiter's.
        since: when the stage began.
    """

    stage: str | None
    item_id: str | None
    work_kind: str | None
    since: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Unfinished:
    """An item that is live or blocked, and why it is blocked, where that is known."""

    item: UnfinishedItem
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EndedItem:
    """An item that ended recently."""

    item_id: str
    work_kind: str | None
    state: ItemState
    at: datetime
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkspaceStatus:
    """The status of one workspace.

    Attributes:
        initialised: whether Millrace was ever initialised there; the rest is empty otherwise.
        status: Millrace's own status; None where it could not be read, as `errors` reports.
        watched: whether a Millracer command watches.
        default_mode_id: the mode that the default mode's name means in this Millrace.
        failures: why the stage runner of a blocked item failed, in its words, by item.
        stranded: a dead daemon's lock remains, and Millrace takes it for a living one's.
    """

    workspace: str
    commands: Commands
    initialised: bool
    daemon: RunningDaemon | None = None
    watched: bool = False
    default_mode_id: str = DEFAULT_MODE
    stranded: bool = False
    status: RuntimeStatus | None = None
    left: tuple[UnfinishedItem, ...] = ()
    failures: Mapping[str, str] = field(default_factory=dict)
    events: tuple[RuntimeEvent, ...] = ()  #: the newest first
    version: str | None = None
    errors: tuple[ErrorRecord, ...] = ()

    def is_same_status(self, other: WorkspaceStatus) -> bool:
        """Return whether both are the same to a reader."""
        return _told(self) == _told(other)

    @property
    def mode_alias(self) -> str | None:
        """The default mode's name, if the daemon runs in the mode that it is an alias of."""
        mode_id = None if self.daemon is None else self.daemon.mode_id
        is_alias = mode_id == self.default_mode_id != DEFAULT_MODE
        return DEFAULT_MODE if is_alias else None

    @property
    def daemon_state(self) -> DaemonState:
        """Whether Millrace works there."""
        if self.daemon is not None:
            return DaemonState.BOOTS if self.daemon.booting else DaemonState.RUNS
        status = self.status
        is_stale = status is not None and (
            status.lock == _GONE_WRONG or status.stop_requested or status.active_run_count
        )
        if self.stranded or is_stale:
            return DaemonState.STALE
        return DaemonState.NONE

    @property
    def owner(self) -> DaemonOwner | None:
        """The owner of the daemon, None where none runs."""
        if self.daemon is None:
            return None
        if self.daemon.owned:
            return DaemonOwner.MILLRACER
        return DaemonOwner.KEPT if self.daemon.kept else DaemonOwner.OTHER

    @property
    def active(self) -> ActiveWork | None:
        """The work of the active stage, or of the stage that was active when the daemon died."""
        status = self.status
        if status is None or not (status.active_stage or status.active_item_id):
            return None
        began = (
            event
            for event in self.events
            if event.begins_stage
            and event.stage == status.active_stage
            and event.item_id in {status.active_item_id, None}
        )
        newest = next(began, None)
        return ActiveWork(
            stage=status.active_stage,
            item_id=status.active_item_id,
            work_kind=status.active_item_kind,
            since=None if newest is None else newest.occurred_at,
        )

    @property
    def unfinished(self) -> tuple[Unfinished, ...]:
        """All unfinished items, each blocked one with its reason."""
        return tuple(
            Unfinished(
                item=item,
                reason=self._why_blocked(item.item_id) if item.state is ItemState.BLOCKED else None,
            )
            for item in self.left
        )

    @property
    def ended(self) -> tuple[EndedItem, ...]:
        """The last ends, newest first; only the last end of each item."""
        return self.every_end[:RECENT_ENDS]

    @property
    def every_end(self) -> tuple[EndedItem, ...]:
        """All ends among the recent events, newest first; only the last end of each item."""
        found: dict[str, EndedItem] = {}
        for event in self.events:
            state = event.item_state
            if state is not None and event.item_id is not None:
                end = EndedItem(
                    item_id=event.item_id,
                    work_kind=event.item_kind,
                    state=state,
                    at=event.occurred_at,
                    reason=self._why_ended(event, state),
                )
                found.setdefault(event.item_id, end)
        return tuple(found.values())

    @property
    def warnings(self) -> tuple[RunWarning, ...]:
        """The conditions that hinder the work."""
        return tuple(_warnings(self))

    @property
    def next_steps(self) -> tuple[NextStep, ...]:
        """The commands that remove what hinders the work."""
        return tuple(_next_steps(self))

    def _why_ended(self, event: RuntimeEvent, state: ItemState) -> str | None:
        if state is ItemState.DONE:
            return None
        known = self.failures.get(event.item_id or "") if state is ItemState.BLOCKED else None
        return known or _reason(event)

    def _why_blocked(self, item_id: str) -> str | None:
        if item_id in self.failures:
            return self.failures[item_id]
        blocked = (
            _reason(event)
            for event in self.events
            if event.item_id == item_id and event.item_state is ItemState.BLOCKED
        )
        return next(blocked, None)


_WITHOUT_MILLRACE = frozenset({"millrace_not_found", "millrace_unsupported"})


def _told(overview: WorkspaceStatus) -> tuple[object, ...]:
    status = overview.status
    return (
        overview.initialised,
        overview.daemon,
        overview.watched,
        overview.stranded,
        None if status is None else replace(status, raw={}, observed_at=_ANY_TIME),
        overview.unfinished,
        overview.ended,
        overview.active,
        overview.errors,
    )


def _reason(event: RuntimeEvent) -> str | None:
    words = [event.reason, event.failure_class]
    return ": ".join(dict.fromkeys(word for word in words if word)) or None


def _warnings(overview: WorkspaceStatus) -> Sequence[RunWarning]:
    status, state = overview.status, overview.daemon_state
    found = []
    unseen = unseen_warning(overview.daemon)
    if unseen is not None:
        found.append(unseen)
    if state is DaemonState.STALE:
        text = "the last daemon died or was cut off; what it left is cleared before the next starts"
        found.append(RunWarning("stale_state", text))
    if status is not None and status.paused:
        found.append(RunWarning("paused", f"Millrace is paused by {status.pause_sources}"))
    if status is not None and status.stop_requested and overview.daemon is not None:
        text = "the daemon was asked to stop and ends when its stage does"
        found.append(RunWarning("stop_requested", text))
    blocked = sum(item.state is ItemState.BLOCKED for item in overview.left)
    if blocked:
        found.append(RunWarning("blocked", f"{blocked} blocked, waiting for a decision"))
    if overview.daemon is None and _waiting(overview) is not None:
        text = "work waits, and no daemon runs to do it"
        found.append(RunWarning("nobody_works", text))
    return found


def _next_steps(overview: WorkspaceStatus) -> Sequence[NextStep]:
    ours = overview.commands.millracer
    status = overview.status
    steps = []
    if any(error.code in _WITHOUT_MILLRACE for error in overview.errors):
        return [NextStep("install", "millracer setup")]
    if not overview.initialised and overview.errors:
        return []
    if not overview.initialised:
        return [NextStep("submit", ours("submit", "what is to be done"))]
    if status is not None and status.paused:
        steps.append(NextStep("resume", ours("resume")))
    waiting = _waiting(overview)
    if overview.daemon is None and waiting is not None:
        steps.append(NextStep("work", ours("watch", waiting.item_id)))
    blocked = next((item for item in overview.left if item.state is ItemState.BLOCKED), None)
    if blocked is not None:
        steps += [
            NextStep("retry", ours("retry", blocked.item_id)),
            NextStep("cancel", ours("cancel", blocked.item_id)),
        ]
    return steps


def _waiting(overview: WorkspaceStatus) -> UnfinishedItem | None:
    """Return the first live item, None without one."""
    return next((item for item in overview.left if item.state.is_live), None)
