"""Results of the compatibility matrix, kept as JSON and rendered as a page."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

from millracer.millrace.commands import version
from millracer.pi import install
from tests.matrix.cells import CELLS, Cell, Selection
from tests.matrix.running import Counted

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "docs" / "evidence" / "compatibility.json"
PAGE = ROOT / "docs" / "evidence" / "compatibility.md"


class Outcome(StrEnum):
    """How a cell ended."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_HAD = "not had"


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What one cell found, and with what exactly."""

    cell: str
    millrace: str
    pi: str
    python: str
    node: str
    tests: str
    slow: bool
    outcome: Outcome
    why: str = ""
    passed: int = 0
    failed: tuple[str, ...] = ()
    skipped: dict[str, str]
    minutes: float = 0.0
    date: str

    def summary(self) -> str:
        """Return a one-line summary for the terminal."""
        counts = f"{self.passed} passed, {len(self.failed)} failed, {len(self.skipped)} skipped"
        what = self.why or f"{counts}, {self.minutes} min"
        return f"{self.cell}: {self.outcome} ({what})"


def not_had(cell: Cell, why: str, *, date: str) -> Result:
    """The result of a cell whose tools are not available."""
    return Result(
        cell=cell.name,
        millrace=cell.millrace,
        pi=cell.pi,
        python=cell.python or "",
        node="",
        tests=cell.tests,
        slow=False,
        outcome=Outcome.NOT_HAD,
        why=why,
        skipped={},
        date=date,
    )


def ran(cell: Cell, counted: Counted, *, python: str, node: str, date: str) -> Result:
    """The result of a cell whose tests were run."""
    good = not counted.failed and not counted.trouble
    return Result(
        cell=cell.name,
        millrace=cell.millrace,
        pi=cell.pi,
        python=python,
        node=node,
        tests=cell.tests,
        slow=counted.slow and cell.tests is not Selection.MILLRACER,
        outcome=Outcome.PASSED if good else Outcome.FAILED,
        why=counted.trouble,
        passed=counted.passed,
        failed=counted.failed,
        skipped=counted.skipped,
        minutes=round(counted.seconds / 60, 1),
        date=date,
    )


def read_results(path: Path = RESULTS) -> tuple[Result, ...]:
    """Return the kept results; nothing where there are none."""
    if not path.exists():
        return ()
    kept = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return tuple(
        Result(**{**each, "outcome": Outcome(each["outcome"]), "failed": tuple(each["failed"])})
        for each in kept
    )


def merge(kept: Iterable[Result], new: Result) -> tuple[Result, ...]:
    """Put a new result in its place; cells that are no more are dropped."""
    by_name = {result.cell: result for result in (*kept, new)}
    return tuple(by_name[cell.name] for cell in CELLS if cell.name in by_name)


def write_results(results: Sequence[Result], json_path: Path = RESULTS, page: Path = PAGE) -> None:
    """Keep the results, and write the page again."""
    document = {"cells": [asdict(result) for result in results]}
    json_path.write_text(f"{json.dumps(document, indent=2)}\n", encoding="utf-8")
    page.write_text(render(results), encoding="utf-8")


def render(results: Sequence[Result]) -> str:
    """Return the page."""
    parts = [
        _HEAD.format(millrace=version.SUPPORTED_RANGE, pi=install.SUPPORTED_RANGE),
        _TABLE_HEAD,
        *(_row(result) for result in results),
        _WHAT_RAN,
    ]
    remarks = [*_failures(results), *_absences(results), *_skips(results), *_open(results)]
    parts += ["\n## Failed or not run\n", *remarks] if remarks else []
    return "\n".join([*parts, _DIFFERENCES, _PLATFORMS])


def _row(result: Result) -> str:
    counts = f"{result.passed} passed"
    if result.failed:
        counts += f", {len(result.failed)} failed"
    if result.skipped:
        counts += f", {len(result.skipped)} skipped"
    verdict = f"**{result.outcome}**" if result.outcome is not Outcome.PASSED else result.outcome
    columns = (
        *(result.cell, result.millrace, result.pi, result.node, result.python),
        result.tests + (", slow ones too" if result.slow else ""),
        *(verdict, counts, f"{result.minutes} min", result.date),
    )
    return f"| {' | '.join(columns)} |"


def _failures(results: Iterable[Result]) -> Iterable[str]:
    for result in results:
        if result.outcome is Outcome.FAILED:
            named = ", ".join(f"`{name}`" for name in result.failed)
            yield f"- {result.cell} failed: {'; '.join(filter(None, (result.why, named)))}."


def _absences(results: Iterable[Result]) -> Iterable[str]:
    for result in results:
        if result.outcome is Outcome.NOT_HAD:
            yield f"- {result.cell} was not available: {result.why}."


def _skips(results: Iterable[Result]) -> Iterable[str]:
    for result in results:
        for name, reason in result.skipped.items():
            yield f"- {result.cell} skipped `{name}`: {reason}."


def _open(results: Iterable[Result]) -> Iterable[str]:
    tried = {result.cell for result in results}
    for cell in CELLS:
        if cell.name not in tried:
            yield f"- {cell.name} was not run."


_HEAD = """\
# Compatibility

Written by `make test-matrix` from [its results](compatibility.json); do not edit.

Supported are Millrace {millrace}, pi {pi}, and Python 3.11 or newer.
Millracer refuses any other Millrace and an older pi, and names the command that installs a
supported version. It accepts a newer pi with the warning `pi_untested`. pi up to 0.73.1 is the npm
package `@mariozechner/pi-coding-agent`; from 0.74 it is `@earendil-works/pi-coding-agent`, which
needs Node 22.19 or newer.
"""

_TABLE_HEAD = """\
| cell | Millrace | pi | Node | Python | tests | outcome | counted | took | on |
|---|---|---|---|---|---|---|---|---|---|"""

_WHAT_RAN = """
"real tools" are the tests of `tests/acceptance` and `tests/conformance`. "real pi" are those of
them that start pi, since only they depend on its version. "project code" is `make test` without the
runs on the real tools, plus the few of those marked `corner`. `make test` also runs these few with
the oldest Millrace and pi, and with the last pi of the older package.\
"""

_DIFFERENCES = """
## Differences between versions

Millracer reports the same outcome on all versions, except where the tool itself behaves
differently:

- Millrace 0.18 and 0.19 block a probe whose recon makes no progress. Later versions retry without a
  limit, and Millracer ends the run with the event `stuck`. In both cases the outcome is blocked.
- Millrace 0.18 and 0.19 open no closure target for a probe that recon sends to planning. The run
  ends as `incomplete`, and `missing_evidence` states the reason.
- Before 0.21 an idle daemon writes at each tick, so `ops --jsonl` reads each status from Millrace
  while a daemon runs. With 0.21 it answers from the status cache.
- Millrace 0.21 reports the mode `default_pi` by its new name `lad_pi`. Both names work.
- pi up to 0.73.1 cannot distinguish a connection that the model's server closed in mid-answer from
  a complete answer, and takes the text received so far as the answer. Newer versions retry.
- pi up to 0.75 asks a failing model three times before it counts one of its own retries as failed.
- pi 1.x requires `--model` together with `--provider`. Millracer checks this before it starts pi.
"""

_PLATFORMS = """\
## Platforms

Millracer is developed and tested on Linux. **It was never run on macOS: no macOS machine was
available.** Every call that only Linux has, has a portable twin:

| purpose | on Linux | on macOS |
|---|---|---|
| report changes in folders | inotify | `watchfiles` with FSEvents, else five reads a second |
| report the end of the daemon | pidfd | ten checks of the process table a second |
| find processes and their start times | `/proc` | psutil, without `/proc` |
| run Millrace's commands | forks of the fork server | plain processes |
| end the fork server with its client | parent-death signal | no fork server |
| signals that end a command | SIGIO, SIGPWR, real-time signals too | without these |
| act as process 1 of a container | yes | not needed |
| return free memory (`ops --jsonl`) | `mallopt` | not changed |

On macOS a fork of a process with loaded libraries is unsafe, so each Millrace command takes about a
second longer there. On other systems than these two there is a fork server, and a thread of it
watches the client's socket instead of the parent-death signal.

Two checks on Linux replace a test on macOS:

- `make test` runs the tests of watches, daemons, processes and the fork server a second time with
  the Linux calls switched off and removed from Python. They use the portable twins, but on Linux
  `watchfiles` uses inotify instead of FSEvents, psutil reads `/proc`, and the fork server forks.
- `make lint` checks the types for macOS too. It fails for a call that Python does not have there.

Not tested in any way: FSEvents, process information that macOS withholds (it may hide the
environment of protected programs, so a leftover of pi's tools may not be found), the terminal, a
host name that changes with the network, `millracer setup`, and pi and Millrace themselves.
"""
