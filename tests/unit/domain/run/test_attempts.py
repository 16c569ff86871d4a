from __future__ import annotations

from datetime import timedelta

from millracer.domain.event_log import Cursor, EventType, LogEvent
from millracer.domain.run.attempts import Attempt, attempts_in
from tests.support.event_logs import AT


def event(kind: EventType, number: object, seconds: int = 0, **payload: object) -> LogEvent:
    return LogEvent(
        cursor=Cursor("00000000", seconds),
        type=kind,
        at=AT + timedelta(seconds=seconds),
        message="-",
        severity="info",
        payload={"attempt": number, **payload},
    )


def test_attempts_are_lost_ended_or_open() -> None:
    found = attempts_in(
        [
            event(EventType.ITEM_ENQUEUED, 0),
            event(EventType.ATTEMPT_STARTED, 1, request_id="one"),
            event(EventType.ATTEMPT_LOST, 1, 5),
            event(EventType.ATTEMPT_STARTED, 2, 6, request_id="two"),
            event(EventType.ATTEMPT_ENDED, 2, 9, outcome="blocked", result_sha256="ab"),
            event(EventType.ATTEMPT_STARTED, 3, 10, request_id="three"),
        ]
    )

    lost, ended, still_open = found
    assert (lost.is_lost, lost.outcome, lost.seconds) == (True, None, None)
    assert (ended.outcome, ended.seconds, ended.scoped_completion) == ("blocked", 3.0, False)
    assert still_open == Attempt(
        number=3, request_id="three", started_at=AT + timedelta(seconds=10)
    )


def test_events_of_no_attempt_say_nothing() -> None:
    assert attempts_in([event(EventType.ATTEMPT_ENDED, 7), event(EventType.WARNING, "x")]) == ()
