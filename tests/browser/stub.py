"""A scripted server of the page and its API, for states that are hard to reach in a real one.

It serves the page's own files with the real content security policy. Documents are data that a test
changes; the events of an item can be added while the page follows them.
"""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.browser.documents import Document, ago, board, error, frame

PAGE = Path(__file__).parents[2] / "millracer" / "serve" / "page"
TOKEN = "page-token-of-the-tests"
CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_TYPES = {
    ".html": "text/html",
    ".js": "text/javascript",
    ".css": "text/css",
    ".svg": "image/svg+xml",
}
_TICK = 0.02

Answer = tuple[int, Document]


@dataclass
class Log:
    """The event log of one item, as its stream sends it."""

    epoch: str = "9e8f127d"
    frames: list[Document] = field(default_factory=list)
    is_durable: bool = True
    result: Document | None = None

    def add(
        self, event_type: str, message: str, /, *, at: str | None = None, **payload: Any
    ) -> Document:
        severity = "warning" if event_type in ("attempt.lost", "warning") else "info"
        payload = {"work_item_id": "item", "attempt": 1, **payload}
        made = frame(
            self.epoch, len(self.frames), event_type, message, payload, at=at, severity=severity
        )
        self.frames.append(made)
        return made


@dataclass
class World:
    """What the stub server answers.

    Attributes:
        documents: GET path below `/api/v1` to document or (status, error).
        answers: POST path to an answer, or to a function of the body.
        logs: item path to its log.
        requests: what POST requests came, in order.
        delays: GET or POST path to seconds before its answer.
    """

    documents: dict[str, Any] = field(default_factory=lambda: {"/board": board()})
    answers: dict[str, Answer | Callable[[Document], Answer]] = field(default_factory=dict)
    logs: dict[str, Log] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    requests: list[tuple[str, Document, dict[str, str]]] = field(default_factory=list)
    streams: list[tuple[str, str | None]] = field(default_factory=list)
    delays: dict[str, float] = field(default_factory=dict)
    token: str = TOKEN
    changed: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    open_streams: int = 0

    def change(self, workspace: str) -> None:
        """Report that something in a workspace has changed."""
        self.changed.append(workspace)


class Stub:
    """The server; `stop` cuts every connection, as a killed process would."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.port = 0
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def open_streams(self) -> int:
        return self.world.open_streams

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Serve, on the same port as before."""
        self._server = _Server(self.port, self.world)
        self.port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, args=(_TICK,))
        self._thread.start()

    def stop(self) -> None:
        if self._server is None or self._thread is None:
            return
        self._server.is_stopped = True
        self._server.shutdown()
        self._server.cut_connections()
        self._thread.join()
        self._server.server_close()
        self._server = None


class _Server(ThreadingHTTPServer):
    daemon_threads = False
    block_on_close = True
    is_stopped = False

    def __init__(self, port: int, world: World) -> None:
        self.world = world
        self._connections: set[socket.socket] = set()
        super().__init__(("127.0.0.1", port), _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._connections.discard(request)
        super().shutdown_request(request)

    def cut_connections(self) -> None:
        for connection in tuple(self._connections):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


@contextmanager
def serving(world: World) -> Iterator[Stub]:
    stub = Stub(world)
    stub.start()
    try:
        yield stub
    finally:
        stub.stop()


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    timeout = 60

    @property
    def world(self) -> World:
        return self.server.world

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        pass

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except (ConnectionError, TimeoutError):
            self.close_connection = True
        if self.server.is_stopped:
            self.close_connection = True

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        if not parts.path.startswith("/api/v1/"):
            self._file(parts.path)
            return
        path = unquote(parts.path.removeprefix("/api/v1"))
        time.sleep(self.world.delays.get(path, 0))
        if not self._is_allowed():
            return
        if "text/event-stream" in self.headers.get("Accept", ""):
            self._stream(path, parse_qs(parts.query))
            return
        if path in self.world.texts:
            self._send(200, self.world.texts[path].encode(), "text/plain; charset=utf-8")
            return
        found = self.world.documents.get(f"{path}?{parts.query}", self.world.documents.get(path))
        if found is None:
            problem = error("item_not_found", "There is no such item.", "See `millracer list`.")
            self._json(404, {"error": problem, "document": None})
        elif isinstance(found, tuple):
            self._json(*found)
        else:
            self._json(200, found)

    def do_DELETE(self) -> None:
        if self._is_allowed():
            self.world.requests.append((f"DELETE {self.path}", {}, dict(self.headers)))
            self._json(200, {})

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        body = json.loads(self.rfile.read(length) or b"{}")
        if not self._is_allowed():
            return
        path = unquote(self.path.removeprefix("/api/v1"))
        self.world.requests.append((path, body, dict(self.headers)))
        time.sleep(self.world.delays.get(path, 0))
        answer = self.world.answers.get(path)
        if answer is None:
            self._json(404, {"error": error("not_found", "unknown path"), "document": None})
        else:
            self._json(*(answer(body) if callable(answer) else answer))

    def _is_allowed(self) -> bool:
        if self.headers.get("Authorization") == f"Bearer {self.world.token}":
            return True
        self.world.refused.append(self.path)
        problem = error("unauthorized", "The token is missing or wrong.")
        self._json(401, {"error": problem, "document": None})
        return False

    def _file(self, path: str) -> None:
        name = "index.html" if path == "/" else path.removeprefix("/static/")
        file = (PAGE / name).resolve()
        if not file.is_relative_to(PAGE) or not file.is_file():
            self._send(404, b"", "text/plain")
            return
        self._send(200, file.read_bytes(), _TYPES[file.suffix])

    def _json(self, status: int, document: Document) -> None:
        self._send(status, json.dumps(document).encode(), "application/json")

    def _send(self, status: int, body: bytes, kind: str) -> None:
        self.send_response(status)
        self._headers(kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _headers(self, kind: str) -> None:
        self.send_header("Content-Type", kind)
        self.send_header("Content-Security-Policy", CSP)
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Cache-Control", "no-store")

    def _stream(self, path: str, query: dict[str, list[str]]) -> None:
        after = self.headers.get("Last-Event-ID") or query.get("after", [None])[0]
        self.world.streams.append((path, after))
        refused = self.world.documents.get(path)
        if isinstance(refused, tuple):
            self._json(*refused)
            return
        is_item = path.endswith("/events") and path != "/events"
        if is_item and path.removesuffix("/events") not in self.world.documents:
            problem = error("item_not_found", "There is no such item.")
            self._json(404, {"error": problem, "document": None})
            return
        self.send_response(200)
        self._headers("text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        log = self.world.logs.setdefault(path.removesuffix("/events"), Log(is_durable=False))
        self.world.open_streams += 1
        try:
            for event in self._events(log if is_item else Log(), after):
                self.wfile.write(event)
        finally:
            self.world.open_streams -= 1

    def _events(self, log: Log, after: str | None) -> Iterator[bytes]:
        opened = {
            "work_item_id": "item",
            "epoch": log.epoch,
            "after": after,
            "head": None,
            "durable": log.is_durable,
            "role": "observer",
        }
        yield b"retry: 1000\n\n"
        yield _event(_ephemeral(log, "stream.opened", "the stream begins", opened))
        epoch, position = log.epoch, 0
        if after is not None:
            if after.rpartition("-")[0] == epoch:
                position = int(after.rpartition("-")[2]) + 1
            else:
                reset = {"reason": "unknown_cursor"}
                yield _event(_ephemeral(log, "stream.reset", "from the start", reset))
        seen = len(self.world.changed)
        quiet = time.monotonic()
        while not self.server.is_stopped:
            if log.epoch != epoch:
                epoch, position = log.epoch, 0
                yield _event(_ephemeral(log, "stream.reset", "anew", {"reason": "pruned"}))
            batch = log.frames[position:]
            position += len(batch)
            if batch:
                yield b"".join(map(_event, batch))
            for key in self.world.changed[seen:]:
                seen += 1
                yield _event(_ephemeral(log, "workspace.changed", "changed", {"workspace": key}))
            if log.result is not None and position == len(log.frames):
                yield _event(_ephemeral(log, "result", "the result", log.result))
                return
            if time.monotonic() - quiet > 0.2:
                quiet = time.monotonic()
                yield b": here\n\n"
            time.sleep(_TICK)


def _ephemeral(log: Log, event_type: str, message: str, payload: Document) -> Document:
    last = max(0, len(log.frames) - 1)
    return frame(log.epoch, last, event_type, message, payload, at=ago(0), durable=False)


def _event(made: Document) -> bytes:
    identity = f"id: {made['cursor']}\n" if "cursor" in made else ""
    return f"{identity}event: {made['event_type']}\ndata: {json.dumps(made)}\n\n".encode()
