"""`millracer mcp` for tests: its process under the SDK's own client, and its end."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Annotated, Any, Literal

import psutil
from mcp import Client, StdioServerParameters
from mcp.client.extension import ClientExtension, ResultClaim
from mcp.client.session import ClientSession
from mcp.types import CallToolResult
from mcp_types import Request, Result
from pydantic import ConfigDict, Field

TASKS = "io.modelcontextprotocol/tasks"


class CreatedTask(Result):
    """The answer to a call that became a task."""

    result_type: Literal["task"] = "task"
    task_id: Annotated[str, Field(alias="taskId")]
    status: str
    poll_interval_ms: Annotated[int, Field(alias="pollIntervalMs")]


class Answer(Result):
    """The answer to a method of the extension."""

    model_config = ConfigDict(extra="allow")


class TasksClient(ClientExtension):
    """Declares the tasks extension, and polls each created task to its end, as a host does.

    Args:
        on_created: called with each created task.
    """

    identifier = TASKS

    def __init__(self, on_created: Callable[[CreatedTask], None] = lambda _: None) -> None:
        self._on_created = on_created

    def claims(self) -> Sequence[ResultClaim[Any]]:
        """See the base."""

        async def resolve(found: CreatedTask, context: Any) -> CallToolResult:
            self._on_created(found)
            while True:
                task = await _ask(context.session, "tasks/get", found.task_id)
                if "result" in task:
                    return CallToolResult.model_validate(task["result"])
                await asyncio.sleep(0.05)

        return (ResultClaim(result_type="task", model=CreatedTask, resolve=resolve),)


async def task_method(client: Client, name: str, task_id: str) -> dict[str, Any]:
    """Call a method of the extension."""
    return await _ask(client.session, name, task_id)


async def create_task(client: Client, **arguments: Any) -> CreatedTask:
    """Delegate a task, and return its handle."""
    created = await client.session.call_tool("delegate", arguments, allow_claimed=True)
    assert isinstance(created, CreatedTask)
    return created


async def _ask(session: ClientSession, name: str, task_id: str) -> dict[str, Any]:
    request = Request[Any, Any](method=name, params={"taskId": task_id})
    answer = await session.send_request(request, Answer)
    return answer.model_dump(by_alias=True)


def parameters(*arguments: str, state: Path, environment: Mapping[str, str] | None = None) -> Any:
    """Return how a client starts the server."""
    return StdioServerParameters(
        command=sys.executable,
        args=["-m", "millracer", "mcp", *arguments],
        env={**os.environ, "MILLRACER_STATE_DIR": str(state), **(environment or {})},
    )


@asynccontextmanager
async def connected(server: Any, **options: Any) -> AsyncIterator[Client]:
    """Yield a client of a server; its process ends with the block."""
    async with Client(server, read_timeout_seconds=120, **options) as client:
        yield client


async def call(client: Client, name: str, **arguments: Any) -> dict[str, Any]:
    """Call a tool, and return its report."""
    result = await client.call_tool(name, arguments)
    assert result.structured_content is not None
    return dict(result.structured_content)


def processes_of(*words: str) -> list[psutil.Process]:
    """Return the processes whose command line has all these words."""
    found = []
    for each in psutil.process_iter():
        with suppress(psutil.Error):
            if set(words) <= set(each.cmdline()):
                found.append(each)
    return found


@contextmanager
def watchers_ended(workspace: Path) -> Iterator[None]:
    """End the detached watchers of a workspace after the block."""
    try:
        yield
    finally:
        for each in processes_of("watch", str(workspace)):
            with suppress(psutil.Error):
                each.send_signal(signal.SIGTERM)
        psutil.wait_procs(processes_of("watch", str(workspace)), timeout=60)
