"""The demonstration's longer chains, with the real pi in every stage: `make acceptance`."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow

_LIMIT_SECONDS = 420
_TASK = ["builder", "checker", "updater"]

Demo = Callable[[str], dict[str, Any]]


@pytest.fixture
def demo(tmp_path: Path, millrace_command: str, pi_command: str) -> Demo:
    """Show one kind of work and return the result; nothing of it may be left behind."""

    def show(intake: str) -> dict[str, Any]:
        ran = subprocess.run(
            (
                *(sys.executable, "-m", "millracer", "demo", "--json"),
                *("--millrace-command", millrace_command, "--pi-command", pi_command),
            ),
            env={**os.environ, "TMPDIR": str(tmp_path), "MILLRACER_INTAKE": intake},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_LIMIT_SECONDS,
            check=False,
        )
        result: dict[str, Any] = json.loads(ran.stdout)
        assert (ran.returncode, result["outcome"]) == (0, "completed"), ran.stderr
        assert result["scoped_completion"] is True
        assert result["intake_kind"] == intake
        assert list(tmp_path.iterdir()) == []
        return result

    return show


def _stages(result: dict[str, Any]) -> list[str]:
    """The stages of the run in order; of an item just found, only the end may have been reported.

    A message to pi about a stage comes when pi has read it, among the stages after that.
    """
    events = result["progress_events"]
    seen = [event["stage"] for event in events if event["kind"] == "stage_progress"]
    return [seen[0], *(stage for before, stage in pairwise(seen) if stage != before)]


def _derived(result: dict[str, Any]) -> list[tuple[str, str]]:
    return [(entry["kind"], entry["state"]) for entry in result["lineage"]]


def test_a_probe_is_investigated_and_its_findings_are_done(demo: Demo) -> None:
    result = demo("probe")

    assert _stages(result) == ["recon", *_TASK]
    assert _derived(result) == [("probe", "done"), ("task", "done")]
    assert result["event"]["kind"] == "scoped_complete"


def test_an_idea_is_planned_split_built_and_judged_as_a_whole(demo: Demo) -> None:
    result = demo("idea")

    assert _stages(result) == ["planner", "manager", *_TASK, *_TASK, "arbiter"]
    assert sorted(_derived(result)) == [
        *(("idea", "done"), ("spec", "done"), ("task", "done"), ("task", "done"))
    ]
    assert result["event"]["kind"] == "arbiter_complete"
    stages = [e["stage"] for e in result["progress_events"] if e["kind"] == "stage_progress"]
    assert stages.count("arbiter") == 2  # its start, whose event names no item, and its end
