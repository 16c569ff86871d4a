"""The scripted stage runner against the real Millrace: what the other acceptance tests stand on."""

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from tests.support.scenario import Scenario, Step
from tests.support.workspace import Workspace, make_workspace

_LIMIT_SECONDS = 60
_BLOCKED = (Step(marker="BLOCKED"),)

_TASK = """\
# A task

Task-ID: item
Title: A task
Summary: A task
Created-At: 2026-01-01T00:00:00Z
Created-By: tests

Target-Paths:
- .

Acceptance:
- It is done.

Required-Checks:
- none

References:
- README.md

Risk:
- none stated
"""
_PROBE = """\
# A probe

Probe-ID: item
Summary: A probe
Request: Look into it
Created-At: 2026-01-01T00:00:00Z
Created-By: tests
"""
_IDEA = "# An idea\n\nCarry it out.\n"
_DOCUMENTS = {"task": _TASK, "probe": _PROBE, "idea": _IDEA}


@contextmanager
def _delegated(
    tmp_path: Path, millrace: str, scenario: Scenario, kind: str = "task"
) -> Iterator[Workspace]:
    """Add one item to a new workspace and keep a daemon working on it."""
    workspace = make_workspace(tmp_path / "workspace", millrace, scenario)
    document = tmp_path / "idea-item.md"
    document.write_text(_DOCUMENTS[kind], encoding="utf-8")
    root = str(workspace.root)
    subprocess.run(
        (millrace, "queue", f"add-{kind}", str(document), "--workspace", root),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        timeout=_LIMIT_SECONDS,
        check=True,
    )
    arguments = ("run", "daemon", "--mode", "default_pi", "--monitor", "none", "--workspace", root)
    with (tmp_path / "daemon.log").open("wb") as log:
        daemon = subprocess.Popen(
            (millrace, *arguments),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=root,
            start_new_session=True,
        )
        try:
            yield workspace
        finally:
            runners = psutil.Process(daemon.pid).children(recursive=True)
            daemon.kill()
            daemon.wait(_LIMIT_SECONDS)
            for runner in runners:
                if runner.is_running():
                    runner.kill()


def _wait_for(condition: Callable[[], bool]) -> bool:
    limit = time.monotonic() + _LIMIT_SECONDS
    while time.monotonic() < limit:
        if condition():
            return True
        time.sleep(0.05)
    return False


def _closed(workspace: Workspace) -> bool:
    targets = workspace.agents.glob("arbiter/targets/*.json")
    return any(
        json.loads(path.read_text(encoding="utf-8"))["closure_open"] is False for path in targets
    )


def test_a_task_passes_through_its_three_stages(tmp_path: Path, millrace_command: str) -> None:
    with _delegated(tmp_path, millrace_command, Scenario()) as workspace:
        assert _wait_for((workspace.agents / "tasks/done/item.md").exists)

    assert workspace.stages("item") == ["builder", "checker", "updater"]


@pytest.mark.slow
def test_a_blocked_task_rests_in_the_blocked_folder(tmp_path: Path, millrace_command: str) -> None:
    stages = ("builder", "troubleshooter", "consultant")
    scenario = Scenario(dict.fromkeys(stages, _BLOCKED))
    with _delegated(tmp_path, millrace_command, scenario) as workspace:
        assert _wait_for((workspace.agents / "tasks/blocked/item.md").exists)


@pytest.mark.slow
def test_a_stage_that_crashes_once_recovers(tmp_path: Path, millrace_command: str) -> None:
    scenario = Scenario({"builder:item": (Step(exit_code=3), Step())})
    with _delegated(tmp_path, millrace_command, scenario) as workspace:
        assert _wait_for((workspace.agents / "tasks/done/item.md").exists)

    assert workspace.stages()[:3] == ["builder", "troubleshooter", "builder"]


@pytest.mark.slow
def test_a_hanging_stage_leaves_when_the_daemon_is_gone(
    tmp_path: Path, millrace_command: str
) -> None:
    scenario = Scenario({"builder": (Step(hang=True),)})
    with _delegated(tmp_path, millrace_command, scenario) as workspace:
        assert _wait_for(lambda: bool(workspace.calls()))
        runner = psutil.Process(workspace.calls()[0].pid)
        assert runner.parent() is not None
        runner.parent().kill()

        assert _wait_for(lambda: not runner.is_running())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("marker", "ended"),
    [
        ("RECON_TO_EXECUTION", "tasks/done/item-task.md"),
        ("RECON_NOOP", "probes/done/item.md"),
        ("RECON_BLOCKED", "probes/blocked/item.md"),
    ],
)
def test_a_probe_goes_where_its_recon_sends_it(
    tmp_path: Path, millrace_command: str, marker: str, ended: str
) -> None:
    scenario = Scenario({"recon": (Step(marker=marker),)})
    with _delegated(tmp_path, millrace_command, scenario, "probe") as workspace:
        assert _wait_for((workspace.agents / ended).exists)


@pytest.mark.slow
def test_an_idea_is_closed_by_the_arbiter_after_one_remediation(
    tmp_path: Path, millrace_command: str
) -> None:
    scenario = Scenario({"arbiter": (Step(marker="REMEDIATION_NEEDED"), Step())})
    with _delegated(tmp_path, millrace_command, scenario, "idea") as workspace:
        assert _wait_for(lambda: _closed(workspace))

    chain = ["planner", "manager", "builder", "checker", "updater", "arbiter"]
    assert workspace.stages() == [*chain, "auditor", *chain]
