"""A sandbox whose `/proc` is missing or lacks something: it works, or one error names `/proc`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.cli import Millracer, Ran, wait_until
from tests.support.namespaces import Proc, with_proc
from tests.support.operator_cli import gone
from tests.support.workspace import Workspace, make_workspace

_CHILDREN = Path(__file__).parents[1] / "children"
_UNSEEN = (Proc.NONE, Proc.OTHERS)
_PARTIAL = (Proc.PIDS, Proc.NO_BOOT_TIME)
_LIMIT_SECONDS = 120


def _name(proc: Proc) -> str:
    return proc.name.lower()


@pytest.fixture
def workspace(tmp_path: Path, millrace_command: str) -> Workspace:
    return make_workspace(tmp_path / "workspace", millrace_command)


def run_directly(tmp_path: Path, proc: Proc, pi: str, *arguments: str) -> Ran:
    root = tmp_path / "repository"
    root.mkdir()
    caller = Millracer(
        workspace=Workspace(root=root, scenario_path=root, log_path=root),
        millrace="no-such-millrace",
        pi=f"{sys.executable} {_CHILDREN / pi}",
        environment={"ORPHANS": str(tmp_path / "orphans"), "ORPHAN_SECONDS": "600"},
        before=with_proc(proc, tmp_path),
    )
    return caller.run("--route", "direct", *arguments, "answer")


@pytest.mark.parametrize("proc", [*_UNSEEN, *_PARTIAL], ids=_name)
@pytest.mark.parametrize(
    ("session", "pi"), [("rpc", "pi_told.py"), ("print", "pi_printing.py")], ids=["rpc", "print"]
)
def test_a_direct_answer_is_never_lost(tmp_path: Path, proc: Proc, session: str, pi: str) -> None:
    ran = run_directly(tmp_path, proc, pi, "--pi-session", session)

    assert (ran.exit_code, ran.result["outcome"]) == (0, "completed")
    assert "answer" in ran.result["output"]
    assert ran.warning_codes == (["proc_unavailable"] if proc in _UNSEEN else [])
    assert "Traceback" not in ran.stderr


@pytest.mark.parametrize("proc", [Proc.NONE, *_PARTIAL], ids=_name)
def test_what_pi_left_in_its_process_group_is_ended(tmp_path: Path, proc: Proc) -> None:
    run_directly(tmp_path, proc, "pi_orphaning.py")

    orphans = [int(pid) for pid in (tmp_path / "orphans").read_text().split()]
    assert len(orphans) == 2
    wait_until(lambda: all(map(gone, orphans)), "the orphans ended")


@pytest.mark.parametrize("proc", _UNSEEN, ids=_name)
@pytest.mark.parametrize(
    "words",
    [
        ("status", "--json"),
        ("submit", "--json", "a task"),
        ("stop", "--json"),
        ("run", "--output", "json", "--route", "millrace", "--intake", "task", "a task"),
    ],
    ids=lambda words: words[0],
)
def test_what_depends_on_daemons_ends_in_one_error_that_names_proc(
    workspace: Workspace, millrace_command: str, proc: Proc, words: tuple[str, ...]
) -> None:
    ended = call(workspace, millrace_command, proc, *words)

    (error,) = json.loads(ended.stdout)["errors"]
    assert (ended.returncode, error["code"]) == (8, "proc_unavailable")
    assert "/proc" in error["message"]
    assert error["suggested_action"]
    assert "Traceback" not in ended.stderr
    assert list((workspace.agents / "tasks" / "queue").glob("*.md")) == []


@pytest.mark.parametrize("proc", _UNSEEN, ids=_name)
def test_the_doctor_reports_it(workspace: Workspace, millrace_command: str, proc: Proc) -> None:
    levels = examine(workspace, millrace_command, proc)

    assert levels["proc"] == "fail"
    assert {levels[name] for name in ("mode", "daemon", "stale_state")} == {"skipped"}


@pytest.mark.parametrize("proc", _PARTIAL, ids=_name)
def test_a_part_of_proc_is_enough(
    tmp_path: Path, workspace: Workspace, millrace_command: str, proc: Proc
) -> None:
    caller = Millracer(workspace, millrace_command, before=with_proc(proc, tmp_path))

    ran = caller.delegate("a task")

    assert (ran.exit_code, ran.result["scoped_completion"]) == (0, True), ran.stderr
    assert ran.result["warnings"] == []
    levels = examine(workspace, millrace_command, proc)
    assert {levels[name] for name in ("proc", "mode", "daemon", "stale_state")} == {"ok"}
    assert call(workspace, millrace_command, proc, "status", "--json").returncode == 0


def call(
    workspace: Workspace, millrace: str, proc: Proc, *words: str
) -> subprocess.CompletedProcess[str]:
    """Call a Millracer command, and return how it ended."""
    return subprocess.run(
        (
            *with_proc(proc, workspace.root.parent),
            *(sys.executable, "-m", "millracer", *words),
            *("--workspace", str(workspace.root), "--millrace-command", millrace),
        ),
        env=os.environ,
        capture_output=True,
        text=True,
        timeout=_LIMIT_SECONDS,
        check=False,
    )


def examine(workspace: Workspace, millrace: str, proc: Proc) -> dict[str, str]:
    """Return the level of each of the doctor's checks."""
    ended = call(workspace, millrace, proc, "doctor", "--json", "--pi-command", "no-such-pi")
    document: dict[str, Any] = json.loads(ended.stdout)
    return {check["name"]: check["level"] for check in document["checks"]}
