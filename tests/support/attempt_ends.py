"""The end of an attempt, for its listeners."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from millracer.cancellation import Wait
from millracer.domain.event_log import Cursor, EventType, LogEvent
from millracer.domain.run.outcome import Outcome
from millracer.domain.trace_context import TraceContext
from millracer.ports import AttemptEnd
from tests.support.event_logs import AT

EPOCH = "9e8f127d"


def wait() -> Wait:
    """Return a wait that no test exceeds."""
    return Wait.for_seconds(30)


def attempt_end(
    *,
    outcome: Outcome = Outcome.BLOCKED,
    document: str = '{"outcome": "blocked"}',
    events: Sequence[LogEvent] = (),
    span: TraceContext | None = None,
    parent: TraceContext | None = None,
) -> AttemptEnd:
    """Return the end of an attempt with a log."""
    return AttemptEnd(
        message_id=f"{EPOCH}-17",
        cursor=Cursor(EPOCH, 17),
        at=AT,
        request_id="req-1",
        work_item_id="fix-it-1",
        outcome=outcome,
        document=document,
        span=span,
        parent=parent,
        events=lambda: tuple(events),
    )


def at(seconds: float) -> datetime:
    """Return a moment after the start of a log."""
    return AT + timedelta(seconds=seconds)


def logged(*steps: tuple[str, float, dict[str, Any]]) -> list[LogEvent]:
    """Return the events of a log: type, seconds and payload of each."""
    opened = LogEvent(
        cursor=Cursor(EPOCH, 0),
        type=EventType.LOG_OPENED,
        at=AT,
        message="-",
        severity="info",
        payload={"epoch": EPOCH},
    )
    return [
        opened,
        *(
            LogEvent(
                cursor=Cursor(EPOCH, number),
                type=kind,
                at=at(seconds),
                message="-",
                severity="info",
                payload={"attempt": 1, **payload},
            )
            for number, (kind, seconds, payload) in enumerate(steps, start=1)
        ),
    ]
