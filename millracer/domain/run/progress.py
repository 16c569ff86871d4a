"""Progress events of a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from millracer.domain.event_log import Event, EventType


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


#: The events that a library's listener receives, with their kind in documents.
PROGRESS_KINDS: Mapping[str, str] = {
    EventType.STATE_ENTERED: "state_entered",
    EventType.STAGE_STARTED: "stage_progress",
    EventType.STAGE_ENDED: "stage_progress",
    EventType.RUNTIME_PAUSED: "paused",
    EventType.RUNTIME_WAITING: "waiting",
    EventType.RUNTIME_LOST: "restart_needed",
    EventType.AGENT_NOTIFIED: "stage_notified",
    EventType.RUNTIME_UNSEEN: "daemon_unseen",
    EventType.CHECK_STARTED: "check_started",
    EventType.CHECK_ENDED: "check_ended",
}
#: The state of a run, the running check and what the run waits for: not listed in its result.
PASSING = frozenset({EventType.STATE_ENTERED, EventType.RUNTIME_WAITING, EventType.CHECK_STARTED})
#: The events that a person sees while a run works.
SHOWN = frozenset({*PROGRESS_KINDS, EventType.RUNTIME_RESUMED, EventType.ATTEMPT_LOST})


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgressEvent(Event):
    """An event of a run, numbered; its listeners and the log of its item receive the same object.

    Attributes:
        number: counts the events of `PROGRESS_KINDS` in the run, from 1; 0 of any other event.
        workspace: the absolute path of the workspace.
        observed_at: when the run observed it.
    """

    number: int
    workspace: str
    observed_at: datetime

    @property
    def kind(self) -> str:
        """The kind in documents; the type of an event that documents do not have."""
        return PROGRESS_KINDS.get(self.type, self.type)

    @property
    def is_listed(self) -> bool:
        """Whether the result of the run lists the event."""
        return self.type in PROGRESS_KINDS and self.type not in PASSING

    @property
    def reason(self) -> str:
        """The event as a sentence."""
        return self.message

    @property
    def state(self) -> str:
        """The lifecycle state in which it happened."""
        return text_in(self, "state") or ""

    @property
    def stage(self) -> str | None:
        """The stage that it is about."""
        return text_in(self, "stage")

    @property
    def item_id(self) -> str | None:
        """The item whose stage it is about."""
        return text_in(self, "item_id")

    @property
    def run_id(self) -> str | None:
        """The Millrace run whose stage it is about."""
        return text_in(self, "run_id")

    @property
    def queued(self) -> int | None:
        """How many items wait, over all planes; None if it is not known."""
        return number_in(self, "queued")


def text_in(event: Event, name: str) -> str | None:
    """Return a text of an event's payload; None if it is missing or not a text."""
    value = event.payload.get(name)
    return value if isinstance(value, str) else None


def number_in(event: Event, name: str) -> int | None:
    """Return a whole number of an event's payload; None if it is missing or not a number."""
    value = event.payload.get(name)
    return value if isinstance(value, int) else None
