"""`millracer serve` for tests: a server in a process or a thread, and raw requests to it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from millracer.cancellation import Cancellation, CancelReason, Wait
from millracer.errors import MillracerError
from millracer.operations.context import Tools
from millracer.operations.fleet_access import FleetAccess
from millracer.operations.options import OptionLayers
from millracer.ports import OBSERVER_POLL_SECONDS, Observer
from millracer.schemas.serve.result import ServeResult
from millracer.serve.server import MillracerServer, ServerTools
from millracer.serve.settings import ServeSettings
from millracer.serve.workspaces import ServedWorkspace
from millracer.testing.backend import ScriptedBackend

LIMIT_SECONDS = 60
JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer as it came over the connection; header names in lower case."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str) -> str | None:
        """Return the only header of a name, None without one."""
        found = [value for each, value in self.headers if each == name]
        assert len(found) < 2, f"{name} is there {len(found)} times"
        return found[0] if found else None

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """The code of its error."""
        code: str = self.json["error"]["code"]
        return code


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """Sends requests to one server; `stop` requests its end."""

    result: ServeResult
    stop: Callable[[], None] = lambda: None

    @property
    def port(self) -> int:
        assert self.result.url is not None
        return int(self.result.url.rpartition(":")[2])

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def token(self) -> str:
        assert self.result.token is not None
        return self.result.token

    def connect(self) -> socket.socket:
        """Open a connection."""
        if self.result.socket is not None:
            connection = socket.socket(socket.AF_UNIX)
            connection.settimeout(LIMIT_SECONDS)
            connection.connect(self.result.socket)
            return connection
        return socket.create_connection(("127.0.0.1", self.port), timeout=LIMIT_SECONDS)

    def send(self, raw: bytes) -> Answered:
        """Send bytes and return the answer; the server closes the connection."""
        with self.connect() as connection:
            connection.sendall(raw)
            received = bytearray()
            while chunk := connection.recv(1 << 16):
                received += chunk
        return parse(bytes(received))

    def raw(
        self,
        method: str,
        path: str,
        *headers: str,
        body: bytes = b"",
        host: str | None = None,
        token: str | None = None,
    ) -> Answered:
        """Send one request with exactly these headers beside Host, token and length."""
        lines = [
            f"{method} {path} HTTP/1.1",
            f"Host: {self.host if host is None else host}",
            "Connection: close",
            *headers,
        ]
        bearer = self.token if token is None else token
        lines += [f"Authorization: Bearer {bearer}"] if bearer else []
        lines += [f"Content-Length: {len(body)}"] if body or method == "POST" else []
        return self.send("\r\n".join([*lines, "", ""]).encode("latin-1") + body)

    def get(self, path: str, *headers: str) -> Answered:
        """Read an address of the API."""
        return self.raw("GET", f"/api/v1{path}", *headers)

    def post(self, path: str, document: object = None, *headers: str) -> Answered:
        """Post a document to an address of the API."""
        body = b"" if document is None else json.dumps(document).encode()
        return self.raw("POST", f"/api/v1{path}", f"Content-Type: {JSON}", *headers, body=body)

    @contextmanager
    def stream(self, path: str, *headers: str) -> Iterator[Stream]:
        """Open an event stream of the API."""
        lines = [
            f"GET /api/v1{path} HTTP/1.1",
            f"Host: {self.host}",
            f"Authorization: Bearer {self.token}",
            *headers,
        ]
        with self.connect() as connection:
            connection.sendall("\r\n".join([*lines, "", ""]).encode("latin-1"))
            yield Stream(connection)


@dataclass(slots=True)
class Stream:
    """An open stream; `head` is the answer before it."""

    connection: socket.socket
    _received: bytearray = field(default_factory=bytearray)
    _text: bytearray = field(default_factory=bytearray)
    _head: Answered | None = None
    _is_over: bool = False

    @property
    def head(self) -> Answered:
        """The status and the headers."""
        while self._head is None:
            assert self._receive(), "the connection was closed"
            raw, end, rest = bytes(self._received).partition(b"\r\n\r\n")
            if end:
                self._head = parse(raw + end)
                self._received = bytearray(rest)
        return self._head

    def event(self) -> dict[str, str] | None:
        """Return the next server-sent event, with its text as `data`; None at the end."""
        _ = self.head
        while True:
            block, end, rest = bytes(self._text).partition(b"\n\n")
            if end:
                self._text = bytearray(rest)
                fields = dict(
                    line.split(": ", 1)
                    for line in block.decode().splitlines()
                    if not line.startswith(":")
                )
                if "data" in fields:
                    return fields
                continue
            if self._is_over or not self._fill():
                return None

    def line(self) -> bytes | None:
        """Return the next line, None at the end."""
        _ = self.head
        while b"\n" not in self._text:
            if self._is_over or not self._fill():
                return None
        line, _, rest = bytes(self._text).partition(b"\n")
        self._text = bytearray(rest)
        return line

    def frames(self, until: str = "result") -> list[dict[str, Any]]:
        """Return the frames until one of this type, or the end of the stream."""
        found: list[dict[str, Any]] = []
        while (event := self.event()) is not None:
            frame = json.loads(event["data"])
            found.append(frame)
            assert event["event"] == frame["event_type"]
            assert event.get("id") == frame.get("cursor")
            if frame["event_type"] == until:
                break
        return found

    def _fill(self) -> bool:
        """Take one chunk of the body."""
        while True:
            size, end, rest = bytes(self._received).partition(b"\r\n")
            if end and len(rest) >= int(size, 16) + 2:
                length = int(size, 16)
                self._text += rest[:length]
                self._received = bytearray(rest[length + 2 :])
                self._is_over = length == 0
                return length > 0
            if not self._receive():
                self._is_over = True
                return False

    def _receive(self) -> bool:
        chunk = self.connection.recv(1 << 16)
        self._received += chunk
        return bool(chunk)


def parse(raw: bytes) -> Answered:
    """Return one answer."""
    head, _, body = raw.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    pairs = [line.partition(": ") for line in lines]
    return Answered(
        status=int(first.split(" ")[1]),
        headers=tuple((name.lower(), value) for name, _, value in pairs),
        body=body,
    )


def key_of(path: Path | str) -> str:
    """Return the key of the workspace at a path."""
    return ServedWorkspace(path=str(Path(path).resolve())).key


class LiveBackend(ScriptedBackend):
    """A scripted Millrace whose observers wait until a test changes an item."""

    def observe(self, *, poll_seconds: float = OBSERVER_POLL_SECONDS) -> Observer:
        """See the port."""
        return _WaitingObserver(self)


class _WaitingObserver(Observer):
    def __init__(self, backend: LiveBackend) -> None:
        self._backend = backend
        self._seen: object = None

    def next_change(self, wait: Wait) -> None:
        while (now := [(each.item_id, each.state) for each in self._backend.items.values()]) == (
            self._seen
        ) and not wait.expired:
            wait.sleep(0.02)
        self._seen = now
        wait.cancellation.raise_if_cancelled()

    def close(self) -> None:
        pass


@contextmanager
def serving(
    tools: Tools,
    *workspaces: Path,
    options: OptionLayers | None = None,
    fleet: FleetAccess | None = None,
    **settings: Any,
) -> Iterator[Client]:
    """Serve in a thread until the end of the block; the state folder is the caller's."""
    started = threading.Event()
    found: list[ServeResult] = []
    bugs: list[Exception] = []

    def announce(result: ServeResult) -> None:
        found.append(result)
        started.set()

    def report_bug(error: Exception) -> MillracerError:
        bugs.append(error)
        return MillracerError(f"a bug: {error!r}")

    cancellation = Cancellation()
    server = MillracerServer(
        ServeSettings(workspaces=tuple(str(each.resolve()) for each in workspaces), **settings),
        ServerTools(
            programs=tools,
            options=options or OptionLayers(),
            announce=announce,
            report_bug=report_bug,
            fleet=fleet,
        ),
        cancellation,
    )

    def stop() -> None:
        cancellation.cancel(CancelReason.TERMINATED)
        server.wake()

    thread = threading.Thread(target=server.serve, daemon=True)
    thread.start()
    try:
        assert started.wait(LIMIT_SECONDS), "the server does not start"
        yield Client(result=found[0], stop=stop)
    finally:
        stop()
        thread.join(LIMIT_SECONDS)
    assert not thread.is_alive()
    if bugs:
        raise bugs[0]


@dataclass(slots=True, kw_only=True)
class ServerProcess:
    """`millracer serve` in a process of its own."""

    process: subprocess.Popen[str]
    result: ServeResult

    @property
    def client(self) -> Client:
        return Client(result=self.result)

    def send(self, number: signal.Signals) -> None:
        """Signal it."""
        self.process.send_signal(number)

    def end(self) -> tuple[int, str]:
        """Wait for the end; return the exit code and standard error."""
        _, stderr = self.process.communicate(timeout=LIMIT_SECONDS)
        return self.process.returncode, stderr


@contextmanager
def server_process(
    *arguments: str, state: Path, cwd: Path | None = None, environment: dict[str, str] | None = None
) -> Iterator[ServerProcess]:
    """Start `millracer serve` and end it with the block."""
    process = subprocess.Popen(
        (sys.executable, "-m", "millracer", "serve", "--json", *arguments),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "MILLRACER_STATE_DIR": str(state), **(environment or {})},
        cwd=cwd,
        text=True,
    )
    try:
        assert process.stdout is not None
        lines: list[str] = []
        while not lines or lines[-1] != "}\n":
            lines.append(process.stdout.readline())
            assert lines[-1], f"no server: {process.stderr.read() if process.stderr else ''}"
        yield ServerProcess(process=process, result=ServeResult.model_validate_json("".join(lines)))
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(LIMIT_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
        process.wait()
        for pipe in (process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()
