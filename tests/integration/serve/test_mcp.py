"""MCP at `/mcp` of the server, over the SDK's client, behind the server's guard."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import httpx2
import pytest
from mcp import Client as McpClient
from mcp.client.streamable_http import streamable_http_client

from millracer.domain.requests import Finalizer
from millracer.domain.work.items import ItemState
from millracer.operations.options import OptionLayers
from millracer.serve.mcp_endpoint import McpEndpoint
from millracer.testing.steps import item_ends, stage_runs
from millracer.wiring.tool_factory import PortFactory
from tests.support.asynchronous import run_apart
from tests.support.mcp_servers import CreatedTask, TasksClient, call
from tests.support.serving import Client, LiveBackend, key_of, serving

ITEM = "fix-it-0123456789abcdef0123"
_Value = TypeVar("_Value")


def using(
    server: Client, work: Callable[[McpClient], Awaitable[_Value]], mode: str, **options: Any
) -> _Value:
    """Return the result of work with a client of a server."""

    async def run() -> _Value:
        headers = {"Authorization": f"Bearer {server.token}"}
        async with httpx2.AsyncClient(headers=headers, timeout=60) as http:
            transport = streamable_http_client(f"http://{server.host}/mcp", http_client=http)
            async with McpClient(transport, mode=mode, **options) as client:
                return await work(client)

    return run_apart(run())


@pytest.mark.parametrize("mode", ["legacy", "2026-07-28"])
def test_the_server_offers_the_tools(
    client: Client, backend: LiveBackend, workspace: Path, mode: str
) -> None:
    backend.holds(ITEM, ItemState.DONE, proven=True)

    async def work(mcp: McpClient) -> tuple[set[str], dict[str, Any], dict[str, Any]]:
        names = {tool.name for tool in (await mcp.list_tools()).tools}
        by_key = await call(mcp, "result", work_item_id=ITEM, workspace=key_of(workspace))
        return names, by_key, await call(mcp, "wait", work_item_id=ITEM)

    names, *reports = using(client, work, mode)

    assert names >= {"delegate", "wait", "pause", "resume", "retry"}
    assert [report["status"] for report in reports] == ["completed"] * 2


def test_a_read_only_server_offers_reading_tools(reader: Client, backend: LiveBackend) -> None:
    backend.holds(ITEM, ItemState.QUEUED)

    async def work(mcp: McpClient) -> tuple[set[str], dict[str, Any]]:
        names = {tool.name for tool in (await mcp.list_tools()).tools}
        return names, await call(mcp, "cancel", work_item_id=ITEM)

    names, refused = using(reader, work, "2026-07-28")

    assert names == {"wait", "result", "status", "list_items", "show", "logs", "diff"}
    assert refused["code"] == "unknown_tool"
    assert backend.items[ITEM].state is ItemState.QUEUED


def test_the_server_runs_a_delegated_task_to_its_proof(
    tools: PortFactory, backend: LiveBackend, workspace: Path
) -> None:
    backend.will_show(stage_runs("builder"), item_ends())
    created: list[CreatedTask] = []
    task = {"task": "Fix it", "intake": "task", "request_id": "ticket-1"}

    with serving(
        tools, workspace, options=OptionLayers(given={"finalizer": Finalizer.SUMMARY})
    ) as client:
        report = using(
            client,
            lambda mcp: call(mcp, "delegate", **task),
            "2026-07-28",
            extensions=[TasksClient(created.append)],
        )

    assert report["scoped_completion"] is True
    assert [each.task_id.partition(".")[0] for each in created] == [key_of(workspace)]


def test_the_guard_checks_requests_of_mcp(client: Client) -> None:
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/list"}).encode()
    headers = ("Content-Type: application/json", "Accept: application/json, text/event-stream")

    no_token = client.raw("POST", "/mcp", *headers, body=body, token="")
    foreign = client.raw("POST", "/mcp", *headers, "Origin: http://evil.example", body=body)
    other_name = client.raw("POST", "/mcp", *headers, body=body, host="evil.example")
    reading = client.raw("GET", "/mcp", *headers)

    assert [each.status for each in (no_token, foreign, other_name)] == [401, 403, 421]
    assert reading.code == "method_not_allowed"


class Recorded:
    """An MCP application that records its requests."""

    def __init__(self) -> None:
        self.requests: list[str] = []

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        self.requests.append("entered")
        try:
            yield
        finally:
            self.requests.append("left")

    async def __call__(self, scope: Any, _receive: Any, _send: Any) -> None:
        self.requests.append(scope["path"])


async def _unused(*_: Any) -> Any:
    raise AssertionError("the application neither reads nor sends")


def test_the_library_is_loaded_once_at_the_first_request() -> None:
    loaded: list[Recorded] = []

    def make() -> Any:
        loaded.append(Recorded())
        return loaded[-1]

    async def use() -> None:
        endpoint = McpEndpoint(make)
        async with endpoint.running():
            await asyncio.sleep(0)
            assert loaded == []
            for path in ("first", "second"):
                await endpoint({"path": path}, _unused, _unused)

    run_apart(use())
    (endpoint,) = loaded
    assert endpoint.requests == ["entered", "first", "second", "left"]


def test_a_library_that_cannot_be_loaded_fails_each_request() -> None:
    def make() -> Any:
        raise ImportError("half an upgrade")

    async def use() -> None:
        endpoint = McpEndpoint(make)
        async with endpoint.running():
            for _ in range(2):
                with pytest.raises(ImportError):
                    await endpoint({}, _unused, _unused)

    run_apart(use())
