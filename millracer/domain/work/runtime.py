"""Millrace's runtime: status, events, daemon and control receipts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TypeAlias

from millracer.domain.work.items import ItemState

#: A JSON object passed through untouched, such as Millrace's own status document.
JsonObject: TypeAlias = Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimeStatus:
    """The used parts of the backend's status, and its whole document as `raw`.

    Queue depths count queued items of a plane; `active_stage` and `active_item_id` are None when
    nothing runs. `source` is the command that printed the status. `unchanged_since_read` is true
    for a status from the cache whose sources have not changed since, false for one that was just
    read, and None in a process without a status cache.
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
    source: str
    observed_at: datetime
    unchanged_since_read: bool | None = None

    @property
    def queued(self) -> int:
        """Items waiting, over all planes."""
        return sum(self.queue_depths.values())


class RuntimeEventKind(StrEnum):
    """The kind of an event in the backend's log, in the gateway's terms."""

    STAGE_STARTED = "stage_started"
    STAGE_ENDED = "stage_ended"  #: however it ended
    DAEMON_IDLE = "daemon_idle"
    DAEMON_STOPPED = "daemon_stopped"  #: on request
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimeEvent:
    """One line of the backend's event log, the parts that name work.

    Attributes:
        item_state: where the event leaves its item, if it ended, blocked or cancelled it.
        is_milestone: whether the end of the stage settled something about its item.
        request_id: the backend's id of this stage of the run.
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
    is_milestone: bool = False
    reason: str | None = None
    failure_class: str | None = None
    request_id: str | None = None

    @property
    def key(self) -> str:
        """Identify the event: by the request of its stage, else by its time, stage and item."""
        if self.request_id is not None:
            return f"{self.kind}/{self.request_id}"
        return f"{self.kind}/{self.occurred_at.isoformat()}/{self.stage}/{self.item_id}"

    @property
    def begins_stage(self) -> bool:
        """Whether a stage began."""
        return self.kind is RuntimeEventKind.STAGE_STARTED

    @property
    def ends_stage(self) -> bool:
        """Whether a stage ended, with any result."""
        return self.kind is RuntimeEventKind.STAGE_ENDED


@dataclass(frozen=True, slots=True, kw_only=True)
class OutOfSight:
    """Why a daemon counts as running although its process is not visible from here.

    Attributes:
        host: the host name in Millrace's lock.
        since: when the lock was taken.
        lock_file: the path of Millrace's lock.
        is_alive: whether it is proven to live; otherwise it may be dead.
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
        owned: it carries the token of the ownership record and is not marked kept.
        booting: it lives but does not hold the lock yet.
        mode_id: the mode it runs in, when Millrace reports it.
        kept: it carries that token, and was left running on purpose (`--keep-daemon`).
        out_of_sight: set where its process is not visible from here, such as in a container.
    """

    pid: int
    started: float
    owned: bool
    booting: bool = False
    mode_id: str | None = None
    kept: bool = False
    out_of_sight: OutOfSight | None = None

    @property
    def may_be_dead(self) -> bool:
        """Whether only its lock indicates that it lives."""
        return self.out_of_sight is not None and not self.out_of_sight.is_alive


@dataclass(frozen=True, slots=True, kw_only=True)
class ModeValidation:
    """The result of `compile validate --mode`; `mode_id` has aliases resolved."""

    ok: bool
    mode_id: str
    detail: str = ""


class CommandState(StrEnum):
    """The state of a mailbox command."""

    WAITING = "waiting"
    CARRIED_OUT = "carried_out"  #: or deferred, which Millrace files alike: check its effect
    REFUSED = "refused"
    UNKNOWN = "unknown"  #: it is in no folder, or cannot be read


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandReply:
    """A daemon's reply to a command; `detail` is why it was refused."""

    state: CommandState
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlReceipt:
    """The answer to a command that changes the queue or the runtime.

    Attributes:
        applied: it took effect at once.
        pending_command: the command that a running daemon has yet to carry out, if any.
        detail: Millrace's own words.
    """

    applied: bool
    pending_command: str | None = None
    detail: str = ""


class DaemonEnd(StrEnum):
    """The result of ending a daemon."""

    GONE = "gone"
    WATCHED = "watched"  #: a Millracer command watches, so nothing was done
    STILL_RUNS = "still_runs"  #: it was asked to stop, and did not end in time
    UNREACHABLE = "unreachable"  #: it is not visible from here, and no process accepted the request
