"""The demonstration's facts about its own project: whether its tests pass, and what was changed."""

from __future__ import annotations

import difflib
import os
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from millracer.cancellation import Cancellation, Wait
from millracer.demo.project import FILES
from millracer.system.processes import Command, run

#: The command by which the story names the test run.
TEST_COMMAND = "python -m unittest"
_TEST_SECONDS = 60.0
#: The lines of unittest's output that name a failed test, its reason and the result.
_TELLING = re.compile(r"(FAIL|ERROR): |\w+(Error|Exception)\b|Ran \d+ test|FAILED|OK")
#: The qualified name behind a failed test's name.
_IN_MODULE = re.compile(r" \(test_\S+\)$")


@dataclass(frozen=True, slots=True, kw_only=True)
class TestRun:
    """One run of the project's own tests; `lines` are those that give the result."""

    passed: bool
    lines: tuple[str, ...]


def run_tests(root: Path, environment: Mapping[str, str], cancellation: Cancellation) -> TestRun:
    """Run the project's tests in its folder.

    Args:
        root: the project.
        environment: variables to merge into this process's environment.
        cancellation: ends the tests.

    Raises:
        ToolTimeout: the tests did not end.
        Cancelled: the caller cancelled.
    """
    command = Command(
        tool="python",
        argv=(sys.executable, "-B", "-m", "unittest"),
        cwd=root,
        env={**os.environ, **environment},
    )
    ended = run(command, Wait(cancellation).within(_TEST_SECONDS))
    lines = (_IN_MODULE.sub("", line) for line in ended.stderr.splitlines() if _TELLING.match(line))
    return TestRun(passed=ended.exit_code == 0, lines=tuple(lines))


def changed_lines(root: Path) -> Iterator[str]:
    """Yield the differences of the project's files from their first content, as a unified diff."""
    for name, before in FILES.items():
        path = root / name
        after = path.read_text(encoding="utf-8") if path.is_file() else ""
        yield from difflib.unified_diff(
            before.splitlines(), after.splitlines(), f"a/{name}", f"b/{name}", lineterm=""
        )
