"""Render the tables of docs/evidence/benchmarks.md. They do not identify the machine."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass

from tests.bench.figures import Figure, Samples

_HEAD = "| figure | reference 0.2.0 | Millracer | ratio | target | met |"
_LINE = "|---|---|---|---|---|---|"
_GROWTH_HEAD = "| figure | reference 0.2.0 | Millracer |"
_GROWTH_LINE = "|---|---|---|"


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """The conditions of the measurement."""

    repetitions: int
    load: tuple[float, float]
    date: str
    millrace: str
    pi: str

    def describe(self) -> str:
        """Return them as one paragraph."""
        began, ended = self.load
        return (
            f"Measured on {self.date}: {os.cpu_count()} cores, {platform.system()} on "
            f"{platform.machine()}, Python {platform.python_version()}, Millrace {self.millrace}, "
            f"pi {self.pi}, a scripted model. Load average {began:.1f} at the beginning and "
            f"{ended:.1f} at the end (the measurements themselves are a load of about one)."
        )


def render(rows: Sequence[Figure], growth: Sequence[Figure], conditions: Conditions) -> str:
    """Return the document."""
    return "\n".join(
        [
            "# Benchmarks",
            "",
            _WHAT,
            "",
            conditions.describe(),
            "",
            f"Each cell: the median of {conditions.repetitions} repetitions (smallest to largest).",
            "",
            table(rows),
            "",
            "## How the cost grows",
            "",
            growth_table(growth),
            "",
            "## How it is measured",
            "",
            _HOW,
            *notes([*rows, *growth]),
            "",
        ]
    )


def table(rows: Sequence[Figure]) -> str:
    """Return the rows that have something to reach."""
    return "\n".join([_HEAD, _LINE, *map(_row, rows)])


def growth_table(rows: Sequence[Figure]) -> str:
    """Return the rows that have nothing to reach."""
    cells = [
        f"| {row.name} | {_cell(row.reference, row.unit)} | {_cell(row.millracer, row.unit)} |"
        for row in rows
    ]
    return "\n".join([_GROWTH_HEAD, _GROWTH_LINE, *cells])


def _row(row: Figure) -> str:
    ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
    reached = {True: "yes", False: "no", None: ""}[row.is_reached]
    cells = (
        _cell(row.reference, row.unit),
        _cell(row.millracer, row.unit),
        ratio,
        row.reach,
        reached,
    )
    return f"| {row.name} | {' | '.join(cells)} |"


def _cell(samples: Samples, unit: str) -> str:
    failed = f"; {len(samples.failures)} failed" if samples.failures else ""
    if samples.median is None or samples.spread is None:
        return f"none{failed}"
    low, high = samples.spread
    digits = 1 if unit == "ms" else 2
    return f"{samples.median:.{digits}f} {unit} ({low:.{digits}f} to {high:.{digits}f}){failed}"


def notes(rows: Sequence[Figure]) -> list[str]:
    """Return what failed or cannot be, in lines; none if all rows are whole."""
    why: dict[str, list[str]] = {}
    for row in rows:
        for who, samples in (("Millracer", row.millracer), ("reference", row.reference)):
            reasons = [f"failed: {failure}" for failure in samples.failures]
            reasons += [samples.absent] if samples.absent else []
            for reason in dict.fromkeys(reasons):
                why.setdefault(f"{who}: {reason}", []).append(row.name)
    remarks = [f"- {reason} ({'; '.join(names)})." for reason, names in why.items()]
    return ["", "Missing values:", "", *remarks] if remarks else []


_WHAT = """\
Written by `make bench`; do not edit. Millracer and its reference, `millracer==0.2.0` from PyPI, do
the same work in turn on the real tools. The figures are reported, not asserted."""

_HOW = """\
- Each command runs below a subreaper, so the CPU time is the kernel's account of every process it
  started, daemons and stages included, until it ended. Processes that still run then are counted up
  to that moment and ended by their pid.
- Both programs get the same command line, an empty home, cached bytecode, and a new workspace for
  each repetition. A small program plays the stages in place of pi. The outer pi is the real one,
  with a scripted model that records the time of each prompt.
- The reference does not recognise that a task is done. Its run ends when the daemon is idle, with
  the outcome `incomplete`, or after `--daemon-timeout-seconds 50`, which both programs were given.
- A change on disk is the end of a stage in the stage program's log. The progress line is timed when
  it can be read from standard error.
- The quiet minute begins five seconds after the only stage did. The daemon and its stage are not
  counted; pi, which waits in its conversation, is.
- The time of the model check, and that of each of the doctor's checks, is the one in Millracer's
  log (`-v`). The doctor's figure is the command's wall time over the longest of those.
- `list_sessions` starts no program, so its command line names none.
- For a short command the figure is the fastest of five. A repetition of `status` subtracts
  Millrace's fastest time from Millracer's fastest time, measured in turn.
- Event logs: the CPU figures are the least of five rounds in one process, the delays come from real
  `run` and `watch` processes on pipes. The events of a delegated run are logged, read, made frames
  and printed once more; that is compared with the CPU of the whole run.
- The server: one process with ten workspaces and a queue without a daemon. One other process reads
  all streams from raw sockets and writes the events. Memory and CPU are those of the server
  process without its children.
- The fleet: a private PostgreSQL on this machine that does not sync to disk. The workers are real;
  except in the row beside `run` their runs are played by a stand-in. A stand-in host is a thread
  with a connection: it beats, polls each 0.5 s with the engine's own statements, and delivers.
- Growth: tasks are placed in Millrace's queue in its storage format, with no daemon running.
  Workspaces are copies of one that Millrace initialised."""
