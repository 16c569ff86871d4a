"""Millrace's runtime: status, events, daemon and control receipts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TypeAlias

from millracer.domain.items import ItemState

#: A JSON object passed through untouched, such as Millrace's own status document.
JsonObject: TypeAlias = Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimeStatus:
    """What `millrace status --format json` said, the parts we use, and the whole as `raw`.

    Queue depths count queued items of a plane; `active_stage` and `active_item_id` are None when
    nothing runs. `unchanged_since_read` tells, in a process that keeps answers, an earlier answer
    whose sources have not changed since from one that was read just now; None elsewhere.
    """

    process_running: bool
    lock: str  #: absent, active, stale or invalid
    active_run_count: int
    active_stage: str | None
    active_item_id: str | None
    active_item_kind: str | None
    queue_depths: Mapping[str, int]
    paused: bool
    pause_sources: str
    stop_requested: bool
    mode_id: str | None
    raw: JsonObject
    observed_at: datetime
    unchanged_since_read: bool | None = None

    @property
    def queued(self) -> int:
        """Items waiting, over all planes."""
        return sum(self.queue_depths.values())


class RuntimeEventKind(StrEnum):
    """What an event of the backend's log says, in the gateway's words."""

    STAGE_STARTED = "stage_started"
    STAGE_ENDED = "stage_ended"  #: however it ended
    DAEMON_IDLE = "daemon_idle"
    DAEMON_STOPPED = "daemon_stopped"  #: it was asked to
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimeEvent:
    """One line of the backend's event log, the parts that name work.

    Attributes:
        item_state: where the event leaves its item, if it ended, blocked or cancelled it.
    """

    kind: RuntimeEventKind
    occurred_at: datetime
    plane: str | None = None
    stage: str | None = None
    run_id: str | None = None
    item_kind: str | None = None
    item_id: str | None = None
    terminal_result: str | None = None
    item_state: ItemState | None = None
    reason: str | None = None
    failure_class: str | None = None

    @property
    def begins_stage(self) -> bool:
        """Whether a stage began."""
        return self.kind is RuntimeEventKind.STAGE_STARTED

    @property
    def ends_stage(self) -> bool:
        """Whether a stage ended, however it did."""
        return self.kind is RuntimeEventKind.STAGE_ENDED


@dataclass(frozen=True, slots=True, kw_only=True)
class OutOfSight:
    """Why a daemon counts as running although its process cannot be seen from here.

    Attributes:
        host: the host name in Millrace's lock.
        since: when the lock was taken.
        lock_file: the path of Millrace's lock.
        is_alive: whether it is proven to live; where it is not, it may be dead.
    """

    host: str
    since: datetime
    lock_file: str
    is_alive: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningDaemon:
    """A Millrace daemon that holds, or is about to take, the workspace's lock.

    Attributes:
        started: when its process started, seconds since the epoch; with `pid` its identity.
        ours: it carries the token of this workspace's ownership file and is not marked kept.
        booting: it lives but does not hold the lock yet.
        mode_id: the mode it runs in, when Millrace says so.
        kept: it carries that token, and was left running on purpose (`--keep-daemon`).
        out_of_sight: set where its process cannot be seen from here, such as another container's.
    """

    pid: int
    started: float
    ours: bool
    booting: bool = False
    mode_id: str | None = None
    kept: bool = False
    out_of_sight: OutOfSight | None = None

    @property
    def may_be_dead(self) -> bool:
        """Whether nothing but its lock says that it lives."""
        return self.out_of_sight is not None and not self.out_of_sight.is_alive


@dataclass(frozen=True, slots=True, kw_only=True)
class ModeValidation:
    """What `compile validate --mode` said; `mode_id` has aliases resolved."""

    ok: bool
    mode_id: str
    detail: str = ""


class CommandState(StrEnum):
    """How far a daemon is with a command it was sent."""

    WAITING = "waiting"
    CARRIED_OUT = "carried_out"  #: or put off, which Millrace files alike: look what became of it
    REFUSED = "refused"
    UNKNOWN = "unknown"  #: it lies nowhere, or cannot be read


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandReply:
    """A daemon's reply to a command; `detail` is why it was refused."""

    state: CommandState
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlReceipt:
    """What a command said that changes the queue or the runtime.

    Attributes:
        applied: it took effect at once.
        pending_command: the command that a running daemon has yet to carry out, if any.
        detail: Millrace's own words.
    """

    applied: bool
    pending_command: str | None = None
    detail: str = ""


class DaemonEnd(StrEnum):
    """What came of ending a daemon."""

    GONE = "gone"
    WATCHED = "watched"  #: a command of ours watches, so nothing was done
    STILL_RUNS = "still_runs"  #: it was asked, and had not ended in time
    UNREACHABLE = "unreachable"  #: it is out of sight, and nobody took the request
