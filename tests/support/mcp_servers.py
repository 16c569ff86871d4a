"""`millracer mcp` for tests: its process under the SDK's own client, and its end."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any, Literal

import psutil
from mcp import Client, StdioServerParameters
from mcp.client.extension import ClientExtension, ResultClaim
from mcp.types import CallToolResult
from mcp_types import Result

TASKS = "io.modelcontextprotocol/tasks"


class CreatedTask(Result):
    """The answer to a call that became a task."""

    result_type: Literal["task"] = "task"
    task: dict[str, Any]


class TasksClient(ClientExtension):
    """Declares the tasks extension; a created task is kept, and not followed."""

    identifier = TASKS

    def __init__(self) -> None:
        self.created: list[dict[str, Any]] = []

    def claims(self) -> Sequence[ResultClaim[Any]]:
        """See the base."""

        async def resolve(found: CreatedTask, _context: Any) -> CallToolResult:
            self.created.append(found.task)
            return CallToolResult(content=[])

        return (ResultClaim(result_type="task", model=CreatedTask, resolve=resolve),)


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
