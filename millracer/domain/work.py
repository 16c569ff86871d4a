# ruff: noqa: PLC0414 - the words of `preferences` are told as a part of this vocabulary
"""The vocabulary of a run: what is asked, what Millrace holds, how a run ends.

Frozen values only. The judgement over them lives in `completion`, their meaning while a daemon runs
in `observation`, the order of steps in `lifecycle`. The words of `preferences` belong to it; they
stand apart for a command line that only tells how it is used.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TypeAlias

from millracer.domain.preferences import Finalizer as Finalizer
from millracer.domain.preferences import IntakeKind as IntakeKind
from millracer.domain.preferences import IntakePreference as IntakePreference
from millracer.domain.preferences import PiSession as PiSession
from millracer.domain.preferences import RoutePreference as RoutePreference

#: A JSON object passed through untouched, such as Millrace's own status document.
JsonObject: TypeAlias = Mapping[str, object]


class Route(StrEnum):
    """Who does the task."""

    DIRECT = "direct"  #: pi itself
    MILLRACE = "millrace"  #: Millrace's staged runtime


class Outcome(StrEnum):
    """How a run ended."""

    COMPLETED = "completed"
    INCOMPLETE = "incomplete"
    BLOCKED = "blocked"
    RESTART_NEEDED = "restart_needed"
    CRASHED = "crashed"
    TIMED_OUT = "timed_out"
    CANCELLED = "cancelled"
    FAILED = "failed"


class EventKind(StrEnum):
    """What a progress event or the deciding event of a run says."""

    SCOPED_COMPLETE = "scoped_complete"
    ARBITER_COMPLETE = "arbiter_complete"
    BLOCKED = "blocked"
    RESTART_NEEDED = "restart_needed"
    CRASHED = "crashed"
    IDLE_NO_WORK = "idle_no_work"
    STAGE_PROGRESS = "stage_progress"
    PAUSED = "paused"
    STUCK = "stuck"
    TIMED_OUT = "timed_out"
    CANCELLED = "cancelled"


class ItemState(StrEnum):
    """Where Millrace holds a work item."""

    ABSENT = "absent"  #: nowhere
    MAILBOX = "mailbox"  #: handed to a running daemon, not taken in yet
    INBOX = "inbox"  #: an idea not yet made into a spec
    QUEUED = "queued"
    ACTIVE = "active"
    DONE = "done"
    BLOCKED = "blocked"
    CANCELLED = "cancelled"
    SUPERSEDED = "superseded"
    ARCHIVED = "archived"
    INVALID = "invalid"  #: set aside as unreadable
    REFUSED = "refused"  #: the daemon refused the mailbox command

    @property
    def is_live(self) -> bool:
        """Whether Millrace will still work on it."""
        return self in _LIVE

    @property
    def is_set_aside(self) -> bool:
        """Whether Millrace will never work on it again although it neither ended nor blocked."""
        return self in _SET_ASIDE


_LIVE = frozenset({ItemState.MAILBOX, ItemState.INBOX, ItemState.QUEUED, ItemState.ACTIVE})
_SET_ASIDE = frozenset(
    {
        ItemState.CANCELLED,
        ItemState.SUPERSEDED,
        ItemState.ARCHIVED,
        ItemState.INVALID,
        ItemState.REFUSED,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScopedWork:
    """The caller's one selected entry of an outside queue, exactly as given."""

    item_id: str
    title: str | None = None
    source_queue: str | None = None
    spec_path: str | None = None
    completion_ref: str | None = None
    constraints: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestBody:
    """What is asked for, exactly as given: what the request's hash covers and pi or Millrace gets.

    Attributes:
        context_refs: what the caller points to, paths or addresses; any text, nothing is looked up.
    """

    task: str
    scope: ScopedWork | None = None
    context_refs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkItem:
    """The identity a run's work has in Millrace.

    Attributes:
        item_id: matches Millrace's `^[A-Za-z0-9][A-Za-z0-9._-]*$`, holds no dot.
        request_hash: SHA-256 (hex) of the request's body; empty for `--resume`.
        named: whether the caller named it, so that it may be there already.
    """

    item_id: str
    request_hash: str
    named: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How long a run may take, in seconds, and how often it may restart the daemon."""

    daemon_timeout_seconds: float = 7200.0  #: the delegated wait, restarts included
    pi_timeout_seconds: float = 3600.0  #: one turn of pi
    max_daemon_restarts: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequest:
    """One task and everything the caller said about it."""

    task: str  #: empty only with `resume`
    request_id: str
    request_id_named: bool = False  #: the caller chose the request id, so it is an identity
    idempotency_key: str | None = None
    scope: ScopedWork | None = None
    context_refs: tuple[str, ...] = ()  #: what the caller points to, exactly as given
    resume: str | None = None  #: a work item id to continue
    route: RoutePreference = RoutePreference.AUTO
    intake: IntakePreference = IntakePreference.AUTO
    mode: str | None = None  #: named by option, environment or request field
    session_mode: str | None = None  #: the session's selected mode
    finalizer: Finalizer = Finalizer.PI
    keep_daemon: bool = False
    notify_terminal_stages: bool = True  #: tell pi of stages that end before the run does
    limits: Limits = Limits()

    @property
    def body(self) -> RequestBody:
        """What is asked for, without what was said about how."""
        return RequestBody(task=self.task, scope=self.scope, context_refs=self.context_refs)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The route and what goes with it, as pi or the caller chose."""

    route: Route
    why: str
    intake_kind: IntakeKind | None = None
    mode: str | None = None
    custom_loop_needed: bool = False
    signals: tuple[str, ...] = ()
    notes: str = ""


@dataclass(frozen=True, slots=True)
class RunWarning:
    """Something the caller should know that did not stop the run; prints as `code: text`."""

    code: str
    text: str

    def __str__(self) -> str:
        return f"{self.code}: {self.text}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where Millrace says one work item stands.

    Attributes:
        item_id: the id that was asked for.
        kind: under which intake kind it was found; None when absent or of another kind.
        millrace_id: the id Millrace uses now: the derived spec's for an idea, else `item_id`.
        request_hash: the body's hash that its document carries, if any.
        source: the command or file that said so.
        path: where the document lies, if anywhere.
        detail: Millrace's own words, such as why a mailbox command was refused.
        work_kind: Millrace's name of what it is now (task, probe, spec, incident, idea).
    """

    item_id: str
    state: ItemState
    source: str
    observed_at: datetime
    kind: IntakeKind | None = None
    millrace_id: str | None = None
    request_hash: str | None = None
    path: str | None = None
    detail: str = ""
    work_kind: str | None = None


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


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimeEvent:
    """One line of Millrace's event log, the parts that name work."""

    event_type: str
    occurred_at: datetime
    plane: str | None = None
    stage: str | None = None
    run_id: str | None = None
    item_kind: str | None = None
    item_id: str | None = None
    terminal_result: str | None = None
    action: str | None = None
    reason: str | None = None
    failure_class: str | None = None

    @property
    def begins_stage(self) -> bool:
        """Whether a stage began."""
        return self.event_type == "stage_started"

    @property
    def ends_stage(self) -> bool:
        """Whether a stage ended, however it did."""
        return self.event_type == "stage_completed"


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


@dataclass(frozen=True, slots=True, kw_only=True)
class AddReceipt:
    """What `queue add-*` said.

    Attributes:
        stored_path: where the item lies now; None while it waits in a running daemon's mailbox.
        mailbox_command: the mailbox command to follow; rc 0 alone is no acceptance.
        duplicate: the id is known already: look again.
    """

    stored_path: str | None = None
    mailbox_command: str | None = None
    duplicate: bool = False


class CommandState(StrEnum):
    """How far a daemon is with a command in its mailbox."""

    WAITING = "waiting"
    CARRIED_OUT = "carried_out"  #: or put off, which Millrace files alike: look what became of it
    REFUSED = "refused"
    UNKNOWN = "unknown"  #: it lies nowhere, or cannot be read


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandFate:
    """What became of a command in a daemon's mailbox; `detail` is why it was refused."""

    state: CommandState
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlReceipt:
    """What a command said that changes the queue or the runtime.

    Attributes:
        applied: it took effect at once.
        mailbox_command: the mailbox command to follow; None where no daemon was asked.
        detail: Millrace's own words.
    """

    applied: bool
    mailbox_command: str | None = None
    detail: str = ""


class DaemonEnd(StrEnum):
    """What came of ending a daemon."""

    GONE = "gone"
    WATCHED = "watched"  #: a command of ours watches, so nothing was done
    STILL_RUNS = "still_runs"  #: it was asked, and had not ended in time
    UNREACHABLE = "unreachable"  #: it is out of sight, and nobody took the request


class ProgressKind(StrEnum):
    """What a step of a run is about; all but `state_entered` are events of the result."""

    STATE_ENTERED = "state_entered"  #: the lifecycle moved on
    STAGE_PROGRESS = "stage_progress"
    PAUSED = "paused"
    RESTART_NEEDED = "restart_needed"
    NOTIFIED = "stage_notified"  #: pi was told of a stage's end, or could not be
    DAEMON_UNSEEN = "daemon_unseen"  #: nothing shows whether the daemon that was joined lives


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgressEvent:
    """One numbered step of a run, told to listeners as it happens and listed in the result.

    A move of the lifecycle is told to listeners alone: its number is missing in the result.

    Attributes:
        number: unique in the run, and higher than that of every step before; from 1.
    """

    number: int
    at: datetime
    kind: ProgressKind
    workspace: str
    reason: str
    state: str  #: the lifecycle state it happened in
    stage: str | None = None
    item_id: str | None = None
    run_id: str | None = None
    queued: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftItem:
    """Something Millrace still works on or has blocked.

    Attributes:
        item_id: the id Millrace uses now.
        work_kind: Millrace's name of what it is: task, probe, spec, incident, idea.
        state: queued, active, blocked, inbox or mailbox.
        title: as its document has it; anybody's words.
        ours: its document, or what it was derived from, carries a request hash of ours.
        path: where the document lies.
    """

    item_id: str
    work_kind: str
    state: ItemState
    title: str
    ours: bool
    path: str
