"""Runs the tests of one cell and reads what pytest wrote of it."""

from __future__ import annotations

import subprocess
import time
from dataclasses import dataclass, replace
from pathlib import Path
from xml.etree import ElementTree as ET

from tests.matrix.cells import Cell
from tests.matrix.tools import ROOT, Tools

_LIMIT_SECONDS = 5400
_ALL_PASSED, _SOME_FAILED = 0, 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """What became of a cell's tests.

    Attributes:
        skipped: the reason by the test's name.
        slow: whether the slow ones were among them.
        trouble: why pytest itself did not get through, empty if it did.
    """

    passed: int = 0
    failed: tuple[str, ...] = ()
    skipped: dict[str, str]
    seconds: float
    slow: bool = True
    trouble: str = ""


def run_tests(cell: Cell, tools: Tools, folder: Path, *, slow: bool) -> Counted:
    """Run them and keep pytest's output and report in a folder, under the cell's name."""
    folder.mkdir(parents=True, exist_ok=True)
    report, log = folder / f"{cell.name}.xml", folder / f"{cell.name}.log"
    report.unlink(missing_ok=True)
    arguments = (
        "--hypothesis-profile=ci",
        "--numprocesses=auto",
        "--dist=worksteal",
        f"--junit-xml={report}",
        *cell.tests.arguments(slow=slow),
    )
    began, trouble = time.monotonic(), ""
    with log.open("wb") as output:
        try:
            ended = subprocess.run(
                (str(tools.python), "-m", "pytest", *arguments),
                cwd=ROOT,
                env=dict(tools.environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                timeout=_LIMIT_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            trouble = f"the tests did not end within {_LIMIT_SECONDS} s"
        else:
            if ended.returncode not in {_ALL_PASSED, _SOME_FAILED}:
                trouble = f"pytest ended with exit code {ended.returncode}"
    counted = read_report(report, seconds=time.monotonic() - began, trouble=trouble)
    return replace(counted, slow=slow)


def read_report(report: Path, *, seconds: float, trouble: str = "") -> Counted:
    """Return what a JUnit report says; one that is missing or empty is trouble of its own."""
    passed, failed, skipped = 0, [], {}
    cases = list(ET.parse(report).iter("testcase")) if report.exists() else []  # noqa: S314 - pytest's own
    for case in cases:
        name = f"{case.get('classname', '').replace('.', '/')}.py::{case.get('name')}"
        found = {child.tag: child for child in case}
        if "failure" in found or "error" in found:
            failed.append(name)
        elif "skipped" in found:
            skipped[name] = found["skipped"].get("message", "")
        else:
            passed += 1
    return Counted(
        passed=passed,
        failed=tuple(dict.fromkeys(failed)),
        skipped=skipped,
        seconds=seconds,
        trouble=trouble or ("" if cases else "no test ran"),
    )
