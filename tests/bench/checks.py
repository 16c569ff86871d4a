"""Checks: the one of the stages' models in a run, and those of `millracer doctor`."""

from __future__ import annotations

import re

from tests.bench.figures import Figure
from tests.bench.running import Failed, Ran, run
from tests.bench.scene import Scene, Tools, scene
from tests.support.scenario import Scenario

MODEL_CHECK = "check of the stages' models, second run in a workspace"
DOCTOR = "`millracer doctor`: wall time over its slowest check"
_LIMIT_SECONDS = 100.0
_MODELS_LINE = re.compile(r"the model check took (\d+\.\d+) s")
_CHECK_LINE = re.compile(r"check [\w-]+ took (\d+\.\d+) s")


def check_figures() -> list[Figure]:
    """Return the rows that `measure_checks` fills."""
    return [
        Figure(name=MODEL_CHECK, unit="ms", reach="≤ 100 ms", limit=100.0),
        Figure(name=DOCTOR, unit="times", reach="≤ 1.5 times", limit=1.5),
    ]


def measure_checks(tools: Tools, figures: dict[str, Figure]) -> None:
    """Run two tasks and the doctor in one workspace and add a sample to each row.

    Raises:
        Failed: a command failed, or its log lacks the times.
    """
    with scene(tools, Scenario()) as prepared:
        _run(prepared, *prepared.run_command(tools.millracer, "-v"))
        again = _run(prepared, *prepared.run_command(tools.millracer, "-v"))
        figures[MODEL_CHECK].millracer.values.append(1000 * max(_times(again, _MODELS_LINE)))
        checked = _run(
            prepared,
            *(str(tools.millracer.command), "doctor", "-v"),
            *("--workspace", str(prepared.workspace.root)),
            *("--millrace-command", tools.millrace, "--pi-command", tools.pi),
        )
        slowest = max(_times(checked, _CHECK_LINE))
        figures[DOCTOR].millracer.values.append(checked.wall_seconds / slowest)


def _run(prepared: Scene, *command: str) -> Ran:
    return run(
        command,
        cwd=prepared.home,
        env=prepared.environment(prepared.tools.millracer),
        limit_seconds=_LIMIT_SECONDS,
    )


def _times(ran: Ran, line: re.Pattern[str]) -> list[float]:
    """Return the times that the lines of a log report."""
    found = [float(match[1]) for _, text in ran.errors if (match := line.search(text))]
    if not found:
        raise Failed(f"exit code {ran.exit_code}: no line {line.pattern!r} on standard error")
    return found
