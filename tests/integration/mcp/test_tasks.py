"""The tasks extension over the SDK's client: a handle that every later server answers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest
from mcp import Client
from mcp.shared.exceptions import MCPError

from millracer.domain.work.items import ItemState
from millracer.domain.workspaces import workspace_key
from tests.integration.mcp.conftest import MakeServer, NotedRuns
from tests.support.asynchronous import run_apart
from tests.support.mcp_servers import CreatedTask, TasksClient, call, create_task, task_method
from tests.support.serving import LiveBackend

ITEM = "fix-it-0123456789abcdef0123"
TASK = {"task": "Fix it", "intake": "task", "request_id": "ticket-1"}
_Value = TypeVar("_Value")


def using(
    server: Any,
    work: Callable[[Client], Awaitable[_Value]],
    extension: TasksClient | None = None,
    *,
    declares: bool = True,
) -> _Value:
    """Return the result of work with a client, or raise the server's error."""

    async def run() -> _Value | MCPError:
        extensions = [extension or TasksClient()] if declares else []
        async with Client(server, mode="2026-07-28", extensions=extensions) as client:
            try:
                return await work(client)
            except MCPError as error:
                return error

    found = run_apart(run())
    if isinstance(found, MCPError):
        raise found
    return found


def delegate(server: Any) -> CreatedTask:
    return using(server, lambda client: create_task(client, **TASK))


def get(server: Any, task_id: str) -> dict[str, Any]:
    return using(server, lambda client: task_method(client, "tasks/get", task_id))


def test_a_new_server_answers_for_the_task_of_an_earlier_one(
    make: MakeServer, backend: LiveBackend, workspace: Path, runs: NotedRuns
) -> None:
    created = delegate(make())
    (item_id,) = backend.enqueued
    working = get(make(), created.task_id)
    backend.holds(item_id, ItemState.DONE, proven=True)
    ended = get(make(), created.task_id)

    assert created.task_id == f"{workspace_key(str(workspace))}.{item_id}"
    assert runs.items == [item_id]
    assert (created.status, working["status"]) == ("working", "working")
    assert "result" not in working
    assert (ended["status"], ended["result"]["isError"]) == ("completed", False)
    assert ended["result"]["structuredContent"]["scoped_completion"] is True


def test_the_same_request_is_the_same_task(make: MakeServer, backend: LiveBackend) -> None:
    first = delegate(make())
    second = delegate(make())

    assert first.task_id == second.task_id
    assert len(backend.enqueued) == 1


def test_a_task_that_ended_without_proof_is_completed_with_an_error(
    make: MakeServer, backend: LiveBackend, workspace: Path
) -> None:
    backend.holds(ITEM, ItemState.DONE)

    task = get(make(), f"{workspace_key(str(workspace))}.{ITEM}")

    assert (task["status"], task["result"]["isError"]) == ("completed", True)
    assert task["result"]["structuredContent"]["scoped_completion"] is False


def test_a_cancelled_item_is_a_cancelled_task(
    make: MakeServer, backend: LiveBackend, workspace: Path
) -> None:
    backend.holds(ITEM, ItemState.QUEUED)
    task_id = f"{workspace_key(str(workspace))}.{ITEM}"

    using(make(), lambda client: task_method(client, "tasks/update", task_id))
    using(make(), lambda client: task_method(client, "tasks/cancel", task_id))

    assert backend.items[ITEM].state is ItemState.CANCELLED
    assert get(make(), task_id)["status"] == "cancelled"


@pytest.mark.parametrize("method", ["tasks/get", "tasks/update", "tasks/cancel"])
def test_a_method_needs_the_extension_and_a_workspace_that_is_served(
    make: MakeServer, workspace: Path, method: str
) -> None:
    task_id = f"{workspace_key(str(workspace))}.{ITEM}"
    with pytest.raises(MCPError) as undeclared:
        using(make(), lambda client: task_method(client, method, task_id), declares=False)
    with pytest.raises(MCPError) as unknown:
        using(make(), lambda client: task_method(client, method, f"00000000.{ITEM}"))

    assert undeclared.value.error.code == -32021
    assert unknown.value.error.code == -32602


def test_an_unknown_item_is_an_unknown_task(make: MakeServer, workspace: Path) -> None:
    with pytest.raises(MCPError) as unknown:
        get(make(), f"{workspace_key(str(workspace))}.no-such-item")

    assert unknown.value.error.code == -32602


def test_a_host_that_polls_gets_the_report_of_the_tool(
    make: MakeServer, backend: LiveBackend
) -> None:
    def end(_: CreatedTask) -> None:
        backend.holds(backend.enqueued[0], ItemState.DONE, proven=True)

    report = using(make(), lambda client: call(client, "delegate", **TASK), TasksClient(end))

    assert (report["status"], report["scoped_completion"]) == ("completed", True)


def test_a_client_without_the_extension_gets_a_report(make: MakeServer) -> None:
    report = using(make(), lambda client: call(client, "delegate", **TASK), declares=False)

    assert report["status"] == "working"
