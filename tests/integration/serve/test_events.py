"""The events of an item over HTTP: resumed, in either form, bounded, and ended by the result."""

from __future__ import annotations

import json
import os
from contextlib import ExitStack
from pathlib import Path

import pytest

from millracer.domain.work.items import ItemState
from millracer.ports import EventLogs
from millracer.schemas.names import SchemaName
from millracer.serve.streams import MOST_STREAMS
from millracer.testing.backend import ScriptedBackend
from millracer.wiring import open_event_logs
from tests.support.cli import wait_until
from tests.support.event_logs import news, opened
from tests.support.ops_world import assert_published
from tests.support.serving import Client, Stream, key_of

ITEM = "fix-it-0123456789abcdef0123"
NDJSON = "Accept: application/x-ndjson"


@pytest.fixture
def logs(workspace: Path) -> EventLogs:
    return open_event_logs(str(workspace))


@pytest.fixture
def events(workspace: Path) -> str:
    return f"/workspaces/{key_of(workspace)}/items/{ITEM}/events"


def write(logs: EventLogs, *messages: str) -> None:
    writer = opened(logs, ITEM)
    for message in messages:
        writer.append(news(message, attempt=1))
    writer.close()


def sequences(frames: list[dict[str, object]]) -> list[object]:
    return [frame["sequence"] for frame in frames if "cursor" in frame]


def kinds(frames: list[dict[str, object]]) -> list[object]:
    return [frame["event_type"] for frame in frames]


def test_an_ended_item_has_its_events_and_then_its_result(
    client: Client, logs: EventLogs, events: str, backend: ScriptedBackend
) -> None:
    backend.holds(ITEM, ItemState.DONE, proven=True)
    write(logs, "one", "two")

    with client.stream(events) as stream:
        frames = stream.frames()
        assert stream.event() is None

    assert stream.head.header("content-type") == "text/event-stream; charset=utf-8"
    assert kinds(frames)[0] == "stream.opened"
    assert frames[0]["payload"]["role"] == "observer"
    assert sequences(frames) == [0, 1, 2]
    assert kinds(frames)[-1] == "result"
    assert frames[-1]["payload"]["outcome"] == "completed"
    for frame in frames:
        assert_published(SchemaName.EVENT_FRAME, frame)


@pytest.mark.parametrize("form", ["header", "query", "both"])
def test_a_stream_continues_after_a_cursor(
    client: Client, logs: EventLogs, events: str, backend: ScriptedBackend, form: str
) -> None:
    backend.holds(ITEM, ItemState.DONE, proven=True)
    write(logs, "one", "two", "three")
    with client.stream(events) as stream:
        cursors = [frame["cursor"] for frame in stream.frames() if "cursor" in frame]

    path = events
    headers = []
    if form != "query":
        headers.append(f"Last-Event-ID: {cursors[1]}")
    if form != "header":
        path += f"?after={cursors[1] if form == 'query' else cursors[0]}"
    with client.stream(path, *headers) as stream:
        frames = stream.frames()

    assert sequences(frames) == [2, 3]
    assert frames[0]["payload"]["after"] == cursors[1]


def test_a_cursor_of_another_log_resets_the_stream(
    client: Client, logs: EventLogs, events: str, backend: ScriptedBackend
) -> None:
    backend.holds(ITEM, ItemState.DONE, proven=True)
    write(logs, "one")

    with client.stream(events, "Last-Event-ID: 00000000-7") as stream:
        frames = stream.frames()

    assert kinds(frames)[:2] == ["stream.opened", "stream.reset"]
    assert frames[1]["payload"]["reason"] == "unknown_cursor"
    assert sequences(frames) == [0, 1]


@pytest.mark.parametrize("position", ["?after=nonsense", "?after=17"])
def test_a_malformed_cursor_is_refused(
    client: Client, logs: EventLogs, events: str, position: str
) -> None:
    write(logs, "one")

    answered = client.get(events + position)

    assert (answered.status, answered.code) == (422, "invalid_request")


def test_a_damaged_log_resets_the_stream(
    client: Client, logs: EventLogs, events: str, backend: ScriptedBackend, workspace: Path
) -> None:
    backend.holds(ITEM, ItemState.DONE, proven=True)
    write(logs, "one")
    log = workspace / ".millracer" / "items" / ITEM / "events.ndjson"
    with log.open("a") as file:
        file.write("no JSON\n")

    with client.stream(events) as stream:
        frames = stream.frames()

    assert {"reason": "damaged", "work_item_id": ITEM} in [each["payload"] for each in frames]
    assert kinds(frames)[-1] == "result"


def test_a_log_that_becomes_a_pipe_blocks_no_other_request(
    client: Client, logs: EventLogs, events: str, backend: ScriptedBackend, workspace: Path
) -> None:
    backend.holds(ITEM, ItemState.QUEUED)
    write(logs, "one")
    log = workspace / ".millracer" / "items" / ITEM / "events.ndjson"

    with client.stream(events) as stream:
        stream.frames("stage.started")
        log.unlink()
        os.mkfifo(log)
        reset = stream.frames("stream.reset")[-1]
        statuses = [client.get(path).status for path in ("/board", events.removesuffix("/events"))]
        backend.items[ITEM].proven, backend.items[ITEM].state = True, ItemState.DONE
        assert kinds(stream.frames())[-1] == "result"

    assert reset["payload"]["reason"] == "pruned"
    assert statuses == [200, 200]


def test_a_live_item_is_streamed_as_it_is_written(
    client: Client, logs: EventLogs, events: str, backend: ScriptedBackend
) -> None:
    backend.holds(ITEM, ItemState.QUEUED)
    write(logs, "one")

    with client.stream(events) as first, client.stream(events, NDJSON) as second:
        _ = first.frames("stage.started"), _lines_until(second, "stage.started")
        write(logs, "two")
        seen = first.frames("stage.started"), _lines_until(second, "stage.started")

        backend.items[ITEM].proven, backend.items[ITEM].state = True, ItemState.DONE
        ends = first.frames(), _lines_until(second, "result")

    assert [frames[-1]["message"] for frames in seen] == ["two", "two"]
    assert [frames[-1]["payload"]["outcome"] for frames in ends] == ["completed"] * 2
    assert second.head.header("content-type") == "application/x-ndjson; charset=utf-8"


def test_an_item_without_a_log_is_streamed_once_it_has_one(
    client: Client, logs: EventLogs, events: str, backend: ScriptedBackend
) -> None:
    backend.holds(ITEM, ItemState.QUEUED)

    with client.stream(events) as stream:
        first = stream.event()
        assert first is not None
        assert json.loads(first["data"])["payload"]["durable"] is False
        write(logs, "one")
        frames = stream.frames("stage.started")

    assert sequences(frames) == [0, 1]


def test_an_unknown_item_is_not_found(client: Client, workspace: Path) -> None:
    answered = client.get(f"/workspaces/{key_of(workspace)}/items/nothing/events")

    assert (answered.status, answered.json["error"]["field"]) == (404, "work_item_id")


def test_too_many_streams_are_refused_until_one_is_closed(client: Client) -> None:
    with ExitStack() as opened_streams:
        for _ in range(MOST_STREAMS):
            stream = opened_streams.enter_context(client.stream("/events"))
            assert stream.event() is not None
        answered = client.get("/events")
        assert (answered.status, answered.code) == (429, "too_many_streams")
        assert int(answered.header("retry-after") or "") > 0

    wait_until(lambda: _is_admitted(client), "a stream is admitted again")


def test_streams_that_are_requested_at_once_are_counted_before_their_answer(
    client: Client,
) -> None:
    with ExitStack() as opened_streams:
        asked = [
            opened_streams.enter_context(client.stream("/events")) for _ in range(MOST_STREAMS + 20)
        ]
        statuses = [stream.head.status for stream in asked]

    assert sorted(set(statuses)) == [200, 429]
    assert statuses.count(200) == MOST_STREAMS


def _is_admitted(client: Client) -> bool:
    with client.stream("/events") as stream:
        return stream.head.status == 200


def test_a_client_that_does_not_read_holds_up_no_other(
    client: Client, logs: EventLogs, events: str, backend: ScriptedBackend
) -> None:
    backend.holds(ITEM, ItemState.DONE, proven=True)
    write(logs, *("x" * 10_000 for _ in range(600)))

    with client.stream(events), client.stream(events), client.stream(events) as reading:
        frames = reading.frames()

    assert sequences(frames) == list(range(601))


def test_a_server_that_stops_says_so(
    client: Client, logs: EventLogs, events: str, backend: ScriptedBackend
) -> None:
    backend.holds(ITEM, ItemState.QUEUED)
    write(logs, "one")
    with (
        client.stream(events) as stream,
        client.stream("/events", NDJSON) as changes,
    ):
        stream.frames("stage.started")
        assert changes.line() is not None
        client.stop()
        assert kinds(stream.frames("stream.closing"))[-1] == "stream.closing"
        assert _lines_until(changes, "stream.closing")[-1]["event_type"] == "stream.closing"
        assert stream.event() is None


def test_registering_a_workspace_is_a_change(client: Client, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    with client.stream("/events") as stream:
        assert stream.event() is not None
        assert client.post("/workspaces", {"path": str(other)}).status == 200
        frames = stream.frames("server.changed")

    assert kinds(frames)[-1] == "server.changed"


def test_an_action_is_a_change_of_its_workspace(client: Client, workspace: Path) -> None:
    with client.stream("/events") as stream:
        assert stream.event() is not None
        assert client.post(f"/workspaces/{key_of(workspace)}/pause").status == 200
        frames = stream.frames("workspace.changed")

    assert frames[-1]["payload"]["workspace"] == key_of(workspace)


def _lines_until(stream: Stream, kind: str) -> list[dict[str, object]]:
    found: list[dict[str, object]] = []
    while not found or found[-1]["event_type"] != kind:
        line = stream.line()
        assert line is not None, found
        found.append(json.loads(line))
    return found
