"""The MCP server on the real Millrace: a task to its proof, although its server is killed."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import pytest

from millracer.domain.workspaces import workspace_key
from tests.support.asynchronous import run_apart
from tests.support.mcp_servers import (
    TasksClient,
    call,
    connected,
    parameters,
    processes_of,
    task_method,
    watchers_ended,
)
from tests.support.scenario import Scenario, Step
from tests.support.workspace import make_workspace

pytestmark = pytest.mark.acceptance
SLOW = Scenario({"builder": (Step(seconds=6),)})
TASK = {"task": "Mend the widget", "intake": "task", "request_id": "ticket-1"}


@pytest.mark.ending
def test_a_delegated_task_goes_to_its_proof_although_its_server_is_killed(
    tmp_path: Path, millrace_command: str
) -> None:
    workspace = make_workspace(tmp_path / "workspace", millrace_command, SLOW)
    server = parameters(
        *("--workspace", str(workspace.root), "--finalizer", "summary"),
        *("--millrace-command", millrace_command, "--pi-command", "no-pi-is-needed"),
        state=tmp_path / "state",
    )

    async def delegate() -> dict[str, Any]:
        async with connected(server) as client:
            report = await call(client, "delegate", **TASK)
            for each in processes_of("mcp", str(workspace.root)):
                each.send_signal(signal.SIGKILL)
            return report

    async def wait(item_id: str) -> tuple[list[dict[str, Any]], list[str]]:
        messages: list[str] = []

        async def on_progress(_progress: float, _total: float | None, message: str | None) -> None:
            messages.append(message or "")

        async with connected(server, mode="legacy") as client:
            again = await call(client, "delegate", **TASK)
            waited = {}
            for _ in range(5):
                result = await client.call_tool(
                    "wait", {"work_item_id": item_id}, progress_callback=on_progress
                )
                waited = dict(result.structured_content or {})
                if waited["status"] != "working":
                    break
            return [again, waited, await call(client, "diff", work_item_id=item_id)], messages

    async def poll(item_id: str) -> dict[str, Any]:
        extensions = [TasksClient()]
        async with connected(server, mode="2026-07-28", extensions=extensions) as client:
            key = workspace_key(str(workspace.root))
            return await task_method(client, "tasks/get", f"{key}.{item_id}")

    with watchers_ended(workspace.root):
        delegated = run_apart(delegate())
        (again, waited, diff), messages = run_apart(wait(delegated["work_item_id"]))

        task = run_apart(poll(delegated["work_item_id"]))

    assert delegated["status"] == "working"
    assert delegated["scoped_completion"] is False
    assert again["work_item_id"] == delegated["work_item_id"]
    assert (waited["status"], waited["scoped_completion"]) == ("completed", True)
    assert waited["evidence"] != []
    assert task["status"] == "completed"
    assert task["result"]["structuredContent"]["evidence"] == waited["evidence"]
    assert any("builder" in message for message in messages)
    assert waited["cursor"] is not None
    assert diff["status"] == "answered"
    assert workspace.stages() == ["builder", "checker", "updater"]
