"""A proxy that adds a server's token, for programs that cannot send a header of their own."""

from __future__ import annotations

import socket
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import httpx2
import uvicorn
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from tests.support.serving import LIMIT_SECONDS, Client

_OF_THE_CONNECTION = frozenset({"host", "connection", "content-length", "transfer-encoding"})


@contextmanager
def token_added(server: Client) -> Iterator[str]:
    """Run a proxy of a server's address of MCP; its own address."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        own = f"127.0.0.1:{listener.getsockname()[1]}"
        proxy = uvicorn.Server(uvicorn.Config(_app(server, own), log_level="warning"))
        running = threading.Thread(target=proxy.run, args=([listener],))
        running.start()
        try:
            yield f"http://{own}/mcp"
        finally:
            proxy.should_exit = True
            running.join(LIMIT_SECONDS)
            assert not running.is_alive()


def _app(server: Client, own: str) -> Starlette:
    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with httpx2.AsyncClient(timeout=LIMIT_SECONDS) as app.state.http:
            yield

    def translated(name: str, value: str) -> str:
        return value.replace(own, server.host) if name in {"host", "origin"} else value

    async def forward(request: Request) -> Response:
        headers = {
            name: translated(name, value)
            for name, value in request.headers.items()
            if name == "host" or name not in _OF_THE_CONNECTION
        }
        headers["authorization"] = f"Bearer {server.token}"
        sent = request.app.state.http.build_request(
            request.method,
            f"http://{server.host}/mcp",
            headers=headers,
            content=await request.body(),
        )
        answered = await request.app.state.http.send(sent, stream=True)
        return StreamingResponse(
            answered.aiter_raw(),
            answered.status_code,
            {n: v for n, v in answered.headers.items() if n not in _OF_THE_CONNECTION},
            background=BackgroundTask(answered.aclose),
        )

    routes = [Route("/mcp", forward, methods=["GET", "POST", "DELETE"])]
    return Starlette(routes=routes, lifespan=lifespan)
