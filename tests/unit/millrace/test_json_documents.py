import json
from datetime import UTC, datetime

import pytest

from millracer.errors import ProtocolError
from millracer.millrace.wire.json_documents import (
    EventLine,
    MailboxArchive,
    RunTrace,
    StatusDocument,
    parse,
    parse_object,
)

STATUS = {
    "workspace": "/w",
    "process_running": False,
    "runtime_ownership_lock": "absent",
    "active_run_count": 0,
    "active_stage": None,
    "active_work_item_kind": None,
    "active_work_item_id": None,
    "execution_queue_depth": 1,
    "planning_queue_depth": 0,
    "learning_queue_depth": 0,
    "paused": False,
    "pause_sources": "none",
    "stop_requested": False,
    "active_mode_id": "lad_pi",
}


def test_a_new_key_of_millrace_breaks_nothing() -> None:
    text = json.dumps({**STATUS, "a_new_key": {"of": "0.21.9"}})

    assert parse(StatusDocument, text, "the status").execution_queue_depth == 1


@pytest.mark.parametrize("key", sorted(STATUS))
def test_a_missing_status_key_is_a_protocol_error_that_keeps_the_raw_text(key: str) -> None:
    text = json.dumps({name: value for name, value in STATUS.items() if name != key})

    with pytest.raises(ProtocolError, match=f"the status .*{key}") as caught:
        parse(StatusDocument, text, "the status")
    assert caught.value.raw == text


@pytest.mark.parametrize("text", ["", "{", "[]", "error: no", b"\xff{}"])
def test_a_value_that_is_not_an_object_is_a_protocol_error(text: str | bytes) -> None:
    with pytest.raises(ProtocolError):
        parse(StatusDocument, text, "the status")
    with pytest.raises(ProtocolError):
        parse_object(text, "the status")


def test_the_raw_object_is_passed_on_whole() -> None:
    value = {"a": [1, {"b": None}], "c": "ü"}

    assert parse_object(json.dumps(value), "anything") == value


def test_a_trace_without_stages_is_none_at_all() -> None:
    with pytest.raises(ProtocolError, match="nodes"):
        parse(RunTrace, '{"run_id": "run-1", "status": "complete"}', "the trace")


def test_a_time_without_a_zone_is_utc() -> None:
    event = parse(EventLine, '{"event_type": "x", "occurred_at": "2026-01-02T03:04:05"}', "log")

    assert event.occurred_at == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def test_a_command_the_daemon_could_not_read_is_archived_without_an_envelope() -> None:
    archive = parse(
        MailboxArchive,
        '{"disposition": "failed", "archived_at": "2026-01-02T03:04:05Z", "error": "bad"}',
        "mailbox",
    )

    assert archive.envelope is None
