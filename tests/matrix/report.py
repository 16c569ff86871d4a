"""What a run of the matrix found: kept as JSON, and told as the page that is made from it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

from millracer.adapters import millrace_version, pi_install
from tests.matrix.cells import CELLS, Cell, Selection
from tests.matrix.running import Counted

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "docs" / "compatibility.json"
PAGE = ROOT / "docs" / "compatibility.md"


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

    def told(self) -> str:
        """One line for whoever waits."""
        counts = f"{self.passed} passed, {len(self.failed)} failed, {len(self.skipped)} skipped"
        what = self.why or f"{counts}, {self.minutes} min"
        return f"{self.cell}: {self.outcome} ({what})"


def not_had(cell: Cell, why: str, *, date: str) -> Result:
    """The result of a cell whose tools are not to be had."""
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
        slow=counted.slow and cell.tests is not Selection.OURS,
        outcome=Outcome.PASSED if good else Outcome.FAILED,
        why=counted.trouble,
        passed=counted.passed,
        failed=counted.failed,
        skipped=counted.skipped,
        minutes=round(counted.seconds / 60, 1),
        date=date,
    )


def read_results(path: Path = RESULTS) -> tuple[Result, ...]:
    """Return what is kept; nothing where nothing is."""
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
    """Keep the results, and write the page anew."""
    document = {"cells": [asdict(result) for result in results]}
    json_path.write_text(f"{json.dumps(document, indent=2)}\n", encoding="utf-8")
    page.write_text(render(results), encoding="utf-8")


def render(results: Sequence[Result]) -> str:
    """Return the page."""
    parts = [
        _HEAD.format(millrace=millrace_version.SUPPORTED_RANGE, pi=pi_install.SUPPORTED_RANGE),
        _TABLE_HEAD,
        *(_row(result) for result in results),
        _WHAT_RAN,
    ]
    remarks = [*_failures(results), *_absences(results), *_skips(results), *_open(results)]
    parts += ["\n## What did not run, or failed\n", *remarks] if remarks else []
    return "\n".join([*parts, _DIFFERENCES])


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
            yield f"- {result.cell} was not to be had: {result.why}."


def _skips(results: Iterable[Result]) -> Iterable[str]:
    for result in results:
        for name, reason in result.skipped.items():
            yield f"- {result.cell} left out `{name}`: {reason}."


def _open(results: Iterable[Result]) -> Iterable[str]:
    tried = {result.cell for result in results}
    for cell in CELLS:
        if cell.name not in tried:
            yield f"- {cell.name} has not been run."


_HEAD = """\
# Compatibility

Written by `make test-matrix` from [what it found](compatibility.json); do not edit.

Supported is Millrace {millrace}, pi {pi}, Python from 3.11 on.
Another Millrace and an older pi are refused, with the command that installs a supported one; a
newer pi is taken, with the warning `pi_untested`. pi up to 0.73.1 is the npm package
`@mariozechner/pi-coding-agent`, from 0.74 on `@earendil-works/pi-coding-agent`, which wants Node
22.19 or newer.
"""

_TABLE_HEAD = """\
| cell | Millrace | pi | Node | Python | tests | outcome | counted | took | on |
|---|---|---|---|---|---|---|---|---|---|"""

_WHAT_RAN = """
"real tools" are `tests/acceptance` and `tests/conformance`; "real pi" the part of them that starts
a pi, as no other can tell one pi from another; "our own code" is all of `make test` but the real
runs, and the few of those marked `corner`. `make test` runs these few with the oldest and with the
newest Millrace and pi besides.\
"""

_DIFFERENCES = """
## What differs between the versions

Millracer says the same of the same on all of them, except where the tool itself does otherwise:

- Millrace 0.18 and 0.19 themselves block a probe whose recon never gets anywhere; later ones try
  for ever, and Millracer ends the run as `stuck`. Both are the outcome blocked.
- Millrace 0.18 and 0.19 open no Arbiter target for a probe that recon sends to planning: the run
  ends as `incomplete` and says so.
- Before 0.21 an idle daemon writes at each of its ticks, so `ops --jsonl` reads every status anew
  while one runs; of 0.21 it answers from the last read.
- Millrace 0.21 calls the mode `default_pi` by its new name `lad_pi`; both are taken.
- pi up to 0.73.1 cannot tell a connection that the model's server closed in mid-answer from a model
  that stopped: what came is the answer. Newer ones ask again.
- pi up to 0.75 asks a failing model three times before one of its own tries counts as failed.
- pi 1.x wants `--model` beside `--provider`; Millracer says so before it starts it.
"""
