"""The MCP server: its tools on the SDK's low-level server, and its end."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Protocol

import mcp_types as types
from anyio import BrokenResourceError, ClosedResourceError, from_thread, to_thread
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel.server import Server
from mcp.server.stdio import stdio_server
from pydantic import ValidationError

from millracer import __version__
from millracer.errors import MillracerError
from millracer.logs import with_log_ids
from millracer.mcp.actions import OnEvent
from millracer.mcp.arguments import Arguments
from millracer.mcp.report import TaskReport, describe_error, describe_failure, to_json
from millracer.mcp.tools import INSTRUCTIONS, ToolRow
from millracer.schemas.ops.frame import EventFrame

_log = logging.getLogger(__name__)

#: Logs an unexpected error and returns the error to report.
ReportBug = Callable[[Exception], MillracerError]

_Context = ServerRequestContext[Any, Any]


class ToolActions(Protocol):
    """Performs tools: in a workspace here, or on a fleet."""

    def call(self, row: ToolRow, given: Arguments, on_event: OnEvent) -> TaskReport:
        """Perform a tool; errors become reports.

        Raises:
            Exception: a bug.
        """
        ...


class ToolServer:
    """Answers `tools/list` and `tools/call` from the table.

    Args:
        actions: performs the tools.
        rows: the tools that are offered.
        report_bug: called with each unexpected error.
    """

    def __init__(
        self, actions: ToolActions, rows: Sequence[ToolRow], report_bug: ReportBug
    ) -> None:
        self.actions = actions
        self._rows = {row.name: row for row in rows}
        self._report_bug = report_bug

    def offers(self, name: str) -> bool:
        """Return whether a tool is offered."""
        return name in self._rows

    async def list_tools(
        self, _context: _Context, _params: types.PaginatedRequestParams | None
    ) -> types.ListToolsResult:
        """Return the offered tools."""
        return types.ListToolsResult(tools=[_describe(row) for row in self._rows.values()])

    async def call_tool(
        self, context: _Context, params: types.CallToolRequestParams
    ) -> types.CallToolResult:
        """Perform a tool; each error is a report that a model can act on."""
        return to_result(await self.report(context, params.name, params.arguments or {}))

    async def report(
        self, context: _Context, name: str, arguments: Mapping[str, Any]
    ) -> TaskReport:
        """Perform a tool, and return its report."""
        row = self._rows.get(name)
        if row is None:
            return describe_failure(
                f"there is no tool {name!r:.100}",
                f"call one of: {', '.join(self._rows)}",
                code="unknown_tool",
            )
        try:
            given: Arguments = row.arguments.model_validate(dict(arguments))
        except ValidationError as error:
            return _invalid(row, error)
        sent = 0

        def on_event(frame: EventFrame) -> None:
            nonlocal sent
            sent += 1
            with suppress(ClosedResourceError, BrokenResourceError):  # the client has left
                from_thread.run(partial(context.session.report_progress, sent, None, frame.message))

        return await self.in_thread(partial(self.actions.call, row, given, on_event))

    async def in_thread(self, work: Callable[[], TaskReport]) -> TaskReport:
        """Return the report of blocking work; a bug becomes a report too."""
        try:
            return await to_thread.run_sync(with_log_ids(work), abandon_on_cancel=True)
        except Exception as error:  # noqa: BLE001 - the one place where a bug becomes an answer
            return describe_error(self._report_bug(error))


def make_server(tools: ToolServer, instructions: str = INSTRUCTIONS) -> Server[Any]:
    """Return the server of these tools.

    Args:
        tools: performs them.
        instructions: how a model should use them.
    """
    return Server(
        "millracer",
        version=__version__,
        title="Millracer",
        instructions=instructions,
        on_list_tools=tools.list_tools,
        on_call_tool=tools.call_tool,
    )


async def serve_stdio(server: Server[Any]) -> None:
    """Serve standard input and output until standard input ends; nothing else is printed there."""
    async with stdio_server() as (received, sent):
        await server.run(received, sent, server.create_initialization_options())


def to_result(report: TaskReport) -> types.CallToolResult:
    """Return the result of a tool call: the report, as structure and as text."""
    document = to_json(report)
    return types.CallToolResult(
        content=[types.TextContent(type="text", text=json.dumps(document))],
        structured_content=document,
        is_error=report.is_error,
    )


def _describe(row: ToolRow) -> types.Tool:
    return types.Tool(
        name=row.name,
        description=row.description,
        input_schema=row.arguments.model_json_schema(),
        output_schema=TaskReport.model_json_schema(mode="serialization"),
        annotations=types.ToolAnnotations(
            read_only_hint=not row.writes,
            destructive_hint=row.destroys,
            idempotent_hint=row.is_idempotent,
            open_world_hint=False,
        ),
    )


def _invalid(row: ToolRow, error: ValidationError) -> TaskReport:
    faults = [
        f"{'.'.join(map(str, each['loc'])) or 'arguments'}: {each['msg']}"
        for each in error.errors(include_url=False, include_input=False)
    ]
    known = row.arguments.model_json_schema()["properties"]
    return describe_failure(
        f"the arguments of {row.name} cannot be used: {'; '.join(faults)}",
        f"call {row.name} again; its arguments are: {', '.join(known)}",
        code="invalid_arguments",
    )
