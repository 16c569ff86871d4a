"""The caller's checks after the proof of the real Millrace."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.support.cli import Millracer
from tests.support.scenario import Scenario, Step
from tests.support.workspace import make_workspace

_WRITES = Scenario({"builder": (Step(workspace_files={"made.txt": "made\n"}),)})
_READS = f"{sys.executable} -c 'print(open(\"made.txt\").read())'"


@pytest.mark.ending
def test_work_is_completed_only_while_its_checks_pass(
    tmp_path: Path, millrace_command: str
) -> None:
    workspace = make_workspace(tmp_path / "workspace", millrace_command, _WRITES)
    millracer = Millracer(workspace, millrace_command)

    passed = millracer.delegate_scoped("ITEM-1", "Make it", "--check", _READS)
    contradicted = millracer.delegate_scoped(
        "ITEM-1", "Make it", "--check", _READS, "--check", "false"
    )
    again = millracer.delegate_scoped("ITEM-1", "Make it")

    first, second = passed.result, contradicted.result
    assert (passed.exit_code, first["outcome"]) == (0, "completed"), passed.stderr
    assert (first["scoped_completion"], first["verification"]) == (True, "verified")
    assert [each["output"] for each in first["checks"]] == ["made"]
    assert first["checks"][0]["place"] == "export"
    assert "\u2713" in passed.stderr or "+ check" in passed.stderr
    assert (second["outcome"], second["scoped_completion"]) == ("incomplete", False)
    assert second["verification"] == "contradicted"
    assert [each["passed"] for each in second["checks"]] == [True, False]
    assert "exit code 1" in second["missing_evidence"][0]["found"]
    assert contradicted.exit_code == 3
    assert second["work_item_id"] == first["work_item_id"]
    assert (again.result["outcome"], again.result["verification"]) == ("completed", None)
    assert len(workspace.stages()) == 3
