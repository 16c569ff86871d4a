"""Compare the two file notifiers: `python -m tests.bench.notifiers`, never pytest.

Both are measured in turn on one machine, so only the ratios are meaningful.
"""

from __future__ import annotations

import select
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from inotify_simple import INotify, flags
from watchfiles._rust_notify import RustNotify

_ROUNDS = 5
_FOLDERS = 30
_QUIET_SECONDS = 4.0
_WRITES = 20
_PAUSE_SECONDS = 0.03
_SLICE_MS = 100
#: How often `watchfiles` checks for changes.
_STEP_MS = 20
_IMPORTS = {
    "inotify-simple": "import inotify_simple",
    "watchfiles": "from watchfiles._rust_notify import RustNotify",
}
_MEASURE_IMPORT = """
import time, psutil, threading
process = psutil.Process()
memory, began = process.memory_info().rss, time.perf_counter()
{statement}
print(time.perf_counter() - began, process.memory_info().rss - memory)
"""

#: Sleeps for at most one slice; returns whether something changed.
Sleep = Callable[[], bool]


@contextmanager
def _inotify(folders: list[str]) -> Iterator[Sleep]:
    with INotify(nonblocking=True) as notify:
        for folder in folders:
            notify.add_watch(folder, flags.CREATE | flags.MODIFY | flags.MOVED_TO | flags.DELETE)
        poll = select.poll()
        poll.register(notify, select.POLLIN)

        def sleep() -> bool:
            is_ready = bool(poll.poll(_SLICE_MS))
            notify.read(timeout=0)
            return is_ready

        yield sleep


@contextmanager
def _watchfiles(folders: list[str]) -> Iterator[Sleep]:
    with RustNotify(
        folders,
        debug=False,
        force_polling=False,
        poll_delay_ms=0,
        recursive=False,
        ignore_permission_denied=True,
    ) as notify:
        yield lambda: isinstance(notify.watch(_STEP_MS, _STEP_MS, _SLICE_MS, None), set)


_NOTIFIERS = {"inotify-simple": _inotify, "watchfiles": _watchfiles}


def main() -> None:
    """Measure, and print one row for each measure."""
    figures: dict[tuple[str, str], list[float]] = {}
    for turn in range(_ROUNDS):
        for name in list(_NOTIFIERS)[:: 1 if turn % 2 == 0 else -1]:
            for measure, value in _measure(name):
                figures.setdefault((measure, name), []).append(value)
    for measure in dict.fromkeys(measure for measure, _ in figures):
        first, second = (statistics.median(figures[measure, name]) for name in _NOTIFIERS)
        ratio = second / first if first else float("inf")
        sys.stdout.write(
            f"{measure}: inotify-simple {first:.2f}, watchfiles {second:.2f}, ratio {ratio:.1f}\n"
        )


def _measure(name: str) -> Iterator[tuple[str, float]]:
    seconds, memory = _measure_import(_IMPORTS[name])
    yield "import, ms", seconds * 1000
    yield "memory of the import, MiB", memory / 2**20
    with tempfile.TemporaryDirectory() as root:
        folders = [Path(root, str(number)) for number in range(_FOLDERS)]
        for folder in folders:
            folder.mkdir()
        with _NOTIFIERS[name]([str(folder) for folder in folders]) as sleep:
            yield "CPU of a quiet second, ms", _measure_quiet(sleep) * 1000
            latencies = [_measure_latency(sleep, folders[-1] / str(n)) for n in range(_WRITES)]
            yield "wake-up latency, ms", statistics.median(latencies) * 1000


def _measure_import(statement: str) -> tuple[float, float]:
    printed = subprocess.run(
        (sys.executable, "-c", _MEASURE_IMPORT.format(statement=statement)),
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    return float(printed[0]), float(printed[1])


def _measure_quiet(sleep: Sleep) -> float:
    before, until = time.process_time(), time.monotonic() + _QUIET_SECONDS
    while time.monotonic() < until:
        sleep()
    return (time.process_time() - before) / _QUIET_SECONDS


def _measure_latency(sleep: Sleep, path: Path) -> float:
    written: list[float] = []

    def write() -> None:
        time.sleep(_PAUSE_SECONDS)
        written.append(time.monotonic())
        path.touch()

    writer = threading.Thread(target=write)
    writer.start()
    while not sleep():
        pass
    latency = time.monotonic() - written[0]
    writer.join()
    while sleep():
        pass
    return latency


if __name__ == "__main__":
    main()
