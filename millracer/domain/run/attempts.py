"""The attempts at a work item, as its event log reports them; they prove nothing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from millracer.domain.event_log import EventType, LogEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One attempt.

    Attributes:
        number: from 1.
        request_id: the request of the process that started it.
        ended_at: None while it runs, and if its process was killed.
        is_lost: a later process found that its process had been killed.
        outcome: how it ended for its caller; None without an end.
        result_sha256: identifies the stored document; None without an end.
        tokens: the tokens of the item by its end; None if they are not known.
    """

    number: int
    request_id: str
    started_at: datetime
    ended_at: datetime | None = None
    is_lost: bool = False
    outcome: str | None = None
    scoped_completion: bool = False
    result_sha256: str | None = None
    tokens: int | None = None

    @property
    def seconds(self) -> float | None:
        """The duration; None without an end."""
        return None if self.ended_at is None else (self.ended_at - self.started_at).total_seconds()


def attempts_in(events: Iterable[LogEvent]) -> tuple[Attempt, ...]:
    """Return the attempts that a log reports, in their order."""
    found: dict[int, Attempt] = {}
    for event in events:
        number = event.payload.get("attempt")
        if not isinstance(number, int):
            continue
        attempt = found.get(number)
        if event.type == EventType.ATTEMPT_STARTED:
            request_id = str(event.payload.get("request_id"))
            found[number] = Attempt(number=number, request_id=request_id, started_at=event.at)
        elif attempt is not None and event.type == EventType.ATTEMPT_LOST:
            found[number] = replace(attempt, is_lost=True)
        elif attempt is not None and event.type == EventType.ATTEMPT_ENDED:
            digest = event.payload.get("result_sha256")
            found[number] = replace(
                attempt,
                ended_at=event.at,
                outcome=str(event.payload.get("outcome")),
                scoped_completion=event.payload.get("scoped_completion") is True,
                result_sha256=digest if isinstance(digest, str) else None,
            )
    return tuple(found.values())
