"""The routes of the API on a scripted Millrace: what each answers, and what it refuses."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from millracer.domain.event_log import EventType
from millracer.domain.work.items import ItemState
from millracer.domain.work.runtime import RuntimeEvent, RuntimeEventKind
from millracer.errors import ToolTimeout, ToolUnsupported
from millracer.serve.routes import ROUTES
from millracer.serve.runs import MOST_RUNS
from millracer.testing.agent import ScriptedAgent
from millracer.testing.steps import Step, item_ends, stage_runs
from millracer.wiring import open_event_logs
from millracer.wiring.tool_factory import PortFactory
from tests.support.cli import wait_until
from tests.support.event_logs import news, opened
from tests.support.ops_requests import asks
from tests.support.serving import Client, LiveBackend, key_of, serving

ITEM = "fix-it-0123456789abcdef0123"


@pytest.fixture
def here(workspace: Path) -> str:
    return f"/workspaces/{key_of(workspace)}"


def test_the_board_shows_each_workspace(
    client: Client, backend: LiveBackend, workspace: Path
) -> None:
    backend.holds(ITEM, ItemState.ACTIVE)
    backend.holds("stuck-0123456789abcdef0123", ItemState.BLOCKED)
    for number in range(7):
        backend.holds(f"waits-{number}-0123456789abcdef0123", ItemState.QUEUED)
    backend.has_daemon()

    board = client.get("/board").json

    (entry,) = board["workspaces"]
    assert (board["schema_version"], board["read_only"]) == ("millracer.board.v1", False)
    assert (entry["path"], entry["error"]) == (str(workspace), None)
    assert entry["counts"] == {"queued": 7, "active": 1, "blocked": 1, "ended_today": 0}
    assert entry["daemon"]["state"] == "running"
    assert [each["work_item_id"] for each in entry["running"]] == [ITEM]
    assert len(entry["waiting"]) == 5


def test_the_board_shows_the_title_of_an_ended_item(client: Client, backend: LiveBackend) -> None:
    backend.holds(ITEM, ItemState.DONE).title = "Fix the header"
    for item_id in (ITEM, "gone-0123456789abcdef0123"):
        backend.events.append(
            RuntimeEvent(
                kind=RuntimeEventKind.STAGE_ENDED,
                occurred_at=datetime.now(UTC),
                item_id=item_id,
                item_state=ItemState.DONE,
            )
        )

    (entry,) = client.get("/board").json["workspaces"]

    assert [each["title"] for each in entry["ended"]] == [
        "gone-0123456789abcdef0123",
        "Fix the header",
    ]


def test_the_board_reads_a_workspace_again_only_after_a_change(
    client: Client, backend: LiveBackend
) -> None:
    def blocked() -> int:
        count: int = client.get("/board").json["workspaces"][0]["counts"]["blocked"]
        return count

    backend.status_stamp = "first"
    assert blocked() == 0
    backend.holds(ITEM, ItemState.BLOCKED)
    assert blocked() == 0

    backend.status_stamp = "second"
    assert blocked() == 1


def test_the_board_keeps_no_workspace_that_may_have_changed(
    client: Client, backend: LiveBackend
) -> None:
    backend.status_stamp = "first"
    client.get("/board")
    backend.holds(ITEM, ItemState.BLOCKED)
    backend.status_stamp = None

    (entry,) = client.get("/board").json["workspaces"]

    assert entry["counts"]["blocked"] == 1


def test_the_board_keeps_no_error(client: Client, backend: LiveBackend) -> None:
    backend.status_stamp = "first"
    backend.will_fail("read_status", ToolTimeout("millrace", "it did not end"))

    errors = [client.get("/board").json["workspaces"][0]["error"] for _ in range(2)]

    assert [each and each["code"] for each in errors] == ["millrace_timed_out", None]


def test_the_board_shows_who_runs_an_item_now(
    client: Client, backend: LiveBackend, here: str
) -> None:
    backend.holds(ITEM, ItemState.ACTIVE)
    backend.has_daemon()
    backend.status_stamp = "first"

    def runner() -> str | None:
        found: str | None = client.get("/board").json["workspaces"][0]["running"][0]["runner"]
        return found

    assert runner() is None
    backend.will_show(Step(until_deadline=True))
    assert client.post(f"{here}/items/{ITEM}/watch", {"options": SUMMARY}).status == 202

    assert runner() == "here"


def test_a_workspace_that_was_never_initialised_is_empty(tmp_path: Path) -> None:
    folder = tmp_path / "new"
    folder.mkdir()
    backend = LiveBackend(workspace=str(folder), is_initialised=False)
    with serving(_tools(backend), folder) as client:
        (entry,) = client.get("/board").json["workspaces"]

    assert (entry["is_initialized"], entry["exists"], entry["error"]) == (False, True, None)
    assert entry["daemon"]["state"] == "stopped"


def test_a_workspace_that_was_removed_stays_on_the_board(
    client: Client, workspace: Path, here: str
) -> None:
    workspace.rename(workspace.with_name("elsewhere"))

    (entry,) = client.get("/board").json["workspaces"]
    answered = client.get(f"{here}/status")

    assert (entry["exists"], entry["error"]) == (False, None)
    assert (answered.status, answered.code) == (404, "workspace_missing")


def test_an_unsupported_millrace_is_an_error_of_its_workspace(
    client: Client, backend: LiveBackend, here: str
) -> None:
    error = ToolUnsupported("millrace", "too old", suggested_action="install another")
    for _ in range(2):
        backend.will_fail("check_supported", error)

    (entry,) = client.get("/board").json["workspaces"]
    answered = client.get(f"{here}/status")

    assert entry["error"]["code"] == "millrace_unsupported"
    assert entry["daemon"]["state"] == "unknown"
    assert (answered.status, answered.code) == (503, "millrace_unsupported")
    assert answered.json["document"]["schema_version"] == "millracer.status.v1"


def test_a_timeout_of_millrace_is_that_of_a_gateway(
    client: Client, backend: LiveBackend, here: str
) -> None:
    backend.will_fail("read_status", ToolTimeout("millrace", "it did not end"))

    assert client.get(f"{here}/status").status == 504


def test_items_are_listed_page_by_page(client: Client, backend: LiveBackend, here: str) -> None:
    ids = [f"item-{number:03}-0123456789abcdef0123" for number in range(7)]
    for each in ids:
        backend.holds(each, ItemState.QUEUED)

    found, before, pages = [], "", 0
    while before is not None:
        page = client.get(f"{here}/items?limit=3{f'&before={before}' if before else ''}").json
        found += [each["work_item_id"] for each in page["items"]]
        before, pages = page["next"], pages + 1
        assert page["total"] == 7

    assert (found, pages) == (ids[::-1], 3)


def test_items_are_listed_with_their_log_and_runner(
    client: Client, backend: LiveBackend, workspace: Path, here: str
) -> None:
    backend.holds(ITEM, ItemState.ACTIVE)
    backend.holds("other-0123456789abcdef0123", ItemState.DONE)
    writer = opened(open_event_logs(str(workspace)), ITEM)
    writer.append(news("one", attempt=1))
    try:
        page = client.get(f"{here}/items?state=active&state=queued").json
    finally:
        writer.close()

    (item,) = page["items"]
    assert (item["work_item_id"], item["runner"]) == (ITEM, "elsewhere")
    assert item["head"].endswith("-1")


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("limit=x", "limit"),
        ("state=nowhere", "state.0"),
        ("before=x", "before"),
        ("before=99999999999999999999-x", "before"),
        ("nope=1", "nope"),
        ("limit=1&limit=2", "limit"),
    ],
)
def test_a_wrong_query_is_refused(client: Client, here: str, query: str, field: str) -> None:
    answered = client.get(f"{here}/items?{query}")

    assert (answered.status, answered.code) == (422, "invalid_request")
    assert answered.json["error"]["field"] == field


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b"\xff\xfe{\x00", 400),
        (b'{"task": "\\ud800"}', 400),
        (b"[]", 422),
        (b"{}", 422),
        (b'{"task": "  "}', 422),
        (b'{"task": 1}', 422),
        (b'{"task": "x", "nope": 1}', 422),
        (b'{"task": "x", "options": {"pi_command": "rm"}}', 422),
        (b'{"task": "x", "options": {"cwd": "/"}}', 422),
        (b'{"task": "x", "options": {"stage_model": "nonsense"}}', 422),
        (b"[" * 100_000, 400),
    ],
)
def test_a_wrong_body_is_refused(client: Client, here: str, body: bytes, status: int) -> None:
    answered = client.raw(
        "POST", f"/api/v1{here}/items", "Content-Type: application/json", body=body
    )

    assert answered.status == status, answered.body
    assert answered.json["error"]["suggested_action"]


@pytest.mark.parametrize("name", ["00000000", "no-such-id", "..", "%2e%2e", "a%00b", "%20"])
def test_an_unknown_workspace_is_not_served(client: Client, name: str) -> None:
    answered = client.get(f"/workspaces/{name}/status")

    assert answered.status in {404, 422}
    assert answered.code in {"workspace_not_served", "invalid_request", "no_such_address"}


@pytest.mark.parametrize("name", ["nothing", "nothing-0123456789abcdef0123", "..", "a%0ab", "%2e"])
@pytest.mark.parametrize("part", ["", "/logs", "/trace", "/events", "/attempts", "/diff"])
def test_an_unknown_item_is_not_found(client: Client, here: str, name: str, part: str) -> None:
    assert client.get(f"{here}/items/{name}{part}").status == 404


def test_commands_about_an_unknown_item_are_not_found(client: Client, here: str) -> None:
    for action in ("cancel", "retry", "watch"):
        answered = client.post(f"{here}/items/nothing/{action}", {})
        assert answered.status == 404, action


def test_a_task_is_submitted_and_run_to_its_end(
    client: Client, backend: LiveBackend, here: str
) -> None:
    backend.will_show(stage_runs("builder"), item_ends(ItemState.DONE, proven=True))

    answered = client.post(
        f"{here}/items",
        {"task": "Fix it", "intake": "task", "request_id": "t1", "options": SUMMARY},
    )

    accepted = answered.json
    assert (answered.status, accepted["is_new"], accepted["runs_here"]) == (202, True, True)
    with client.stream(accepted["events"].removeprefix("/api/v1")) as stream:
        frames = stream.frames()
    kinds = [frame["event_type"] for frame in frames]
    assert "attempt.ended" in kinds
    assert frames[-1]["payload"]["outcome"] == "completed"
    attempts = client.get(f"{here}/items/{accepted['work_item_id']}/attempts").json["attempts"]
    assert [(each["number"], each["outcome"]) for each in attempts] == [(1, "completed")]
    assert [each["request_id"] for each in attempts] == ["t1"]


SUMMARY = {"finalizer": "summary"}


def test_a_task_can_be_queued_only(client: Client, backend: LiveBackend, here: str) -> None:
    accepted = client.post(f"{here}/items", {"task": "Fix it", "run": False}).json

    assert (accepted["runs_here"], accepted["state"]) == (False, "queued")
    assert backend.started == []


def test_the_same_key_is_the_same_work_and_another_text_a_conflict(
    client: Client, here: str
) -> None:
    key = "Idempotency-Key: key-1"
    first = client.post(f"{here}/items", {"task": "Fix it", "run": False}, key)
    again = client.post(f"{here}/items", {"task": "Fix it", "run": False}, key)
    other = client.post(f"{here}/items", {"task": "Break it", "run": False}, key)

    assert [first.json["is_new"], again.json["is_new"]] == [True, False]
    assert first.json["work_item_id"] == again.json["work_item_id"]
    assert (other.status, other.code) == (409, "idempotency_conflict")


def test_an_item_is_run_once(client: Client, backend: LiveBackend, here: str) -> None:
    backend.holds(ITEM, ItemState.QUEUED)
    backend.has_daemon()
    backend.will_show(*[Step(until_deadline=True)] * 2)

    first = client.post(f"{here}/items/{ITEM}/watch", {"options": SUMMARY})
    again = client.post(f"{here}/items/{ITEM}/watch", {"options": SUMMARY})

    assert (first.status, again.status) == (202, 202)
    wait_until(lambda: backend.watchers == 1, "the server watches the item")
    (item,) = client.get(f"{here}/items").json["items"]
    assert item["runner"] == "here"


def test_too_many_runs_are_refused(
    client: Client, backend: LiveBackend, here: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("millracer.serve.runs.MOST_RUNS", 1)
    backend.holds(ITEM, ItemState.QUEUED)
    backend.has_daemon()
    backend.will_show(Step(until_deadline=True))
    assert client.post(f"{here}/items/{ITEM}/watch", {"options": SUMMARY}).status == 202

    answered = client.post(f"{here}/items", {"task": "Another"})

    assert (answered.status, answered.code) == (429, "too_many_runs")
    assert answered.header("retry-after") is not None
    assert len(backend.items) == 1
    assert MOST_RUNS == 64


@pytest.mark.parametrize(
    ("action", "outcome"), [("pause", "done"), ("resume", "already"), ("stop", "already")]
)
def test_control_commands_answer_with_what_was_observed(
    client: Client, here: str, action: str, outcome: str
) -> None:
    answered = client.post(f"{here}/{action}")

    assert answered.status == 200
    assert answered.json["outcome"] == outcome


def test_a_refused_control_command_is_a_conflict_with_its_document(
    client: Client, backend: LiveBackend, here: str
) -> None:
    backend.holds(ITEM, ItemState.DONE)

    answered = client.post(f"{here}/items/{ITEM}/cancel", {"reason": "not needed"})

    assert (answered.status, answered.code) == (409, "too_late")
    assert answered.json["document"]["outcome"] == "too_late"


def test_a_foreign_daemon_is_in_use(client: Client, backend: LiveBackend, here: str) -> None:
    backend.has_daemon()

    assert client.post(f"{here}/stop", {}).code == "daemon_in_use"
    assert client.post(f"{here}/stop", {"force": True}).status == 200


def test_workspaces_are_registered_and_unregistered(client: Client, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()

    listed = client.post("/workspaces", {"path": str(other), "default": True}).json["workspaces"]
    entry = next(each for each in listed if each["path"] == str(other))
    by_id = client.get(f"/workspaces/{entry['workspace_id']}/history")
    left = client.raw("DELETE", f"/api/v1/workspaces/{entry['key']}").json["workspaces"]

    assert (entry["workspace_id"], entry["is_default"]) == ("other", True)
    assert by_id.status == 200
    assert str(other) not in [each["path"] for each in left]
    for path in (str(tmp_path / "missing"), "relative", "."):
        refused = client.post("/workspaces", {"path": path})
        assert (refused.status, refused.json["error"]["field"]) == (422, "path")
    assert client.post("/workspaces", {"path": str(other), "workspace_id": "default"}).status == 422
    assert other.is_dir()


def test_an_ops_request_has_its_ops_result(client: Client, workspace: Path) -> None:
    request = asks("status", workspace_ref={"root_path": str(workspace)})

    answered = client.post("/ops", request)

    assert answered.status == 200
    assert answered.json["schema_version"] == request["schema_version"]
    assert answered.json["status"] == "succeeded"


def test_an_unreadable_ops_request_has_an_ops_result(client: Client) -> None:
    answered = client.raw("POST", "/api/v1/ops", "Content-Type: application/json", body=b"nonsense")

    assert answered.status == 200
    assert answered.json["status"] == "failed"


def test_an_ops_request_reaches_served_workspaces_only(client: Client, tmp_path: Path) -> None:
    request = asks("status", workspace_ref={"root_path": str(tmp_path)})

    answered = client.post("/ops", request)

    assert (answered.status, answered.code) == (404, "workspace_not_served")


def test_a_read_only_server_takes_reading_ops_requests_only(
    reader: Client, workspace: Path
) -> None:
    place = {"root_path": str(workspace)}

    reading = reader.post("/ops", asks("status", workspace_ref=place))
    writing = reader.post("/ops", asks("start", workspace_ref=place))

    assert reading.json["status"] == "succeeded"
    assert (writing.status, writing.code) == (405, "read_only")


def test_a_read_only_server_writes_nothing_in_a_workspace(
    reader: Client, backend: LiveBackend, workspace: Path, here: str
) -> None:
    backend.holds(ITEM, ItemState.DONE, proven=True)
    writer = opened(open_event_logs(str(workspace)), ITEM)
    started = replace(news("one", attempt=1), type=EventType.ATTEMPT_STARTED)
    writer.append(started)  # a writer would log that this attempt was lost
    writer.close()
    before = _tree(workspace)

    for route in ROUTES:
        if route.method == "GET" and not route.streams:
            path = route.path.format(ws=key_of(workspace), id=ITEM, run_id="run-1")
            reader.get(path)
    with reader.stream(f"{here}/items/{ITEM}/events") as stream:
        assert stream.frames()[-1]["event_type"] == "result"

    assert _tree(workspace) == before
    assert backend.validated == []  # Millrace's compiler writes its plan
    assert reader.get("/board").json["read_only"] is True


def _tree(folder: Path) -> dict[str, tuple[int, int]]:
    return {
        str(path.relative_to(folder)): (path.stat().st_mtime_ns, path.stat().st_size)
        for path in folder.rglob("*")
    }


def test_the_log_of_the_last_daemon_is_shown_and_followed(
    client: Client, workspace: Path, here: str
) -> None:
    assert client.get(f"{here}/log").body == b""
    folder = workspace / ".millracer" / "logs"
    folder.mkdir()
    (folder / "daemon-20261130T120000000000Z.log").write_text("old\n")
    log = folder / "daemon-20261130T130000000000Z.log"
    log.write_text("one\ntwo\nsk-abcdefghijklmnopqrstuvwxyz123456\nhalf")

    shown = client.get(f"{here}/log")
    with client.stream(f"{here}/log", "Accept: text/event-stream") as stream:
        assert stream.event() is not None
        first = stream.event()
        assert first is not None
        with log.open("a") as file:
            file.write(" done\n")
        second = stream.event()
        assert second is not None
        (folder / "daemon-20261130T140000000000Z.log").write_text("new daemon\n")
        third, fourth = stream.event(), stream.event()
    rest = client.get(f"{here}/log?after={first['id']}")

    assert shown.body == b"one\ntwo\n[redacted]\n"
    assert json.loads(first["data"])["text"].startswith("one\n")
    assert json.loads(second["data"])["text"] == "half done\n"
    assert third is not None
    assert fourth is not None
    assert (third["event"], json.loads(fourth["data"])["text"]) == ("stream.reset", "new daemon\n")
    assert rest.body == b"new daemon\n"
    assert client.get(f"{here}/log?after=nonsense").status == 422


def _tools(backend: LiveBackend) -> PortFactory:
    return PortFactory(
        backends=lambda *_: backend, agents=lambda *_: ScriptedAgent(), logs=open_event_logs
    )
