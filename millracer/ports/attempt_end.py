"""Listeners of the end of an attempt, such as notifications and traces."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from millracer.cancellation import Wait
    from millracer.domain.event_log import Cursor, LogEvent
    from millracer.domain.run.outcome import Outcome
    from millracer.domain.trace_context import TraceContext
    from millracer.errors import RunWarning


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptEnd:
    """The end of an attempt, reported by the process that wrote its log.

    Attributes:
        message_id: identifies this end: the cursor of `attempt.ended`; without a log, a random
            text.
        cursor: the position of `attempt.ended`; None without a log.
        document: the JSON document of the result, without secrets.
        span: the span of the attempt; None if it is not traced.
        parent: the caller's span; None without one.
        events: returns the events of the log, the first one first; without a log, those of the
            run.
    """

    message_id: str
    cursor: Cursor | None
    at: datetime
    request_id: str
    work_item_id: str | None
    outcome: Outcome
    document: str
    span: TraceContext | None
    parent: TraceContext | None
    events: Callable[[], Sequence[LogEvent]]


class AttemptEndListener(ABC):
    """Reports the end of an attempt outside Millracer; it cannot change the result."""

    @abstractmethod
    def attempt_ended(self, end: AttemptEnd, wait: Wait) -> Sequence[RunWarning]:
        """Report the end, at most until the wait is over; return what failed. Never raises."""
