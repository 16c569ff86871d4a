"""The MCP server over streamable HTTP, without sessions: each request stands for itself."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, MutableMapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, TypeAlias

from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.server.transport_security import TransportSecuritySettings

from millracer.mcp.actions import Actions
from millracer.mcp.server import ReportBug, ToolServer, make_server
from millracer.mcp.tasks import add_tasks
from millracer.mcp.tools import ToolRow

_Message: TypeAlias = MutableMapping[str, Any]


class HttpEndpoint:
    """One address of an HTTP server, as an ASGI application; `running` surrounds its use.

    Args:
        actions: performs the tools.
        rows: the tools that are offered.
        report_bug: called with each unexpected error.
        hosts: the values of the header `Host` that are admitted.
        origins: the values of the header `Origin` that are admitted.
    """

    def __init__(
        self,
        actions: Actions,
        rows: Sequence[ToolRow],
        report_bug: ReportBug,
        *,
        hosts: Iterable[bytes],
        origins: Iterable[bytes],
    ) -> None:
        tools = ToolServer(actions, rows, report_bug)
        server = make_server(tools)
        add_tasks(server, tools)
        self._manager = StreamableHTTPSessionManager(
            app=server,
            stateless=True,
            security_settings=TransportSecuritySettings(
                allowed_hosts=[host.decode("latin-1") for host in hosts],
                allowed_origins=[origin.decode("latin-1") for origin in origins],
            ),
        )

    def running(self) -> AbstractAsyncContextManager[None]:
        """Answer requests within the block."""
        return self._manager.run()

    async def __call__(
        self,
        scope: _Message,
        receive: Callable[[], Awaitable[_Message]],
        send: Callable[[_Message], Awaitable[None]],
    ) -> None:
        """Answer one request."""
        await self._manager.handle_request(scope, receive, send)
