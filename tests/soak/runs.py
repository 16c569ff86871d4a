"""Part one: `millracer run` again and again, each a process of its own, in one workspace."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import suppress

from tests.bench.processes import tree
from tests.bench.running import Ran, Running
from tests.bench.scene import Scene
from tests.soak.flatness import Gauge, Rule
from tests.soak.readings import Readings, of_descendants, of_disk, of_process

WHAT = "## {tasks} runs of `millracer run`, each a complete task"
_LIMIT_SECONDS = 300.0
_READ_EVERY_SECONDS = 0.1

#: What is on the disk after a task; of both parts.
DISK = (
    Gauge(
        key="own_files",
        name="`.millracer` without requests",
        unit="files",
        rule=Rule.LEVEL,
        slack=25,
    ),
    Gauge(
        key="own_size", name="`.millracer` without requests", unit="KiB", rule=Rule.LEVEL, slack=16
    ),
    Gauge(
        key="intake_files", name="kept requests, added", unit="files", rule=Rule.STEADY, slack=0.2
    ),
    Gauge(key="intake_size", name="kept requests, added", unit="KiB", rule=Rule.STEADY, slack=0.1),
    Gauge(key="state_files", name="state folder", unit="files", rule=Rule.LEVEL),
    Gauge(key="state_size", name="state folder, the store", unit="KiB", rule=Rule.LEVEL, slack=16),
    Gauge(
        key="temporary_files",
        name="partly written files of Millracer",
        unit="files",
        rule=Rule.NONE,
    ),
    Gauge(
        key="runtime_files",
        name="Millrace's own, added",
        unit="files",
        rule=Rule.STEADY,
        is_judged=False,
    ),
    Gauge(
        key="runtime_size",
        name="Millrace's own, added",
        unit="KiB",
        rule=Rule.STEADY,
        is_judged=False,
    ),
)
GAUGES = (
    Gauge(key="seconds", name="duration", unit="s", rule=Rule.LEVEL, is_judged=False),
    Gauge(key="cpu", name="CPU, Millrace and pi included", unit="s", rule=Rule.LEVEL, slack=1),
    Gauge(key="peak_memory", name="`millracer`: most memory", unit="MiB", rule=Rule.LEVEL, slack=3),
    Gauge(key="open_files", name="`millracer`: most open files", unit="", rule=Rule.LEVEL, slack=3),
    Gauge(key="threads", name="`millracer`: most threads", unit="", rule=Rule.LEVEL, slack=2),
    Gauge(key="processes", name="most processes at once", unit="", rule=Rule.LEVEL, slack=3),
    Gauge(key="left_running", name="processes left behind", unit="", rule=Rule.NONE),
    Gauge(key="result", name="result", unit="KiB", rule=Rule.LEVEL, slack=2),
    Gauge(key="untrue", name="tasks not completed", unit="", rule=Rule.NONE),
    *DISK,
)


def soak_runs(scene: Scene, tasks: int) -> Iterator[Readings]:
    """Run so many tasks and yield what each took and left.

    Raises:
        Failed: one was not measured.
    """
    for _ in range(tasks):
        running = Running(
            scene.run_command(scene.tools.millracer),
            cwd=scene.home,
            env=scene.environment(scene.tools.millracer),
            limit_seconds=_LIMIT_SECONDS,
        )
        try:
            most = _most_of(running)
            ran = running.finish()
        finally:
            running.close()
        yield {**most, **_hints(ran), **of_disk(scene)}


def _most_of(running: Running) -> Readings:
    most: Readings = {"peak_memory": 0, "open_files": 0, "threads": 0, "processes": 0}
    command: int | None = None
    pause = threading.Event()
    while not running.is_over:
        # The first child of the reaper is the command; daemons are handed to it later.
        command = command or min(
            (each.pid for each in tree(running.pid) if each.parent == running.pid), default=None
        )
        with suppress(OSError, KeyError):
            read = {**(of_process(command) if command else {}), **of_descendants(running.pid)}
            most = {key: max(value, read.get(key, 0)) for key, value in most.items()}
        pause.wait(_READ_EVERY_SECONDS)
    return most


def _hints(ran: Ran) -> Readings:
    try:
        result = json.loads(ran.output)
    except ValueError:
        result = {}
    done = ran.exit_code == 0 and result.get("scoped_completion") is True
    return {
        "seconds": ran.wall_seconds,
        "cpu": ran.cpu_seconds,
        "left_running": ran.left_running,
        "result": len(ran.output) / 1024,
        "untrue": not done,
    }
