"""MCP at `/mcp` of the server: its workspaces and its runs, if the library is installed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

from starlette.types import Receive, Scope, Send

from millracer.domain.operations import load
from millracer.errors import InvalidRequest, MillracerError
from millracer.mcp.actions import Actions
from millracer.mcp.tools import offered
from millracer.operations.context import SelectedWorkspace
from millracer.serve.errors import Refusal
from millracer.serve.guard import Admission
from millracer.serve.runs import ServerRuns
from millracer.serve.service import Service
from millracer.serve.workspaces import ServedWorkspace, Workspaces
from millracer.wiring import new_request_id, open_directories
from millracer.wiring.tool_factory import PortFactory, ProgramFactory

if TYPE_CHECKING:
    from millracer.mcp.http import HttpEndpoint
    from millracer.mcp.server import ReportBug

#: The address of MCP.
MCP_PATH: Final = "/mcp"
_LIBRARY = "mcp"


@dataclass(frozen=True, slots=True)
class ServedPlaces:
    """The workspaces of the server, as the tools name them."""

    workspaces: Workspaces

    def find(self, name: str | None) -> SelectedWorkspace:
        """Return the workspace with a key, id or path; None: the only one.

        Raises:
            InvalidRequest: it is not served, or there is not exactly one.
        """
        served = self.workspaces.all()
        if name is None and len(served) == 1:
            return served[0].place
        path = None if name is None else open_directories().absolute(name)
        for each in served:
            if name is not None and (name in {each.key, each.workspace_id} or path == each.path):
                return each.place
        known = ", ".join(each.workspace_id or each.path for each in served)
        raise InvalidRequest(
            "the tool needs the workspace"
            if name is None
            else f"this server does not serve the workspace {name!r:.200}",
            field="workspace",
            suggested_action=f"pass one of these as `workspace`: {known}",
            code="workspace_not_served",
        )

    def find_key(self, key: str) -> SelectedWorkspace | None:
        """Return the workspace with a key; None if it is not served."""
        return next((each.place for each in self.workspaces.all() if each.key == key), None)


@dataclass(frozen=True, slots=True)
class ServerRunner:
    """Runs delegated items on the server."""

    workspaces: Workspaces
    runs: ServerRuns

    def run(self, place: SelectedWorkspace, item_id: str) -> None:
        """Run an item in a thread of the server.

        Raises:
            MillracerError: there are too many runs.
        """
        try:
            self.runs.start(self._served(place), item_id, new_request_id(), {})
        except Refusal as refusal:
            error = refusal.failure.error
            raise MillracerError(
                error.message, suggested_action=error.suggested_action, code=error.code
            ) from refusal

    def is_starting(self, place: SelectedWorkspace, item_id: str) -> bool:
        """Whether the server runs an item."""
        return self.runs.has(self._served(place), item_id)

    def _served(self, place: SelectedWorkspace) -> ServedWorkspace:
        for each in self.workspaces.all():
            if each.path == place.root_path:
                return each
        return ServedWorkspace(path=place.root_path)


class McpEndpoint:
    """MCP as an ASGI application that loads its library, 25 MiB of memory, at the first request.

    `running` surrounds its use.

    Args:
        make: loads the library and returns the application.
    """

    def __init__(self, make: Callable[[], HttpEndpoint]) -> None:
        self._make = make
        self._requested = asyncio.Event()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Answer requests within the block."""
        self._ready: asyncio.Future[HttpEndpoint] = asyncio.get_running_loop().create_future()
        keeping = asyncio.create_task(self._keep())
        try:
            yield
        finally:
            keeping.cancel()
            with suppress(asyncio.CancelledError):
                await keeping
            self._ready.cancel()

    async def _keep(self) -> None:
        """Enter and leave the application in one task, as its library requires."""
        await self._requested.wait()
        try:
            endpoint = await asyncio.to_thread(self._make)
        except Exception as error:  # noqa: BLE001 - each request reports it
            self._ready.set_exception(error)
            return
        async with endpoint.running():
            self._ready.set_result(endpoint)
            await asyncio.get_running_loop().create_future()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        self._requested.set()
        endpoint = await asyncio.shield(self._ready)
        await endpoint(scope, receive, send)


def open_mcp(service: Service, admission: Admission, report_bug: ReportBug) -> McpEndpoint | None:
    """Return the endpoint; None if the library is not installed."""
    tools = service.operations.tools
    if find_spec(_LIBRARY) is None or not isinstance(tools, ProgramFactory | PortFactory):
        return None
    actions = Actions(
        tools=tools,
        options=service.operations.options,
        places=ServedPlaces(service.workspaces),
        runner=ServerRunner(service.workspaces, service.runs),
        cancellation=service.operations.cancellation,
    )

    def make() -> HttpEndpoint:
        endpoint: HttpEndpoint = load("millracer.mcp.http:HttpEndpoint")(
            actions,
            offered(allow_control=True, read_only=service.read_only),
            report_bug,
            hosts=admission.hosts,
            origins=admission.origins,
        )
        return endpoint

    return McpEndpoint(make)
