"""The extension `io.modelcontextprotocol/tasks`: a delegated task as a handle that a client polls.

The handle is the key of the workspace and the id of the work item, so every later server answers
for it. Nothing about a task is stored.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Annotated, Any, Final

import mcp_types as types
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.server.extension import Extension, MethodBinding, compose_tool_call_handler
from mcp.server.lowlevel.server import Server
from mcp.server.mcpserver.server import require_client_extension
from mcp.shared.exceptions import MCPError
from mcp_types.version import MODERN_PROTOCOL_VERSIONS
from pydantic import Field

from millracer.domain.event_log import LogEvent
from millracer.domain.workspaces import workspace_key
from millracer.mcp.actions import Actions
from millracer.mcp.arguments import ItemArguments, ReasonArguments
from millracer.mcp.report import TaskReport, TaskStatus
from millracer.mcp.server import ToolServer, to_result
from millracer.mcp.tools import TOOLS
from millracer.operations.context import SelectedWorkspace
from millracer.wiring import open_event_logs

IDENTIFIER: Final = "io.modelcontextprotocol/tasks"
_DELEGATE: Final = "delegate"
_CANCEL: Final = next(row for row in TOOLS if row.name == "cancel")
_RESULT: Final = next(row for row in TOOLS if row.name == "result")
_POLL_MILLISECONDS = 2000
_LATER_MILLISECONDS = 5000
_LATER: Final = timedelta(minutes=1)

#: The status of a task; every other status of a report means that it has ended.
_STATUSES: Mapping[TaskStatus, str] = {
    TaskStatus.WORKING: "working",
    TaskStatus.CANCELLED: "cancelled",
}

_Context = ServerRequestContext[Any, Any]


class TaskParams(types.RequestParams):
    """The parameters of each method: the handle of a task."""

    task_id: Annotated[str, Field(alias="taskId")]


class Tasks(Extension):
    """Answers `delegate` with a task where the client declares the extension.

    Args:
        tools: performs the tools.
    """

    identifier = IDENTIFIER

    def __init__(self, tools: ToolServer) -> None:
        self._tools = tools

    @property
    def _actions(self) -> Actions:
        actions = self._tools.actions
        if not isinstance(actions, Actions):
            raise TypeError("tasks are those of workspaces here")
        return actions

    def methods(self) -> Sequence[MethodBinding]:
        """Return the methods of the extension."""
        versions = frozenset(MODERN_PROTOCOL_VERSIONS)
        return tuple(
            MethodBinding(name, TaskParams, handler, versions)
            for name, handler in (
                ("tasks/get", self._get),
                ("tasks/update", self._update),
                ("tasks/cancel", self._cancel),
            )
        )

    async def intercept_tool_call(
        self, params: types.CallToolRequestParams, ctx: _Context, call_next: CallNext
    ) -> HandlerResult:
        """Answer `delegate` as soon as Millrace holds the item."""
        if params.name != _DELEGATE or not _is_declared(ctx):
            return await call_next(ctx)
        arguments = {**(params.arguments or {}), "wait_seconds": 0}
        report = await self._tools.report(ctx, _DELEGATE, arguments)
        if report.status is not TaskStatus.WORKING or report.work_item_id is None:
            return to_result(report)
        place = self._actions.places.find(arguments.get("workspace"))
        return {"resultType": "task", **_describe(place, report.work_item_id, report)}

    async def _get(self, ctx: _Context, params: TaskParams) -> HandlerResult:
        place, item_id = self._find(ctx, params)
        given = ItemArguments(work_item_id=item_id, workspace=place.root_path)
        report = await self._tools.in_thread(
            partial(self._actions.call, _RESULT, given, lambda _: None)
        )
        _refuse_failure(report)
        return _describe(place, item_id, report)

    async def _update(self, ctx: _Context, params: TaskParams) -> HandlerResult:
        """Acknowledge; a task never asks for input."""
        self._find(ctx, params)
        return {}

    async def _cancel(self, ctx: _Context, params: TaskParams) -> HandlerResult:
        """Request the cancellation; `tasks/get` reports whether it had an effect."""
        place, item_id = self._find(ctx, params)
        if not self._tools.offers(_CANCEL.name):
            raise MCPError(code=types.INVALID_REQUEST, message="this server changes nothing")
        given = ReasonArguments(work_item_id=item_id, workspace=place.root_path)
        report = await self._tools.in_thread(
            partial(self._actions.call, _CANCEL, given, lambda _: None)
        )
        if report.code == "invalid_request":
            _refuse_failure(report)
        return {}

    def _find(self, ctx: _Context, params: TaskParams) -> tuple[SelectedWorkspace, str]:
        """Return the workspace and the item of a handle.

        Raises:
            MCPError: the client did not declare the extension, or the server does not serve it.
        """
        require_client_extension(ctx, IDENTIFIER)
        key, _, item_id = params.task_id.partition(".")
        place = self._actions.places.find_key(key)
        if place is None or not item_id.strip():
            raise MCPError(
                code=types.INVALID_PARAMS,
                message=f"this server has no task {params.task_id!r:.200}; call list_items",
            )
        return place, item_id


def add_tasks(server: Server[Any], tools: ToolServer) -> None:
    """Add the extension to a server."""
    extension = Tasks(tools)
    server.extensions[IDENTIFIER] = extension.settings()
    server.add_request_handler(
        "tools/call",
        types.CallToolRequestParams,
        compose_tool_call_handler([extension], tools.call_tool),
    )
    for method in extension.methods():
        server.add_request_handler(method.method, method.params_type, method.handler)


def _is_declared(ctx: _Context) -> bool:
    capabilities = ctx.session.client_capabilities
    declared = None if capabilities is None else capabilities.extensions
    return ctx.protocol_version in MODERN_PROTOCOL_VERSIONS and IDENTIFIER in (declared or {})


def _refuse_failure(report: TaskReport) -> None:
    if report.status is TaskStatus.FAILED:
        is_unknown = report.code == "invalid_request"
        raise MCPError(
            code=types.INVALID_PARAMS if is_unknown else types.INTERNAL_ERROR,
            message=report.message,
            data={"code": report.code, "next": report.next},
        )


def _describe(place: SelectedWorkspace, item_id: str, report: TaskReport) -> dict[str, Any]:
    """Return a task as the extension defines it."""
    now = datetime.now(UTC)
    events = _events(place, item_id)
    created = events[0].at if events else now
    status = _STATUSES.get(report.status, "completed")
    task: dict[str, Any] = {
        "taskId": f"{workspace_key(place.root_path)}.{item_id}",
        "status": status,
        "statusMessage": events[-1].message if events and status == "working" else report.message,
        "createdAt": created.isoformat(),
        "lastUpdatedAt": (events[-1].at if events else now).isoformat(),
        "ttlMs": None,
        "pollIntervalMs": _POLL_MILLISECONDS if now - created < _LATER else _LATER_MILLISECONDS,
    }
    if status == "completed":
        task["result"] = to_result(report).model_dump(mode="json", by_alias=True, exclude_none=True)
    return task


def _events(place: SelectedWorkspace, item_id: str) -> tuple[LogEvent, ...]:
    with closing(open_event_logs(place.root_path).read(item_id)) as reader:
        return reader.read().events
