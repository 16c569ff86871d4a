"""Event logs: append, open, seek, replay, and how soon an event or a dead writer is noticed.

Costs are CPU time, which the machine's other work hardly changes. Waiting times are wall time.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import IO, Any

from millracer.cancellation import Cancellation, Wait
from millracer.domain.event_log import Cursor, Event, LogEvent
from millracer.event_log import writer as limits
from millracer.event_log.logs import FileEventLogs
from millracer.operations.stream.frames import Frames
from millracer.schemas.base import render_line
from millracer.schemas.ops.frame import EventFrame
from millracer.testing.clock import FrozenClock
from tests.bench.figures import Figure
from tests.bench.running import Failed, run
from tests.bench.scene import Scene, Tools, scene
from tests.support.event_logs import ITEM, news, opened
from tests.support.scenario import Scenario, Step

_EVENTS = 100_000
_ROUNDS = 5
_LATENCIES = 200
_PAUSE_SECONDS = 0.05
_STAGE_SECONDS = 0.2
_IDLE_SECONDS = 3
#: A builder that runs until its watch was taken over.
_BUILDER_SECONDS = 15
_LIMIT_SECONDS = 100.0
_NAME = "one-item"

APPEND = "append an event: CPU"
OPEN = f"open a log of {_EVENTS:,} events as its writer: CPU"
SEEK = "continue ten events before its end: CPU"
REPLAY = "read all its events: CPU over that of reading the same JSON lines"
STREAM = "log and stream of a delegated run, share of its CPU"
FRAME = "event on disk → frame on a pipe: 99th percentile"
TAKEN = "the writer is killed → first frame of the next attempt"


def event_figures() -> list[Figure]:
    """Return the rows that `measure_events` fills."""
    return [
        Figure(name=APPEND, unit="ms", reach="≤ 0.2 ms", limit=0.2),
        Figure(name=OPEN, unit="ms", reach="≤ 5 ms", limit=5.0),
        Figure(name=SEEK, unit="ms", reach="≤ 5 ms", limit=5.0),
        Figure(name=REPLAY, unit="times", reach="≤ 3", limit=3.0),
        Figure(name=STREAM, unit="%", reach="≤ 1 %", limit=1.0),
        Figure(name=FRAME, unit="ms", reach="≤ 50 ms", limit=50.0),
        Figure(name=TAKEN, unit="s", reach="≤ 2 s", limit=2.0),
    ]


def measure_events(tools: Tools, figures: dict[str, Figure]) -> None:
    """Measure a long log, a stream's delays, and the take-over from a killed writer.

    Raises:
        Failed: a command gave nothing to measure.
    """

    def add(name: str, value: float) -> None:
        figures[name].millracer.values.append(value)

    with _long_log() as (logs, epoch, appended):
        add(APPEND, appended / _EVENTS * 1e3)
        add(OPEN, _least_cpu(lambda: opened(logs).close()) * 1e3)
        after = Cursor(epoch, _EVENTS - 10)
        add(SEEK, _least_cpu(lambda: _read(logs, after, 10)) * 1e3)
        lines = (logs._folder_of(ITEM) / limits.LOG_NAME).read_bytes().splitlines()
        parsed = _least_cpu(lambda: [json.loads(line) for line in lines])
        add(REPLAY, _least_cpu(lambda: _read(logs, None, _EVENTS + 1)) / parsed)
    add(STREAM, _share_of_stream(tools))
    add(FRAME, _latency(tools) * 1e3)
    add(TAKEN, _take_over(tools))


@contextmanager
def _long_log() -> Iterator[tuple[FileEventLogs, str, float]]:
    """Yield logs with a long one, its epoch, and the CPU of writing it."""
    most = limits._MOST_EVENTS, limits._MOST_BYTES
    limits._MOST_EVENTS, limits._MOST_BYTES = 2 * _EVENTS, 1 << 40
    try:
        with tempfile.TemporaryDirectory(prefix="millracer-bench-") as folder:
            logs = FileEventLogs(Path(folder) / "items")
            with closing(opened(logs)) as writer:
                began = time.process_time()
                for number in range(_EVENTS):
                    writer.append(stage_event(number))
                spent = time.process_time() - began
            yield logs, writer.state.epoch, spent
    finally:
        limits._MOST_EVENTS, limits._MOST_BYTES = most


def stage_event(number: int) -> Event:
    """Return an event as a run logs it."""
    return news(
        "builder ended BUILDER_COMPLETE",
        key=f"stage_ended/{number}",
        attempt=1,
        stage="builder",
        run_id=f"run-{number}",
        plane="execution",
    )


def _read(logs: FileEventLogs, after: Cursor | None, expected: int) -> None:
    with closing(logs.read(ITEM, after)) as reader:
        if len(reader.read().events) != expected:
            raise Failed("the log was not read whole")


def _share_of_stream(tools: Tools) -> float:
    """Return the CPU for a run's events, in percent of the CPU of the run.

    The run's own events are logged, read, made frames and printed once more, and a reader waits as
    long as the run: two runs with and without a stream differ by less than two equal ones.
    """
    with scene(tools, Scenario(default=Step(seconds=_STAGE_SECONDS))) as prepared:
        ran = run(
            _command(prepared, "run", "--request-id", _NAME, "Mend the widget"),
            cwd=prepared.home,
            env=prepared.environment(tools.millracer),
            limit_seconds=_LIMIT_SECONDS,
        )
        logs = _logs_of(prepared)
        (item_id,) = logs.item_ids()
        with closing(logs.read(item_id)) as reader:
            events = reader.read().events
    if ran.exit_code != 0:
        raise Failed(f"the run ended with {ran.exit_code}")
    spent = _least_cpu(lambda: _log_and_stream(events)) + _idle_share() * ran.wall_seconds
    return 100 * spent / ran.cpu_seconds


def _idle_share() -> float:
    """Return the CPU of a reader that waits for events, a second."""
    with tempfile.TemporaryDirectory(prefix="millracer-bench-") as folder:
        logs = FileEventLogs(Path(folder) / "items")
        opened(logs).close()
        with closing(logs.read(ITEM)) as reader:
            reader.read()
            reader.sleep(0, Wait(Cancellation()))
            began = time.thread_time()
            for _ in range(_IDLE_SECONDS):
                reader.sleep(1, Wait(Cancellation()))
                reader.read()
            return (time.thread_time() - began) / _IDLE_SECONDS


def _log_and_stream(events: tuple[LogEvent, ...]) -> None:
    with (
        tempfile.TemporaryDirectory(prefix="millracer-bench-") as folder,
        Path(os.devnull).open("w", encoding="utf-8") as sink,
    ):
        logs = FileEventLogs(Path(folder) / "items")

        def emit(frame: EventFrame) -> None:
            sink.write(f"{render_line(frame)}\n")
            sink.flush()

        frames = Frames("r", emit, FrozenClock(), item_id=ITEM)
        with closing(opened(logs)) as writer, closing(logs.read(ITEM)) as reader:
            reader.read()
            for event in events:
                writer.append(event)
                frames.batch(reader.read())


def _latency(tools: Tools) -> float:
    """Return the 99th percentile of the time from an append to its frame from `watch`."""
    with scene(tools, Scenario()) as prepared:
        submitted = run(
            _command(prepared, "submit", "--request-id", _NAME, "--json", "Mend the widget"),
            cwd=prepared.home,
            env=prepared.environment(tools.millracer),
            limit_seconds=_LIMIT_SECONDS,
        )
        if submitted.exit_code != 0:
            raise Failed(f"submit ended with {submitted.exit_code}: {submitted.output}")
        logs = _logs_of(prepared)
        (item_id,) = logs.item_ids()
        with (
            _frames(prepared, "watch", _NAME, "--observe") as (_, frames),
            closing(opened(logs, item_id)) as writer,
        ):
            frames.await_type("item.enqueued")
            spent = []
            for number in range(_LATENCIES):
                began = time.perf_counter()
                event = writer.append(stage_event(number))
                if event is None:
                    raise Failed("an event was not logged")
                spent.append(frames.await_cursor(str(event.cursor)) - began)
                time.sleep(_PAUSE_SECONDS)
    return statistics.quantiles(spent, n=100)[98]


def _take_over(tools: Tools) -> float:
    """Return the time from the death of a run to the next attempt in a follower's stream."""
    scenario = Scenario({"builder": (Step(seconds=_BUILDER_SECONDS),)})
    with (
        scene(tools, scenario) as prepared,
        _frames(prepared, "run", "--request-id", _NAME, "Mend the widget") as (first, ran),
    ):
        ran.await_type("stage.started")
        with _frames(prepared, "watch", _NAME) as (_, followed):
            followed.await_type("stage.started")
            began = time.perf_counter()
            first.kill()
            return followed.await_type("attempt.started", times=2) - began


class _PrintedFrames:
    """The frames of a process, each with the time at which it could be read."""

    def __init__(self, source: IO[bytes]) -> None:
        self._source = source
        self._read: list[tuple[float, Mapping[str, Any]]] = []
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._collect, daemon=True)
        self._thread.start()

    def await_cursor(self, cursor: str) -> float:
        """Return when the frame with a cursor came."""
        return self._await(lambda frame: frame.get("cursor") == cursor, 1)

    def await_type(self, kind: str, *, times: int = 1) -> float:
        """Return when the first frame of a type came, or a later one."""
        return self._await(lambda frame: frame["event_type"] == kind, times)

    def _await(self, is_it: Callable[[Mapping[str, Any]], bool], times: int) -> float:
        def found() -> list[float]:
            return [at for at, frame in self._read if is_it(frame)]

        with self._changed:
            if not self._changed.wait_for(lambda: len(found()) >= times, _LIMIT_SECONDS):
                raise Failed("a frame did not come")
            return found()[times - 1]

    def _collect(self) -> None:
        for line in self._source:
            at = time.perf_counter()
            with self._changed:
                self._read.append((at, json.loads(line)))
                self._changed.notify_all()


@contextmanager
def _frames(
    prepared: Scene, *arguments: str
) -> Iterator[tuple[subprocess.Popen[bytes], _PrintedFrames]]:
    """Yield a command that streams, and its frames; it is ended with the block."""
    process = subprocess.Popen(
        _command(prepared, *arguments),
        cwd=prepared.home,
        env=prepared.environment(prepared.tools.millracer),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    try:
        if process.stdout is None:
            raise Failed("the command has no pipe")
        yield process, _PrintedFrames(process.stdout)
    finally:
        process.terminate()
        process.wait()


def _command(prepared: Scene, command: str, *arguments: str) -> tuple[str, ...]:
    delegated = ("--route", "millrace", "--intake", "task", "--finalizer", "summary")
    streams = ("--stream-json",) if command != "submit" else ()
    return (
        *(str(prepared.tools.millracer.command), command),
        *("--workspace", str(prepared.workspace.root)),
        *("--millrace-command", prepared.tools.millrace),
        *(("--pi-command", prepared.tools.pi) if command != "submit" else ()),
        *(delegated if command == "run" else ()),
        *streams,
        *arguments,
    )


def _logs_of(prepared: Scene) -> FileEventLogs:
    return FileEventLogs(prepared.workspace.root / ".millracer" / "items")


def _least_cpu(work: Callable[[], object]) -> float:
    """Return the least CPU time of some rounds, in seconds."""
    spent = []
    for _ in range(_ROUNDS):
        began = time.process_time()
        work()
        spent.append(time.process_time() - began)
    return min(spent)
