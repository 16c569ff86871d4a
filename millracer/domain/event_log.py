"""The event log of a work item: its events, their cursor, and what a reader finds.

The log reports what happened; it proves nothing. Outcome, `scoped_completion` and exit code are
always judged from Millrace's own answers.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

_CURSOR = re.compile(r"([0-9a-f]{8})-(0|[1-9][0-9]{0,17})")


class EventType(StrEnum):
    """The type of an event; readers ignore types that they do not know."""

    LOG_OPENED = "log.opened"
    ATTEMPT_STARTED = "attempt.started"
    ATTEMPT_LOST = "attempt.lost"  #: its process ended without reporting an end
    ATTEMPT_ENDED = "attempt.ended"
    STATE_ENTERED = "state.entered"
    DECISION_MADE = "decision.made"
    ITEM_ENQUEUED = "item.enqueued"
    ITEM_MOVED = "item.moved"
    ITEM_SPAWNED = "item.spawned"
    STAGE_STARTED = "stage.started"
    STAGE_ENDED = "stage.ended"
    RUNTIME_STARTED = "runtime.started"  #: the run started or joined a daemon
    RUNTIME_WAITING = "runtime.waiting"  #: what the run waits for
    RUNTIME_LOST = "runtime.lost"
    RUNTIME_PAUSED = "runtime.paused"
    RUNTIME_RESUMED = "runtime.resumed"  #: a pause that the run reported has ended
    RUNTIME_UNSEEN = "runtime.unseen"  #: it cannot be determined whether the daemon lives
    CHECK_STARTED = "check.started"
    CHECK_ENDED = "check.ended"
    AGENT_NOTIFIED = "pi.notified"
    WARNING = "warning"


class Severity(StrEnum):
    """How important an event is for a person."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


#: The severity of an event; that of any other type is information.
_SEVERITY_OF_TYPE: Mapping[str, Severity] = {
    EventType.ATTEMPT_LOST: Severity.WARNING,
    EventType.RUNTIME_LOST: Severity.WARNING,
    EventType.RUNTIME_UNSEEN: Severity.WARNING,
    EventType.WARNING: Severity.WARNING,
}


def usual_severity(kind: str) -> Severity:
    """Return the severity of an event whose type decides it."""
    return _SEVERITY_OF_TYPE.get(kind, Severity.INFO)


class ResetReason(StrEnum):
    """Why a reader starts at the first event of a log again."""

    UNKNOWN_CURSOR = "unknown_cursor"
    PRUNED = "pruned"
    ROTATED = "rotated"
    DAMAGED = "damaged"


@dataclass(frozen=True, slots=True, order=True)
class Cursor:
    """The position of an event: the epoch of its log and its number there, `<epoch>-<sequence>`."""

    epoch: str
    sequence: int

    def __str__(self) -> str:
        return f"{self.epoch}-{self.sequence}"

    @classmethod
    def parse(cls, text: str) -> Cursor:
        """Return the cursor in its text form.

        Raises:
            ValueError: the text is not a cursor.
        """
        parts = _CURSOR.fullmatch(text)
        if parts is None:
            raise ValueError(f"{text!r} is not a cursor such as 9e8f127d-17")
        return cls(parts[1], int(parts[2]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """An event of a run: sent to its listeners, and stored in the log of its item.

    Attributes:
        at: when it happened; events of Millrace keep Millrace's time.
        key: identifies what happened in Millrace, so that it is logged once; else None.
    """

    type: str
    at: datetime
    message: str
    severity: Severity = Severity.INFO
    payload: Mapping[str, object] = field(default_factory=dict)
    key: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LogEvent(Event):
    """One event of a log; `cursor` is its position."""

    cursor: Cursor


@dataclass(frozen=True, slots=True, kw_only=True)
class LogState:
    """What a log holds when a writer opens it.

    Attributes:
        epoch: identifies the numbering; each new file has its own.
        last: the highest number; 0 in a new log.
        attempts: how many attempts were started.
        is_attempt_open: the last attempt has not ended, so its process was killed.
    """

    epoch: str
    last: int
    attempts: int = 0
    is_attempt_open: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """The events that a read found.

    Attributes:
        events: the new events in their order.
        reset: why they start at the first event again; None if they continue the earlier ones.
    """

    events: tuple[LogEvent, ...] = ()
    reset: ResetReason | None = None
