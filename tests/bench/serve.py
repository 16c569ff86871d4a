"""`millracer serve`: start, memory and CPU at rest, the board, event streams, and its end.

One process reads all streams from raw sockets and writes the events, so that the client costs
little. Memory and CPU are those of the server alone: the fork server is a process of Millrace.
"""

from __future__ import annotations

import itertools
import json
import re
import selectors
import shutil
import signal
import socket
import statistics
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from millracer.domain.event_log import LogEvent
from millracer.event_log import writer as limits
from millracer.event_log.logs import FileEventLogs
from millracer.ports.event_log import LogWriter
from tests.bench.event_log import stage_event
from tests.bench.figures import Figure
from tests.bench.processes import cpu_seconds_of, resident_bytes
from tests.bench.running import Failed, run
from tests.bench.scene import Scene, Tools, scene
from tests.support.event_logs import opened
from tests.support.scenario import Scenario

_WORKSPACES = 10
_IDLE_SECONDS = 10.0
#: The server is at rest so long after a start or a request.
_SETTLE_SECONDS = 3.0
_BOARDS = 30
_FEW_EVENTS, _MANY_EVENTS = 5_000, 100_000
_LATENCIES = 200
_PAUSE_SECONDS = 0.05
_CLIENTS = 100
_RATE = 50
_BUSY_SECONDS = 6
_LIMIT_SECONDS = 120.0
_MIB = 1 << 20
#: An event is logged once, so each has its own number.
_NUMBERS = itertools.count()
_CURSOR = re.compile(rb"^id: [^\n]*-([0-9]+)$", re.MULTILINE)

START = "`serve`, 10 workspaces: start → link"
START_CPU = "`serve`, 10 workspaces: CPU of the start"
COLD = "board of 10 workspaces, the first one after the start"
WARM = "board of 10 workspaces, nothing changing"
WATCHED = "board of 10 workspaces, nothing changing, one stream of changes open"
MEMORY = "`serve` at rest, 10 workspaces: memory (RSS)"
IDLE = "`serve` at rest, 10 workspaces: CPU a second"
IDLE_STREAM = "`serve` at rest, 10 workspaces, one stream open: CPU a second"
ONE_P50 = "event on disk → 1 SSE client: median"
ONE_P99 = "event on disk → 1 SSE client: 99th percentile"
ALL_P50 = f"event on disk → {_CLIENTS} SSE clients, {_RATE} events/s: median"
ALL_P99 = f"event on disk → {_CLIENTS} SSE clients, {_RATE} events/s: 99th percentile"
DELIVERY = f"{_CLIENTS} SSE clients, {_RATE} events/s: CPU of one delivery"
FEW = f"{_FEW_EVENTS:,} events over HTTP: CPU"
FEW_WALL = f"{_FEW_EVENTS:,} events over HTTP: wall time"
MANY = f"{_MANY_EVENTS:,} events over HTTP: CPU"
MANY_WALL = f"{_MANY_EVENTS:,} events over HTTP: wall time"
MANY_MEMORY = f"{_MANY_EVENTS:,} events over HTTP: growth of the memory"
END = "SIGTERM, 20 streams open → end"


def serve_figures() -> list[Figure]:
    """Return the rows that `measure_serve` fills."""
    return [
        Figure(name=START, unit="s"),
        Figure(name=START_CPU, unit="s"),
        Figure(name=COLD, unit="s"),
        Figure(name=WARM, unit="ms"),
        Figure(name=WATCHED, unit="ms", reach="≤ 50 ms", limit=50.0),
        Figure(name=MEMORY, unit="MiB", reach="≤ 45 MiB", limit=45.0),
        Figure(name=IDLE, unit="ms", reach="≤ 5 ms", limit=5.0),
        Figure(name=IDLE_STREAM, unit="ms", reach="≤ 5 ms", limit=5.0),
        Figure(name=ONE_P50, unit="ms"),
        Figure(name=ONE_P99, unit="ms", reach="≤ 20 ms", limit=20.0),
        Figure(name=ALL_P50, unit="ms"),
        Figure(name=ALL_P99, unit="ms", reach="≤ 250 ms", limit=250.0),
        Figure(name=DELIVERY, unit="µs"),
        Figure(name=FEW, unit="s"),
        Figure(name=FEW_WALL, unit="s"),
        Figure(name=MANY, unit="s", reach="≤ 0.5 s", limit=0.5),
        Figure(name=MANY_WALL, unit="s"),
        Figure(name=MANY_MEMORY, unit="MiB", reach="≤ 10 MiB", limit=10.0),
        Figure(name=END, unit="s", reach="≤ 1 s", limit=1.0),
    ]


def measure_serve(tools: Tools, figures: dict[str, Figure]) -> None:
    """Serve ten workspaces and add a sample to each row.

    Raises:
        Failed: the server gave nothing to measure.
    """

    def add(name: str, value: float) -> None:
        figures[name].millracer.values.append(value)

    with scene(tools, Scenario()) as prepared:
        roots = _workspaces(prepared)
        live, few, many = (_submitted(prepared, f"item-{number}") for number in range(3))
        logs = FileEventLogs(roots[0] / ".millracer" / "items")
        _fill(logs, few, _FEW_EVENTS)
        _fill(logs, many, _MANY_EVENTS)
        with _serving(prepared, roots) as server:
            add(START, server.start_seconds)
            add(START_CPU, server.cpu_seconds())
            add(COLD, server.board())
            time.sleep(_SETTLE_SECONDS)
            add(WARM, 1000 * statistics.median(server.board() for _ in range(_BOARDS)))
            time.sleep(_SETTLE_SECONDS)
            add(MEMORY, server.memory())
            add(IDLE, 1000 * server.idle_share())
            with server.streams("/events", 1):
                time.sleep(_SETTLE_SECONDS)
                server.board()
                add(WATCHED, 1000 * statistics.median(server.board() for _ in range(_BOARDS)))
                add(IDLE_STREAM, 1000 * server.idle_share())
            events = f"/workspaces/{server.key_of(roots[0])}/items/{{}}/events"
            _measure_replays(server, events, few, many, figures)
            with closing(opened(logs, live)) as writer:
                _measure_streams(server, events.format(live), writer, figures)
            with server.streams(events.format(live), 20):
                add(END, server.end())


def _measure_replays(
    server: _Server, path: str, few: str, many: str, figures: dict[str, Figure]
) -> None:
    for item, count, cpu, wall in (
        (few, _FEW_EVENTS, FEW, FEW_WALL),
        (many, _MANY_EVENTS, MANY, MANY_WALL),
    ):
        memory, spent, began = server.memory(), server.cpu_seconds(), time.perf_counter()
        with server.streams(path.format(item), 1) as (stream,):
            stream.connection.settimeout(_LIMIT_SECONDS)
            while stream.last < count:
                stream.take()
        figures[wall].millracer.values.append(time.perf_counter() - began)
        figures[cpu].millracer.values.append(server.cpu_seconds() - spent)
        if item == many:
            figures[MANY_MEMORY].millracer.values.append(max(0.0, server.memory() - memory))


def _measure_streams(
    server: _Server, path: str, writer: LogWriter, figures: dict[str, Figure]
) -> None:
    with server.streams(path, 1) as streams:
        taken = _write_and_read(streams, writer, _LATENCIES, _PAUSE_SECONDS)
        figures[ONE_P50].millracer.values.append(1000 * statistics.median(taken))
        figures[ONE_P99].millracer.values.append(1000 * _p99(taken))
    with server.streams(path, _CLIENTS) as streams:
        spent = server.cpu_seconds()
        taken = _write_and_read(streams, writer, _RATE * _BUSY_SECONDS, 1 / _RATE)
        spent = server.cpu_seconds() - spent
        figures[ALL_P50].millracer.values.append(1000 * statistics.median(taken))
        figures[ALL_P99].millracer.values.append(1000 * _p99(taken))
        figures[DELIVERY].millracer.values.append(1e6 * spent / len(taken))


def _write_and_read(
    streams: Sequence[_Stream], writer: LogWriter, count: int, pause: float
) -> list[float]:
    """Write events at a rate, read all streams, and return the delays of all deliveries."""
    _catch_up(streams, writer.append(stage_event(next(_NUMBERS))))
    written: dict[int, float] = {}
    with selectors.DefaultSelector() as selector:
        for each in streams:
            each.arrivals.clear()
            each.connection.settimeout(0.0)
            selector.register(each.connection, selectors.EVENT_READ, each)
        began = due = time.perf_counter()
        last = 0
        while len(written) < count or any(each.last < last for each in streams):
            now = time.perf_counter()
            if now - began > _LIMIT_SECONDS:
                raise Failed("not every event arrived")
            if len(written) < count and now >= due:
                event = writer.append(stage_event(next(_NUMBERS)))
                if event is None:
                    raise Failed("an event was not logged")
                last = event.cursor.sequence
                written[last] = now
                due += pause
            left = max(0.0, due - time.perf_counter()) if len(written) < count else 1.0
            for key, _ in selector.select(left):
                key.data.take()
    for each in streams:
        if list(each.arrivals) != list(written):
            raise Failed("a stream lacks events, or has them in another order")
    return [at - written[number] for each in streams for number, at in each.arrivals.items()]


def _catch_up(streams: Sequence[_Stream], event: LogEvent | None) -> None:
    """Read each stream up to an event, so that all of them are live."""
    if event is None:
        raise Failed("an event was not logged")
    for each in streams:
        each.connection.settimeout(_LIMIT_SECONDS)
        while each.last < event.cursor.sequence:
            each.take()


def _p99(values: Sequence[float]) -> float:
    return statistics.quantiles(values, n=100)[98]


@dataclass(slots=True)
class _Stream:
    """An event stream; `arrivals` are the times at which its events could be read, by number."""

    connection: socket.socket
    last: int = -1
    arrivals: dict[int, float] = field(default_factory=dict)
    _rest: bytes = b""

    def take(self) -> None:
        """Read once.

        Raises:
            Failed: the stream has ended.
        """
        received = self.connection.recv(1 << 18)
        if not received:
            raise Failed("a stream has ended")
        at = time.perf_counter()
        whole, newline, self._rest = (self._rest + received).rpartition(b"\n")
        for number in map(int, _CURSOR.findall(whole + newline)):
            self.arrivals[number] = at
            self.last = number


class _Server:
    """A running `millracer serve`."""

    def __init__(self, process: subprocess.Popen[bytes], began: float) -> None:
        self._process = process
        if process.stdout is None:
            raise Failed("the server has no pipe")
        lines: list[bytes] = []
        while not lines or lines[-1] != b"}\n":
            lines.append(process.stdout.readline())
            if not lines[-1]:
                raise Failed("the server does not start")
        self.start_seconds = time.perf_counter() - began
        described = json.loads(b"".join(lines))
        self._token: str = described["token"]
        self._port = int(described["url"].rpartition(":")[2])
        self._board: dict[str, str] = {}

    def board(self) -> float:
        """Read the board and return the seconds."""
        began = time.perf_counter()
        with self._request("/board", "Connection: close") as connection:
            received = b"".join(iter(lambda: connection.recv(1 << 18), b""))
        spent = time.perf_counter() - began
        head, _, body = received.partition(b"\r\n\r\n")
        if b" 200 " not in head.partition(b"\r\n")[0]:
            raise Failed(f"the board is not answered: {head!r}")
        entries = json.loads(body)["workspaces"]
        if any(each["error"] for each in entries) or len(entries) != _WORKSPACES:
            raise Failed("the board has an error")
        self._board = {each["path"]: each["key"] for each in entries}
        return spent

    def key_of(self, root: Path) -> str:
        """Return the key of a workspace of the last board."""
        return self._board[str(root.resolve())]

    @contextmanager
    def streams(self, path: str, count: int) -> Iterator[list[_Stream]]:
        """Open event streams until the end of the block."""
        with ExitStack() as held:
            found = []
            for _ in range(count):
                connection = held.enter_context(self._request(path))
                found.append(_Stream(connection))
            for each in found:
                each.connection.settimeout(_LIMIT_SECONDS)
                each.take()
            yield found

    def memory(self) -> float:
        """Return the resident memory in MiB."""
        return resident_bytes(self._process.pid) / _MIB

    def cpu_seconds(self) -> float:
        """Return the CPU time of the server without its children."""
        return cpu_seconds_of(self._process.pid)

    def idle_share(self) -> float:
        """Return the CPU of a second without requests."""
        before = self.cpu_seconds()
        time.sleep(_IDLE_SECONDS)
        return (self.cpu_seconds() - before) / _IDLE_SECONDS

    def end(self) -> float:
        """Ask for its end and return the seconds until then."""
        began = time.perf_counter()
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(_LIMIT_SECONDS)
        return time.perf_counter() - began

    def _request(self, path: str, *headers: str) -> socket.socket:
        connection = socket.create_connection(("127.0.0.1", self._port), timeout=_LIMIT_SECONDS)
        lines = (
            f"GET /api/v1{path} HTTP/1.1",
            f"Host: 127.0.0.1:{self._port}",
            f"Authorization: Bearer {self._token}",
            *headers,
        )
        connection.sendall("\r\n".join([*lines, "", ""]).encode("ascii"))
        return connection


@contextmanager
def _serving(prepared: Scene, roots: Sequence[Path]) -> Iterator[_Server]:
    began = time.perf_counter()
    process = subprocess.Popen(
        (
            *(str(prepared.tools.millracer.command), "serve", "--json"),
            *(word for root in roots for word in ("--workspace", str(root))),
            *("--millrace-command", prepared.tools.millrace, "--pi-command", prepared.tools.pi),
        ),
        cwd=prepared.home,
        env=prepared.environment(prepared.tools.millracer),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield _Server(process, began)
    finally:
        process.terminate()
        try:
            process.wait(_LIMIT_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()


def _workspaces(prepared: Scene) -> list[Path]:
    first = prepared.workspace.root
    copies = (first.with_name(f"copy-{number}") for number in range(1, _WORKSPACES))
    return [first, *(Path(shutil.copytree(first, copy, symlinks=True)) for copy in copies)]


def _submitted(prepared: Scene, name: str) -> str:
    """Queue an item in the first workspace and return its id."""
    ran = run(
        (
            *(str(prepared.tools.millracer.command), "submit", "--json", "--request-id", name),
            *("--workspace", str(prepared.workspace.root)),
            *("--millrace-command", prepared.tools.millrace),
            f"Mend the widget {name}",
        ),
        cwd=prepared.home,
        env=prepared.environment(prepared.tools.millracer),
        limit_seconds=_LIMIT_SECONDS,
    )
    if ran.exit_code != 0:
        raise Failed(f"submit ended with {ran.exit_code}: {ran.output}")
    return str(json.loads(ran.output)["work_item_id"])


def _fill(logs: FileEventLogs, item: str, count: int) -> None:
    """Write a log of `count` events; the events that the item has already come before them."""
    most = limits._MOST_EVENTS, limits._MOST_BYTES
    limits._MOST_EVENTS, limits._MOST_BYTES = 2 * count, 1 << 40
    try:
        with closing(opened(logs, item)) as writer:
            for number in range(count):
                writer.append(stage_event(number))
    finally:
        limits._MOST_EVENTS, limits._MOST_BYTES = most
