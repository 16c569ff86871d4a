"""Measure an event log: append, open, seek, replay, take-over, and from disk to a reader.

    python -m tests.bench.event_log [--events 100000]

Prints one line for each figure. Times depend on the machine; the ratios to a plain append, open and
read of the same bytes do not.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from millracer.cancellation import Cancellation, Wait
from millracer.domain.event_log import Cursor
from millracer.event_log import writer as limits
from millracer.event_log.logs import FileEventLogs
from tests.support.event_logs import ITEM, news, opened, writing_process

_TIMES = 25


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, default=100_000)
    count = parser.parse_args().events
    limits._MOST_EVENTS, limits._MOST_BYTES = 10 * count, 1 << 40
    with tempfile.TemporaryDirectory() as folder:
        logs = FileEventLogs(Path(folder) / "items")
        log = Path(folder) / "items" / ITEM / limits.LOG_NAME
        epoch, appended = _append(logs, count)
        size = log.stat().st_size
        plain = _seconds(lambda: _write_plainly(log.with_name("plain"), log.read_bytes()))
        _say("append", f"{appended / count * 1e6:.0f} us each", appended / plain)
        _say("open as the writer", _milliseconds(_seconds(lambda: opened(logs).close())))
        reads = _seconds(lambda: log.read_bytes().splitlines())
        replay = _seconds(lambda: _read(logs, None, count + 1))
        _say(f"replay {count} events ({size / 1e6:.0f} MB)", f"{replay:.2f} s", replay / reads)
        middle = Cursor(epoch, count - 10)
        _say("seek and read the last ten", _milliseconds(_seconds(lambda: _read(logs, middle, 10))))
        _say("from disk to a reader", _latencies(logs))
        _say("take-over after a kill", _take_overs(logs, Path(folder) / "items"))


def _append(logs: FileEventLogs, count: int) -> tuple[str, float]:
    with closing(opened(logs)) as writer:
        began = time.perf_counter()
        for number in range(count):
            writer.append(news("builder ended BUILDER_COMPLETE", number=number, stage="builder"))
        return writer.state.epoch, time.perf_counter() - began


def _write_plainly(path: Path, text: bytes) -> None:
    with path.open("ab", buffering=0) as file:
        for line in text.splitlines(keepends=True):
            file.write(line)


def _read(logs: FileEventLogs, after: Cursor | None, expected: int) -> None:
    with closing(logs.read(ITEM, after)) as reader:
        if len(reader.read().events) != expected:
            raise SystemExit("the log was not read whole")


def _latencies(logs: FileEventLogs) -> str:
    """Return how long an event takes to a reader that sleeps."""
    spent = []
    with closing(opened(logs)) as writer, closing(logs.read(ITEM, None)) as reader:
        reader.read()
        reader.sleep(0, Wait(Cancellation()))
        for _ in range(200):
            moments: list[float] = []

            def write(moments: list[float] = moments) -> None:
                moments.append(time.perf_counter())
                writer.append(news())

            timer = threading.Timer(0.01, write)
            timer.start()
            while not reader.read().events:
                reader.sleep(1, Wait(Cancellation()))
            spent.append(time.perf_counter() - moments[0])
            timer.join()
    ordered = sorted(spent)
    middle, last = ordered[len(ordered) // 2], ordered[int(len(ordered) * 0.99)]
    return f"p50 {_milliseconds(middle)}, p99 {_milliseconds(last)}"


def _take_overs(logs: FileEventLogs, folder: Path) -> str:
    """Return how long after a writer's death a waiting reader has the lock."""
    item, spent = "taken-over", []
    for _ in range(_TIMES):
        with writing_process(folder, 1, item) as process, closing(logs.read(item)) as reader:
            if process.stdout is None or not process.stdout.readline():
                raise SystemExit("the writer did not start")
            reader.read()
            reader.sleep(0, Wait(Cancellation()))
            began = time.perf_counter()
            process.kill()
            writer = logs.write(item)
            while writer is None:
                reader.sleep(1, Wait(Cancellation()))
                writer = logs.write(item)
            spent.append(time.perf_counter() - began)
            writer.close()
    return f"median {_milliseconds(statistics.median(spent))}, most {_milliseconds(max(spent))}"


def _seconds(work: Callable[[], object]) -> float:
    """Return the least time of five."""
    spent = []
    for _ in range(5):
        began = time.perf_counter()
        work()
        spent.append(time.perf_counter() - began)
    return min(spent)


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:.2f} ms"


def _say(name: str, figure: str, ratio: float | None = None) -> None:
    plain = "" if ratio is None else f"  ({ratio:.1f} times the plain file)"
    sys.stdout.write(f"{name}: {figure}{plain}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
