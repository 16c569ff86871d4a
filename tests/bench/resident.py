"""The resident boundary, `ops --jsonl`: how fast it answers again, what many workspaces cost."""

from __future__ import annotations

import json
import queue
import shutil
import statistics
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from tests.bench.commands import status_request
from tests.bench.figures import Figure
from tests.bench.processes import cpu_seconds, tree
from tests.bench.running import Failed, run
from tests.bench.scene import Scene, Tools, scene
from tests.support.scenario import Scenario

AGAIN = "100 status requests in one resident process, nothing changing: each"
WATCHED = (1, 10, 50)
_REQUESTS = 100
_IDLE_SECONDS = 10.0
_ANSWER_SECONDS = 240.0
_UNKNOWN_OPTION = 2


class Absent(Exception):
    """What would be measured does not exist here; the text says so."""


def resident_figures() -> list[Figure]:
    """Return the rows that `measure_again` fills."""
    return [Figure(name=AGAIN, unit="ms", reach="≤ 20 ms", limit=20.0)]


def growth_figures() -> list[Figure]:
    """Return the rows that `measure_growth` fills."""
    rows = (("first status of each", "s"), ("status of each again", "s"), (_IDLE, "s"))
    return [Figure(name=_row(count, what), unit=unit) for what, unit in rows for count in WATCHED]


_IDLE = f"CPU of {_IDLE_SECONDS:.0f} s without a request"


def measure_again(tools: Tools, figures: dict[str, Figure]) -> None:
    """Ask again and again for the status of one workspace and add the median.

    Raises:
        Absent: there is no resident boundary.
        Failed: a request did not succeed.
    """
    with scene(tools, Scenario()) as prepared:
        _require_resident(prepared)
        asked = status_request(prepared.workspace.root)
        with _resident(prepared) as resident:
            resident.ask([asked])
            taken = [resident.ask([asked]) for _ in range(_REQUESTS)]
        figures[AGAIN].millracer.values.append(1000 * statistics.median(taken))


def measure_growth(tools: Tools, figures: dict[str, Figure]) -> None:
    """Ask one process for 1, 10 and 50 workspaces, and let it rest with them.

    Raises:
        Absent: there is no resident boundary.
        Failed: a request did not succeed.
    """
    with scene(tools, Scenario()) as prepared:
        _require_resident(prepared)
        roots = [prepared.workspace.root]
        while len(roots) < max(WATCHED):
            copy = prepared.workspace.root.with_name(f"copy-{len(roots)}")
            roots.append(Path(shutil.copytree(roots[0], copy, symlinks=True)))
        for count in WATCHED:
            asked = [status_request(root, f"r{at}") for at, root in enumerate(roots[:count])]
            with _resident(prepared) as resident:
                first, again = resident.ask(asked), resident.ask(asked)
                before = resident.cpu_seconds()
                time.sleep(_IDLE_SECONDS)
                idle = resident.cpu_seconds() - before
            values = (first, again, idle)
            rows = ("first status of each", "status of each again", _IDLE)
            for what, value in zip(rows, values, strict=True):
                figures[_row(count, what)].millracer.values.append(value)


def _row(count: int, what: str) -> str:
    return f"one resident process, {count} workspace{'s' * (count > 1)}: {what}"


class _Resident:
    """One `ops --jsonl` process."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._answers: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        assert process.stdout is not None
        threading.Thread(target=self._read, args=(process.stdout,), daemon=True).start()

    def ask(self, requests: list[dict[str, object]]) -> float:
        """Send requests at once and return the seconds until the last answer.

        Raises:
            Failed: one did not succeed.
        """
        assert self._process.stdin is not None
        began = time.monotonic()
        for each in requests:
            self._process.stdin.write(json.dumps(each).encode() + b"\n")
        self._process.stdin.flush()
        for _ in requests:
            try:
                answer = self._answers.get(timeout=_ANSWER_SECONDS)
            except queue.Empty:
                raise Failed("the resident process does not answer") from None
            if answer is None:
                raise Failed("the resident process has ended")
            if answer["status"] != "succeeded":
                raise Failed(f"a status request failed: {answer['errors']}")
        return time.monotonic() - began

    def cpu_seconds(self) -> float:
        """Return the CPU time of it and its children."""
        return cpu_seconds(tree(self._process.pid))

    def _read(self, stream: IO[bytes]) -> None:
        for line in stream:
            self._answers.put(json.loads(line))
        self._answers.put(None)


def _require_resident(prepared: Scene) -> None:
    millracer = prepared.tools.millracer.environment(prepared.home)
    tried = run(_command(prepared), cwd=prepared.home, env=millracer)
    if tried.exit_code == _UNKNOWN_OPTION:
        raise Absent("there is no `ops --jsonl` yet")


def _command(prepared: Scene) -> tuple[str, ...]:
    millracer = str(prepared.tools.millracer.command)
    return (millracer, "ops", "--jsonl", "--millrace-command", prepared.tools.millrace)


@contextmanager
def _resident(prepared: Scene) -> Iterator[_Resident]:
    millracer = prepared.tools.millracer
    process = subprocess.Popen(
        _command(prepared),
        cwd=prepared.home,
        env=millracer.environment(prepared.home),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield _Resident(process)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
