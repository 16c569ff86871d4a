"""The server on the real Millrace: a task over HTTP to its proof, also if the server is killed."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.support.cli import wait_until
from tests.support.scenario import Scenario, Step
from tests.support.serving import key_of, server_process
from tests.support.workspace import make_workspace

pytestmark = pytest.mark.acceptance
TASK = {"task": "Mend the widget", "intake": "task", "request_id": "ticket-1"}
SLOW = Scenario({"builder": (Step(seconds=8),)})


@pytest.mark.ending
def test_an_item_goes_to_its_proof_although_its_server_is_killed(
    tmp_path: Path, millrace_command: str
) -> None:
    workspace = make_workspace(tmp_path / "workspace", millrace_command, SLOW)
    here = f"/workspaces/{key_of(workspace.root)}"
    state = tmp_path / "state"
    arguments = (
        *("--workspace", str(workspace.root), "--finalizer", "summary"),
        *("--millrace-command", millrace_command, "--pi-command", "no-pi-is-needed"),
    )
    with server_process(*arguments, state=state) as server:
        accepted = server.client.post(f"{here}/items", TASK).json
        events = accepted["events"].removeprefix("/api/v1")
        with server.client.stream(events) as stream:
            before = stream.frames("stage.started")
        server.send(signal.SIGKILL)
        server.end()
    cursor = before[-1]["cursor"]

    with server_process(*arguments, state=state) as server:
        with server.client.stream(events, f"Last-Event-ID: {cursor}") as stream:
            after = stream.frames()
        board = server.client.get("/board").json["workspaces"]
        shown = server.client.get(f"{here}/items/{accepted['work_item_id']}").json
        attempts = server.client.get(f"{here}/items/{accepted['work_item_id']}/attempts").json

    stored = [frame for frame in (*before, *after) if "cursor" in frame]
    assert [frame["sequence"] for frame in stored] == list(range(len(stored)))
    kinds = [frame["event_type"] for frame in stored]
    assert (kinds.count("attempt.lost"), kinds.count("attempt.started")) == (1, 2)
    assert after[-1]["event_type"] == "result"
    assert after[-1]["payload"]["outcome"] == "completed"
    assert after[-1]["payload"]["scoped_completion"] is True
    assert board[0]["counts"]["ended_today"] == 1
    assert shown["item"]["state"] == "done"
    assert [each["outcome"] for each in attempts["attempts"]] == ["completed", None]
    assert list(state.glob("serve*")) == []
    assert workspace.stages() == ["builder", "checker", "updater"]


def test_a_server_that_is_stopped_gives_its_items_back(
    tmp_path: Path, millrace_command: str
) -> None:
    workspace = make_workspace(tmp_path / "workspace", millrace_command, SLOW)
    here = f"/workspaces/{key_of(workspace.root)}"
    arguments = (
        *("--workspace", str(workspace.root), "--finalizer", "summary"),
        *("--millrace-command", millrace_command, "--pi-command", "no-pi-is-needed"),
    )
    with server_process(*arguments, state=tmp_path / "state") as server:
        accepted = server.client.post(f"{here}/items", TASK).json
        with server.client.stream(accepted["events"].removeprefix("/api/v1")) as stream:
            stream.frames("stage.started")
            server.send(signal.SIGTERM)
            assert stream.frames("stream.closing")[-1]["event_type"] == "stream.closing"
        code, stderr = server.end()

    assert code == 143, stderr
    waiting = workspace.agents / "tasks" / "queue" / f"{accepted['work_item_id']}.md"
    wait_until(waiting.exists, "the item is back in the queue")
    wait_until(lambda: not _runs(workspace.root), "the daemon has ended")


def _runs(root: Path) -> bool:
    lock = root / "millrace-agents" / "state" / "runtime_daemon.lock.json"
    return lock.exists()
