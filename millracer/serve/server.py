"""Run the server: its sockets, its record, its runs and its end."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import socket
import stat
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import uvicorn
from pydantic import ValidationError
from starlette.types import ASGIApp

from millracer.cancellation import Cancellation
from millracer.errors import MillracerError, UsageError
from millracer.operations.context import Tools
from millracer.operations.fleet_access import FleetAccess
from millracer.operations.options import OptionLayers
from millracer.schemas.serve.requests import HttpOptions
from millracer.schemas.serve.result import TOKEN_FRAGMENT, ServeResult
from millracer.serve.app import ReportBug, make_app
from millracer.serve.changes import Changes
from millracer.serve.errors import Refusal
from millracer.serve.guard import Admission
from millracer.serve.handlers.board import read_board
from millracer.serve.item_watches import ItemWatches
from millracer.serve.mcp_endpoint import open_mcp
from millracer.serve.operations import ServerOperations
from millracer.serve.runs import ServerRuns
from millracer.serve.service import Service
from millracer.serve.settings import ServeSettings
from millracer.serve.streams import sleep_until
from millracer.serve.workspaces import Workspaces
from millracer.wiring import open_server_records
from millracer.wiring.fleet_access import fleet_opener, has_fleet

_log = logging.getLogger(__name__)
_BACKLOG = 128
#: How often the header `Date` is renewed.
_TICK_SECONDS = 1.0
#: Headers beyond this end the connection; the guard refuses fewer with a document.
_HEADERS_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerTools:
    """What the command line gives to a server.

    Attributes:
        programs: pi and Millrace; the caller closes them.
        announce: called once with the running server.
        report_bug: logs an unexpected error and returns the error to report.
        reads_ahead: read the board at the start, so that its first reader does not wait for
            Millrace's answer about every workspace.
        fleet: the access to a fleet; None: that of the settings.
    """

    programs: Tools
    options: OptionLayers
    announce: Callable[[ServeResult], None]
    report_bug: ReportBug
    reads_ahead: bool = False
    fleet: FleetAccess | None = None


class MillracerServer:
    """One server, from its start to its end.

    Args:
        settings: what was requested; checked already.
        tools: what the command line gives.
        cancellation: cancelled when the server should stop; call `wake` after that.
    """

    def __init__(
        self, settings: ServeSettings, tools: ServerTools, cancellation: Cancellation
    ) -> None:
        self._settings = settings
        self._tools = tools
        self._cancellation = cancellation
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._runs: ServerRuns | None = None
        self._lock = threading.Lock()

    def wake(self) -> None:
        """Check for a requested stop; safe from any thread."""
        with self._lock:
            loop, stop, runs = self._loop, self._stop, self._runs
        if runs is not None:
            runs.stop(at_once=self._cancellation.urgent.reason is not None)
        if loop is not None and stop is not None:
            with suppress(RuntimeError):  # the loop is closed
                loop.call_soon_threadsafe(stop.set)

    def serve(self) -> None:
        """Serve until a stop is requested; the runs have ended then.

        Raises:
            UsageError: the address is in use, or cannot be used.
            WorkspaceUnusable: the record cannot be written.
        """
        settings = self._settings
        with ExitStack() as held:
            token = settings.token()
            listener = held.enter_context(_listening(settings))
            record = open_server_records().hold()
            held.callback(record.remove)
            started = datetime.now(UTC)
            result = _describe(settings, listener, token, started)
            stored = {
                "url": result.url,
                "pid": result.pid,
                "started": started.isoformat(),
                "token": token,
                "socket": result.socket,
                "read_only": settings.read_only,
                "fleet": settings.fleet,
                "workspaces": list(settings.workspaces),
            }
            record.write(stored)
            operations = ServerOperations(
                tools=self._tools.programs,
                options=self._tools.options,
                cancellation=self._cancellation,
                fleet=self._tools.fleet or FleetAccess(open=fleet_opener(settings.fleet)),
                has_fleet=self._tools.fleet is not None or has_fleet(settings.fleet),
            )
            runs = ServerRuns(
                operations,
                save=lambda listed: record.save_runs([dict(each) for each in listed]),
                report_bug=self._tools.report_bug,
            )
            workspaces = Workspaces(settings.workspaces)
            with self._lock:
                self._runs = runs
            if not settings.read_only:  # the list stays for a server that may run them
                records = open_server_records()
                left = _continue(runs, workspaces, records.take_lost_runs(record))
                records.store_lost_runs(left)
            if self._cancellation.reason is not None:
                runs.stop()
            asyncio.run(self._serve(operations, workspaces, runs, listener, result))
            with suppress(MillracerError):  # then its link stays until its runs have ended
                record.write({**stored, "is_stopping": True})
            runs.await_end()

    async def _serve(
        self,
        operations: ServerOperations,
        workspaces: Workspaces,
        runs: ServerRuns,
        listener: socket.socket,
        result: ServeResult,
    ) -> None:
        stop = asyncio.Event()
        with self._lock:
            self._loop, self._stop = asyncio.get_running_loop(), stop
        if self._cancellation.reason is not None:
            return
        service = Service(
            operations=operations,
            workspaces=workspaces,
            runs=runs,
            changes=Changes(operations, workspaces),
            watches=ItemWatches(operations, runs),
            read_only=self._settings.read_only,
            started_at=result.started or datetime.now(UTC),
        )
        admission = Admission.of(
            token=result.token or "",
            port=None if result.socket is not None else listener.getsockname()[1],
            names=self._settings.allowed_hosts,
            read_only=self._settings.read_only,
        )
        mcp = open_mcp(service, admission, self._tools.report_bug)
        http = _Http(make_app(service, admission, self._tools.report_bug, mcp))
        async with nullcontext() if mcp is None else mcp.running():
            serving = asyncio.create_task(http.serve(sockets=[listener]))
            await http.begun.wait()
            self._tools.announce(result)
            reading = asyncio.create_task(_read_ahead(service)) if self._tools.reads_ahead else None
            stopping = asyncio.create_task(stop.wait())
            await asyncio.wait({stopping, serving}, return_when=asyncio.FIRST_COMPLETED)
            stopping.cancel()
            if reading is not None:
                reading.cancel()
            service.stop()
            service.changes.close()
            http.stop()
            await serving


async def _read_ahead(service: Service) -> None:
    with suppress(Exception):  # the request that needs the board reports it
        await read_board(service)


class _Http(uvicorn.Server):
    """uvicorn without its own handling of signals.

    Args:
        app: the application.
    """

    def __init__(self, app: ASGIApp) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http="h11",
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                h11_max_incomplete_event_size=_HEADERS_BYTES,
                timeout_graceful_shutdown=1,
            )
        )
        self.begun = asyncio.Event()
        self._stop = asyncio.Event()

    def stop(self) -> None:
        """Close the listening socket and end; called in the event loop."""
        self.should_exit = True
        self._stop.set()

    async def main_loop(self) -> None:
        """Serve until the stop. uvicorn's own loop wakes ten times a second for its options."""
        while not await self.on_tick(0):  # also renews the header `Date`
            await sleep_until(self._stop, _TICK_SECONDS)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Handle no signals: the command line does."""
        yield

    async def startup(self, sockets: Sequence[socket.socket] | None = None) -> None:
        """Start, and report that the server listens."""
        await super().startup(sockets=list(sockets) if sockets else None)
        self.begun.set()


def _continue(
    runs: ServerRuns, workspaces: Workspaces, lost: Sequence[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Run the items of a server that was killed again; return the runs that did not start.

    An unreadable entry is skipped.
    """
    served = {each.path: each for each in workspaces.all()}
    left = []
    for entry in lost:
        match entry:
            case {
                "workspace": str(path),
                "work_item_id": str(item_id),
                "request_id": str(request_id),
                "options": dict(options),
            }:
                if path not in served:
                    _log.warning(
                        "%s was run by a server that was killed, and is not run again: its "
                        "workspace is not served. Start the server with --workspace %s",
                        item_id,
                        path,
                    )
                    left.append(entry)
                    continue
                try:
                    given = HttpOptions.model_validate_json(json.dumps(options)).given()
                    runs.start(served[path], item_id, request_id, given)
                except (Refusal, ValidationError) as refusal:
                    _log.warning("%s does not run: %s", item_id, refusal)
                    left.append(entry)
    return left


@contextmanager
def _listening(settings: ServeSettings) -> Iterator[socket.socket]:
    """Yield the listening socket; the file of a socket is removed at the end.

    Raises:
        UsageError: the address is in use, or cannot be used.
    """
    if settings.socket is not None:
        yield from _listening_on_file(settings.socket)
        return
    host = settings.host.strip("[]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, settings.port))
            listener.listen(_BACKLOG)
        except OSError as error:
            raise UsageError(
                f"the server cannot listen on {settings.host} port {settings.port}: "
                f"{error.strerror or error}",
                suggested_action="end the program that uses the port, or leave --port out for a "
                "free one",
                code="port_taken",
            ) from error
        yield listener


def _listening_on_file(path: Path) -> Iterator[socket.socket]:
    folder = path.parent
    try:
        mode = folder.stat().st_mode
        is_private = not stat.S_IMODE(mode) & 0o077
    except OSError as error:
        raise UsageError(
            f"the folder of the socket {path} cannot be used: {error.strerror}",
            suggested_action=f"mkdir -m 700 {folder}",
        ) from error
    if not is_private:
        raise UsageError(
            f"other users can reach the folder {folder} of the socket",
            suggested_action=f"chmod 700 {folder}, or name a socket in a private folder",
        )
    with socket.socket(socket.AF_UNIX) as listener:
        _remove_dead_socket(path)
        try:
            listener.bind(str(path))
            path.chmod(0o600)
            listener.listen(_BACKLOG)
        except OSError as error:
            raise UsageError(
                f"the server cannot listen on {path}: {error.strerror or error}",
                suggested_action="end the server that uses it, or name another path",
                code="port_taken",
            ) from error
        try:
            yield listener
        finally:
            with suppress(OSError):
                path.unlink()


def _remove_dead_socket(path: Path) -> None:
    """Remove the socket of a server that was killed."""
    with suppress(OSError), socket.socket(socket.AF_UNIX) as probe:
        if not stat.S_ISSOCK(path.lstat().st_mode):
            return
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()


def _describe(
    settings: ServeSettings, listener: socket.socket, token: str, started: datetime
) -> ServeResult:
    if settings.socket is not None:
        url, link = "http://localhost", None
    else:
        host = settings.host if settings.host != "localhost" else "127.0.0.1"
        host = f"[{host.strip('[]')}]" if ":" in host else host
        url = f"http://{host}:{listener.getsockname()[1]}"
        link = f"{url}/{TOKEN_FRAGMENT}{token}"
    return ServeResult(
        url=url,
        link=link,
        token=token,
        socket=None if settings.socket is None else str(settings.socket.absolute()),
        pid=os.getpid(),
        started=started,
        read_only=settings.read_only,
        is_new=True,
    )
