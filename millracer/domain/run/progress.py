"""Progress events of a run."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class EventKind(StrEnum):
    """The kind of a progress event or of the deciding event of a run."""

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
    BUDGET_EXHAUSTED = "budget_exhausted"
    CANCELLED = "cancelled"


class ProgressKind(StrEnum):
    """The subject of a step of a run; those of `LISTENERS_ONLY` are not in the result."""

    STATE_ENTERED = "state_entered"  #: the lifecycle entered its next state
    STAGE_PROGRESS = "stage_progress"
    PAUSED = "paused"
    WAITING = "waiting"  #: what the run waits for: other items, a lock or a booting daemon
    RESTART_NEEDED = "restart_needed"
    NOTIFIED = "stage_notified"  #: pi was notified of a stage's end, or could not be
    DAEMON_UNSEEN = "daemon_unseen"  #: it cannot be determined whether the joined daemon lives


#: Sent to listeners, and not listed in the result.
LISTENERS_ONLY = frozenset({ProgressKind.STATE_ENTERED, ProgressKind.WAITING})


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgressEvent:
    """One numbered step of a run, sent to listeners as it happens and listed in the result.

    The number of a step that is sent to listeners only is missing in the result.

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
    tokens: int | None = None  #: used by the ended stages; None before the first end
