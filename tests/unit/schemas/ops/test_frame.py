"""The fast form of a stored event's frame equals that of the model."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone

import pytest

from millracer.domain.event_log import Cursor, EventType, LogEvent, Severity
from millracer.operations.stream.frames import Frames
from millracer.schemas.base import render_line
from millracer.schemas.ops.frame import EventFrame, render_stored
from millracer.testing.clock import FrozenClock

ITEM = "fix-it-0123456789abcdef0123"
KEY = "sk-ant-api03-" + "Ab1" * 30
AT = datetime(2026, 11, 30, 12, tzinfo=UTC)


@pytest.mark.parametrize("kind", [*EventType, "a.type.of.a.later.version"])
@pytest.mark.parametrize("severity", Severity)
def test_each_type_has_the_same_line(kind: str, severity: Severity) -> None:
    assert_same(_event(kind=kind, severity=severity))


@pytest.mark.parametrize(
    "at",
    [
        AT,
        AT.replace(microsecond=1),
        AT.replace(microsecond=120_000),
        AT.astimezone(timezone(timedelta(hours=5, minutes=45))),
    ],
)
def test_each_time_has_the_same_form(at: datetime) -> None:
    assert_same(_event(at=at))


@pytest.mark.parametrize(
    "payload",
    [
        {},
        {"work_item_id": "another"},
        {"deep": [{"text": "ä\u2028\n\"'", "number": 1.5}, None, True]},
        {KEY: {"token": f"Bearer {KEY}"}, "list": [KEY, "x " * 150 + KEY]},
    ],
)
@pytest.mark.parametrize("message", ["", "words", f"the key is {KEY}"])
def test_each_payload_has_the_same_form_without_secrets(
    payload: Mapping[str, object], message: str
) -> None:
    event = _event(payload=payload, message=message)

    assert_same(event)
    assert KEY not in render_stored(event, ITEM, ITEM)


def assert_same(event: LogEvent) -> None:
    emitted: list[EventFrame] = []
    Frames(ITEM, emitted.append, FrozenClock(), item_id=ITEM).stored(event)

    line = render_stored(event, ITEM, ITEM)

    assert line == render_line(emitted[0])
    assert json.loads(line)["cursor"] == str(event.cursor)


def _event(
    *,
    kind: str = EventType.STAGE_STARTED,
    severity: Severity = Severity.INFO,
    at: datetime = AT,
    message: str = "the stage began",
    payload: Mapping[str, object] | None = None,
) -> LogEvent:
    return LogEvent(
        cursor=Cursor("0123abcd", 7),
        type=kind,
        at=at,
        message=message,
        severity=severity,
        payload=payload or {},
        key=None,
    )
