"""Every ending of `millracer run` once, on the real Millrace; `make test` holds these."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from millracer.demo.scripted_model import (
    ModelRequest,
    Reply,
    ScriptedModel,
    agent_environment,
    write_agent_directory,
)
from millracer.pi.install import Version
from millracer.run.prompts import DECISION_MARK
from tests.support.cli import FORCED, Millracer, daemon_pid, stored, wait_until
from tests.support.scenario import Scenario, Step
from tests.support.workspace import make_workspace

HANGS = Scenario({"builder": (Step(hang=True),)})
SLOW_BUILD = Scenario({"builder": (Step(seconds=120),)})


@pytest.fixture
def prepare(tmp_path: Path, millrace_command: str) -> Callable[[Scenario], Millracer]:
    """Prepare a workspace whose stages play a scenario."""

    def build(scenario: Scenario) -> Millracer:
        workspace = make_workspace(tmp_path / "workspace", millrace_command, scenario)
        return Millracer(workspace, millrace_command)

    return build


@pytest.mark.corner
@pytest.mark.ending
def test_completed_the_demo_runs_a_task_through_real_stages(
    tmp_path: Path, millrace_command: str, pi_command: str
) -> None:
    ran = subprocess.run(
        (
            *(sys.executable, "-m", "millracer", "demo", "--json"),
            *("--millrace-command", millrace_command, "--pi-command", pi_command),
        ),
        env={**os.environ, "TMPDIR": str(tmp_path)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )

    result = json.loads(ran.stdout)
    assert (ran.returncode, result["outcome"]) == (0, "completed"), ran.stderr
    assert result["scoped_completion"] is True
    assert result["route"] == "millrace"
    assert result["event"]["kind"] == "scoped_complete"
    assert result["versions"]["pi"]
    assert {entry["work_item_id"] for entry in result["completion_evidence"]} == {
        result["work_item_id"]
    }
    stages = [event["stage"] for event in result["progress_events"]]
    assert stages == ["builder", "builder", "checker", "checker", "updater", "updater"]
    assert list(tmp_path.iterdir()) == []


def test_the_demo_reports_its_steps_and_keeps_its_folder(
    tmp_path: Path, millrace_command: str, pi_command: str
) -> None:
    ran = subprocess.run(
        (
            *(sys.executable, "-m", "millracer", "demo", "--keep"),
            *("--millrace-command", millrace_command, "--pi-command", pi_command),
        ),
        env={**os.environ, "TMPDIR": str(tmp_path)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )

    assert ran.returncode == 0, ran.stderr
    for reported in ("1990 != 1800", "FAILED", "CHECKER_PASS"):
        assert reported in ran.stderr
    for reported in ("+    return price - price * percent // 100", "OK", "UPDATE_COMPLETE"):
        assert reported in ran.stdout
    (kept,) = tmp_path.iterdir()
    assert (kept / "shop" / "millrace-agents").is_dir()
    assert str(kept) in ran.stderr


@pytest.mark.ending
def test_completed_directly_by_pi(
    tmp_path: Path, prepare: Callable[[Scenario], Millracer], pi_command: str
) -> None:
    prompts: list[str] = []

    def respond(request: ModelRequest) -> Reply:
        prompts.append(request.last_user_text)
        if DECISION_MARK in request.last_user_text:
            return Reply.text('```json\n{"decision": "direct", "why": "a question"}\n```')
        return Reply.text("Forty-two.")

    millracer = prepare(Scenario())
    with ScriptedModel(respond) as model:
        write_agent_directory(tmp_path / "agent", model.base_url)
        millracer.pi = pi_command
        millracer.environment = agent_environment(tmp_path / "agent", tmp_path)
        ran = millracer.run(
            *("--provider", "scripted", "--model", "scripted-model"), "--", "-/What is it?"
        )

    assert (ran.exit_code, ran.result["outcome"]) == (0, "completed"), ran.stderr
    assert ran.result["output"] == "Forty-two."
    assert ran.result["route"] == "direct"
    assert ran.result["scoped_completion"] is False
    assert ran.result["completion_evidence"] == []
    assert all("-/What is it?" in prompt for prompt in prompts)
    assert not (millracer.workspace.root / ".millracer").exists()


@pytest.mark.ending
def test_blocked(prepare: Callable[[Scenario], Millracer]) -> None:
    blocked = (Step(marker="BLOCKED"),)
    millracer = prepare(
        Scenario({"builder": blocked, "troubleshooter": blocked, "consultant": blocked})
    )

    ran = millracer.delegate("Do what cannot be done")

    assert (ran.exit_code, ran.result["outcome"]) == (4, "blocked"), ran.stderr
    assert ran.result["event"]["kind"] == "blocked"
    assert ran.result["scoped_completion"] is False
    assert ran.result["missing_evidence"][0]["found"].startswith("blocked")
    place = stored(millracer.workspace, ran.result["work_item_id"])
    assert place is not None
    assert place.parent.name == "blocked"


def test_blocked_because_pi_has_no_key_says_so(
    tmp_path: Path,
    prepare: Callable[[Scenario], Millracer],
    pi_command: str,
    pi_version: Version,
) -> None:
    millracer = prepare(Scenario())
    (millracer.workspace.agents / "millrace.toml").write_text(
        f"[runners.pi]\ncommand = {json.dumps(pi_command)}\n", encoding="utf-8"
    )
    (tmp_path / "agent").mkdir()
    millracer.environment = agent_environment(tmp_path / "agent", tmp_path)

    ran = millracer.delegate("Do what nobody has a key for")

    assert (ran.exit_code, ran.result["outcome"]) == (4, "blocked"), ran.stderr
    (warning,) = ran.result["warnings"]
    assert warning.startswith("stage_runner_failed: ")
    # Since 0.84 pi does not start with a name that several providers have and no key decides, and
    # Millrace drops what a pi that does not start prints: only the doctor shows that.
    words = "No API key found" if pi_version < (0, 84, 0) else "millracer doctor"
    assert words in warning


@pytest.mark.ending
def test_incomplete_when_an_operator_cancels_the_item(
    prepare: Callable[[Scenario], Millracer],
) -> None:
    millracer = prepare(Scenario())
    millracer.millrace_says("control", "pause")
    running = millracer.start(*FORCED, "Wait for the operator")
    queue = millracer.workspace.agents / "tasks" / "queue"
    wait_until(lambda: daemon_pid(millracer.workspace) is not None, "the daemon starts")
    (queued,) = queue.glob("*.md")
    millracer.millrace_says("queue", "cancel", queued.stem, "--reason", "not today")

    ran = running.finish()

    assert (ran.exit_code, ran.result["outcome"]) == (3, "incomplete"), ran.stderr
    assert ran.result["event"]["kind"] == "idle_no_work"
    assert "cancelled" in ran.result["event"]["reason"]


@pytest.mark.ending
def test_restart_needed_when_a_foreign_command_stops_the_daemon(
    prepare: Callable[[Scenario], Millracer],
) -> None:
    millracer = prepare(Scenario({"builder": (Step(seconds=8),)}))
    running = millracer.start(*FORCED, "Be interrupted")
    wait_until(lambda: millracer.workspace.stages() == ["builder"], "the builder starts")
    millracer.millrace_says("control", "stop")

    ran = running.finish()

    item_id = ran.result["work_item_id"]
    assert (ran.exit_code, ran.result["outcome"]) == (5, "restart_needed"), ran.stderr
    assert ran.result["restarts"] == 0
    assert ran.result["next_steps"][0]["command"].startswith(f"millracer watch {item_id} ")
    place = stored(millracer.workspace, item_id)
    assert place is not None
    assert place.parent.name in {"queue", "active"}


@pytest.mark.ending
def test_crashed_when_the_daemon_is_killed_every_time(
    prepare: Callable[[Scenario], Millracer],
) -> None:
    millracer = prepare(SLOW_BUILD)
    running = millracer.start(*FORCED, "--max-daemon-restarts", "1", "Survive")
    for starts in (1, 2):
        wait_until(
            lambda starts=starts: len(millracer.workspace.stages()) == starts,
            f"builder number {starts} starts",
        )
        pid = daemon_pid(millracer.workspace)
        assert pid is not None
        os.kill(pid, signal.SIGKILL)

    ran = running.finish()

    assert (ran.exit_code, ran.result["outcome"]) == (6, "crashed"), ran.stderr
    assert ran.result["restarts"] == 1
    place = stored(millracer.workspace, ran.result["work_item_id"])
    assert place is not None
    assert place.parent.name == "queue"


@pytest.mark.ending
def test_timed_out_on_a_hanging_stage_and_resumed_to_the_end(
    prepare: Callable[[Scenario], Millracer],
) -> None:
    millracer = prepare(HANGS)

    ran = millracer.delegate("Hang", "--daemon-timeout-seconds", "8")

    item_id = ran.result["work_item_id"]
    assert (ran.exit_code, ran.result["outcome"]) == (7, "timed_out"), ran.stderr
    place = stored(millracer.workspace, item_id)
    assert place is not None
    assert place.parent.name == "queue"

    millracer.workspace.play(Scenario())
    resumed = millracer.run("--finalizer", "summary", "--resume", item_id)

    assert (resumed.exit_code, resumed.result["outcome"]) == (0, "completed"), resumed.stderr
    assert resumed.result["work_item_id"] == item_id


@pytest.mark.parametrize(
    ("number", "exit_code"),
    [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGQUIT, 143)],
    ids=["INT", "TERM", "QUIT"],
)
@pytest.mark.ending
def test_cancelled_by_a_signal_with_a_tool_that_lives_in_its_own_session(
    prepare: Callable[[Scenario], Millracer], number: signal.Signals, exit_code: int
) -> None:
    millracer = prepare(Scenario({"builder": (Step(seconds=300, deaf=True, detached_child=True),)}))
    running = millracer.start(*FORCED, "Be cancelled")
    wait_until(lambda: millracer.workspace.stages() == ["builder"], "the builder starts")
    pid = daemon_pid(millracer.workspace)
    running.send(number)

    ran = running.finish()

    assert (ran.exit_code, ran.result["outcome"]) == (exit_code, "cancelled"), ran.stderr
    assert ran.result["event"]["kind"] == "cancelled"
    assert ran.result["next_steps"][0]["action"] == "continue"
    assert not psutil.pid_exists(pid or 0)
    place = stored(millracer.workspace, ran.result["work_item_id"])
    assert place is not None
    assert place.parent.name == "queue"


@pytest.mark.ending
def test_failed_without_millrace(prepare: Callable[[Scenario], Millracer]) -> None:
    millracer = prepare(Scenario())
    millracer.millrace = "/nowhere/millrace"

    ran = millracer.delegate("Never begin")

    assert (ran.exit_code, ran.result["outcome"]) == (8, "failed")
    assert ran.error_codes == ["millrace_not_found"]
    assert "`millracer setup`" in ran.result["errors"][0]["suggested_action"]


@pytest.mark.ending
def test_failed_without_pi(prepare: Callable[[Scenario], Millracer]) -> None:
    millracer = prepare(Scenario())
    millracer.pi = "/nowhere/pi"

    ran = millracer.run("Never decide")

    assert (ran.exit_code, ran.result["outcome"]) == (8, "failed")
    assert ran.error_codes == ["pi_not_found"]
    assert "`millracer setup`" in ran.result["errors"][0]["suggested_action"]


def test_a_missing_pi_at_the_end_changes_no_outcome(
    prepare: Callable[[Scenario], Millracer],
) -> None:
    millracer = prepare(Scenario())
    millracer.pi = "/nowhere/pi"

    ran = millracer.run("--route", "millrace", "--intake", "task", "Finish without pi")

    assert (ran.exit_code, ran.result["outcome"]) == (0, "completed"), ran.stderr
    assert ran.warning_codes == ["finalization_failed"]
    assert ran.result["scoped_completion"] is True
