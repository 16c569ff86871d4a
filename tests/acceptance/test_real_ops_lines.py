"""`millracer ops --jsonl` on the real Millrace: statuses that are kept, and work side by side."""

from __future__ import annotations

import json
import random
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from millracer.pi.install import Version
from tests.support.cli import daemon_pid, wait_until
from tests.support.ops_cli import DELEGATED, OpsCaller, request
from tests.support.ops_lines import Conversation, conversation
from tests.support.processes import warm_processes
from tests.support.scenario import Scenario, Step
from tests.support.workspace import Workspace, make_workspace

TASK: dict[str, Any] = {**DELEGATED, "input": {"text": "Make the widget blue"}}

_TASK = """\
# A task

Task-ID: t-1
Title: A task
Summary: A task
Created-At: 2026-01-01T00:00:00Z
Created-By: tests

Target-Paths:
- .

Acceptance:
- As scripted.

Required-Checks:
- none scripted

References:
- README.md

Risk:
- none stated
"""


@pytest.fixture
def prepare(tmp_path: Path, millrace_command: str) -> Callable[[str, Scenario], Workspace]:
    return lambda name, scenario: make_workspace(tmp_path / name, millrace_command, scenario)


@pytest.fixture
def caller(tmp_path: Path, millrace_command: str) -> OpsCaller:
    return OpsCaller(
        cwd=tmp_path,
        state=tmp_path / "state",
        options=("--millrace-command", millrace_command, "--pi-command", "no-pi-is-needed"),
    )


class Watcher:
    """Asks for the status of one workspace again and again."""

    def __init__(self, talk: Conversation, workspace: Workspace) -> None:
        self._talk = talk
        self._workspace = workspace
        self._asked = 0

    def ask(self) -> dict[str, Any]:
        """Return one status result."""
        self._asked += 1
        name = f"{self._workspace.root.name}-{self._asked}"
        result = self._talk.ask("status", name, **at(self._workspace))
        assert result["status"] == "succeeded", result
        return result

    def is_kept(self) -> bool:
        """Whether a status now is an earlier one."""
        kept: bool = self.ask()["result_freshness"]["unchanged_since_read"]
        return kept

    def settle(self) -> None:
        """Ask until an answer is kept."""
        wait_until(self.is_kept, "an answer is kept")


def at(workspace: Workspace) -> dict[str, Any]:
    return {"workspace_ref": {"root_path": str(workspace.root)}}


def bare_status(millrace_command: str, workspace: Workspace) -> dict[str, Any]:
    completed = subprocess.run(
        (millrace_command, "status", "--format", "json", "--workspace", str(workspace.root)),
        capture_output=True,
        timeout=60,
        check=True,
    )
    found: dict[str, Any] = json.loads(completed.stdout)
    return found


def said(result: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in result["result"].items() if key != "resolution"}


@contextmanager
def daemon_of(workspace: Workspace, millrace_command: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a foreign daemon until it has taken the lock; it is killed at the end."""
    with subprocess.Popen(
        (millrace_command, "run", "daemon", "--workspace", str(workspace.root)),
        cwd=workspace.root,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as daemon:
        try:
            wait_until(lambda: daemon_pid(workspace) == daemon.pid, "the daemon takes the lock")
            yield daemon
        finally:
            daemon.kill()


def test_a_killed_daemon_is_noticed_although_it_changes_no_file(
    prepare: Callable[[str, Scenario], Workspace],
    caller: OpsCaller,
    millrace_command: str,
    millrace_version: Version,
) -> None:
    is_quiet = millrace_version >= (0, 21, 0)  # before, an idle daemon wrote at each of its ticks
    workspace = prepare("workspace", Scenario())
    with conversation(caller) as talk, daemon_of(workspace, millrace_command) as daemon:
        watcher = Watcher(talk, workspace)
        wait_until(lambda: watcher.ask()["result"]["process_running"] is True, "it runs")
        if is_quiet:
            watcher.settle()
        running = watcher.ask()
        before = _stamps(workspace)
        daemon.kill()
        daemon.wait()

        dead = watcher.ask()
        if not is_quiet:
            watcher.settle()
        again = watcher.ask()

        assert _stamps(workspace) == before or not is_quiet
        assert talk.end() == 0
    assert said(dead) == bare_status(millrace_command, workspace)
    owner = [
        (each["result"]["process_running"], each["result"]["runtime_ownership_lock"])
        for each in (running, dead, again)
    ]
    kept = [each["result_freshness"]["unchanged_since_read"] for each in (running, dead, again)]
    assert owner == [(True, "active"), (False, "stale"), (False, "stale")]
    assert kept[1:] == [False, True]
    assert kept[0] or not is_quiet


def test_statuses_come_back_while_tasks_run_in_two_workspaces_side_by_side(
    prepare: Callable[[str, Scenario], Workspace], caller: OpsCaller
) -> None:
    slow = Scenario({"builder": (Step(seconds=20),)})
    workspaces = [prepare("first", slow), prepare("second", slow)]
    with conversation(caller) as talk:
        for workspace in workspaces:
            talk.say("enqueue", f"task {workspace.root.name}", **TASK, **at(workspace))
        wait_until(lambda: all(each.stages() == ["builder"] for each in workspaces), "both build")
        for workspace in workspaces:
            talk.say("status", f"status {workspace.root.name}", **at(workspace))
        seen = [talk.result_of(f"status {each.root.name}")["result"] for each in workspaces]
        still = [[call.phase for call in each.calls()] for each in workspaces]
        tasks = [talk.result_of(f"task {each.root.name}") for each in workspaces]
        assert talk.end() == 0

    assert [each["active_stage"] for each in seen] == ["builder", "builder"]
    assert still == [["started"], ["started"]]
    assert [each["completion"]["scoped_completion"] for each in tasks] == [True, True]
    assert [each["raw_compat"]["task_path"] is not None for each in tasks] == [True, True]
    for task, workspace in zip(tasks, workspaces, strict=True):
        assert task["workspace_ref"]["root_path"] == str(workspace.root)
        assert workspace.stages().count("builder") == 1


@pytest.mark.ending
def test_a_warm_millrace_answers_from_the_first_status_on(
    prepare: Callable[[str, Scenario], Workspace], caller: OpsCaller, millrace_command: str
) -> None:
    workspace = prepare("workspace", Scenario())
    with conversation(caller) as talk:
        talk.ask("list_sessions", "needs none")
        assert warm_processes(talk.process.pid) == []
        watcher = Watcher(talk, workspace)
        watcher.ask()
        (warm,) = warm_processes(talk.process.pid)
        Changes(workspace, millrace_command, workspace.root.parent).configure()
        assert said(watcher.ask()) == bare_status(millrace_command, workspace)
        assert warm_processes(talk.process.pid) == [warm]
        assert talk.end() == 0
    assert not warm.is_running()


def test_a_resident_process_can_do_without_a_warm_millrace(
    prepare: Callable[[str, Scenario], Workspace], caller: OpsCaller
) -> None:
    workspace = prepare("workspace", Scenario())
    with conversation(caller, "--no-warm-millrace") as talk:
        Watcher(talk, workspace).ask()
        assert warm_processes(talk.process.pid) == []
        assert talk.end() == 0


@pytest.mark.slow
def test_a_warm_millrace_that_is_killed_below_everything_changes_no_result(
    prepare: Callable[[str, Scenario], Workspace], caller: OpsCaller
) -> None:
    slow = Scenario({"builder": (Step(seconds=3),)})
    workspaces = [prepare("first", slow), prepare("second", slow)]
    with conversation(caller) as talk:
        for workspace in workspaces:
            talk.say("enqueue", f"task {workspace.root.name}", **TASK, **at(workspace))
        wait_until(lambda: all(each.stages() for each in workspaces), "both work")
        (warm,) = warm_processes(talk.process.pid)
        for workspace in workspaces:
            talk.say("status", f"status {workspace.root.name}", **at(workspace))
        warm.kill()
        results = [
            talk.result_of(f"{what} {each.root.name}")
            for what in ("status", "task")
            for each in workspaces
        ]
        assert talk.end() == 0

    assert [each["status"] for each in results] == ["succeeded"] * 4
    assert [each["errors"] for each in results] == [[]] * 4
    assert [each.stages().count("builder") for each in workspaces] == [1, 1]
    assert [daemon_pid(each) for each in workspaces] == [None, None]


@pytest.mark.slow
@pytest.mark.parametrize("reader_leaves", [False, True], ids=["SIGTERM", "the reader leaves"])
def test_what_ends_it_cancels_the_task_and_stops_the_daemon(
    prepare: Callable[[str, Scenario], Workspace],
    caller: OpsCaller,
    *,
    reader_leaves: bool,
) -> None:
    workspace = prepare("workspace", Scenario({"builder": (Step(seconds=300),)}))
    with caller.start("ops", "--jsonl", *caller.options) as running:
        running.says(request("enqueue", **TASK, **at(workspace)) + b"\n")
        wait_until(lambda: workspace.stages() == ["builder"], "the builder starts")
        daemon = daemon_pid(workspace)
        assert running.process.stdout is not None
        if reader_leaves:
            running.process.stdout.close()
            exit_code = running.process.wait(timeout=60)
        else:
            running.send(signal.SIGTERM)
            printed = running.finish()
            exit_code = printed.exit_code
            assert printed.document["status"] == "cancelled"
        for pipe in (running.process.stdin, running.process.stderr):
            if pipe is not None:
                pipe.close()

    assert exit_code == 143
    assert daemon is not None
    assert not psutil.pid_exists(daemon)


@pytest.mark.slow
def test_whatever_changes_a_kept_status_is_the_one_millrace_would_give(
    prepare: Callable[[str, Scenario], Workspace],
    caller: OpsCaller,
    millrace_command: str,
    tmp_path: Path,
) -> None:
    workspace = prepare("workspace", Scenario())
    chance = random.Random(6)  # noqa: S311 - the same walk each time
    changes = Changes(workspace, millrace_command, tmp_path)
    kept = 0
    with conversation(caller) as talk:
        watcher = Watcher(talk, workspace)
        for change in chance.sample(CHANGES, len(CHANGES)):
            watcher.settle()
            change(changes)
            for _ in range(chance.randint(1, 3)):
                result = watcher.ask()
                assert said(result) == bare_status(millrace_command, workspace), change.__name__
                kept += result["result_freshness"]["unchanged_since_read"]
        assert talk.end() == 0

    assert kept > 0


class Changes:
    """Things that happen to a workspace."""

    def __init__(self, workspace: Workspace, millrace_command: str, folder: Path) -> None:
        self._workspace = workspace
        self._agents = workspace.agents
        self._command = millrace_command
        self._folder = folder

    def nothing(self) -> None:
        """Leave everything as it is."""

    def add(self) -> None:
        """Queue a task."""
        document = self._folder / "task.md"
        document.write_text(_TASK, encoding="utf-8")
        self._millrace("queue", "add-task", str(document))

    def move(self) -> None:
        """Move an item by hand, if there is one."""
        for path in sorted((self._agents / "tasks" / "queue").glob("*.md"))[:1]:
            path.rename(self._agents / "tasks" / "blocked" / path.name)

    def edit_an_asset(self) -> None:
        """Edit what the compiled plan is made of."""
        graphs = self._agents / "graphs" / "execution"
        path = graphs / "lad.json"  # since 0.21
        if not path.exists():
            path = graphs / "standard.json"
        path.write_text(path.read_text(encoding="utf-8") + "\n", encoding="utf-8")

    def configure(self) -> None:
        """Edit the configuration."""
        path = self._agents / "millrace.toml"
        text = path.read_text(encoding="utf-8")
        path.write_text(text.replace('"default_pi"', '"learning_pi"'), encoding="utf-8")

    def compile(self) -> None:
        """Compile the plan of another mode."""
        self._millrace("compile", "validate", "--mode", "default_pi")

    def pause(self) -> None:
        """Ask for a pause."""
        self._millrace("control", "pause")

    def leave_a_lock(self) -> None:
        """Leave a lock whose owner is dead."""
        lock = {
            "workspace_root": str(self._workspace.root),
            "owner_pid": 2**22 + 1,
            "owner_hostname": "gone",
            "owner_session_id": "gone",
            "acquired_at": "2026-01-01T00:00:00+00:00",
        }
        path = self._agents / "state" / "runtime_daemon.lock.json"
        path.write_text(json.dumps(lock), encoding="utf-8")

    def clear(self) -> None:
        """Repair the workspace."""
        self._millrace("control", "clear-stale-state")

    def _millrace(self, *arguments: str) -> None:
        subprocess.run(
            (self._command, *arguments, "--workspace", str(self._workspace.root)),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=60,
            check=False,
        )


CHANGES = [
    Changes.nothing,
    Changes.add,
    Changes.move,
    Changes.edit_an_asset,
    Changes.configure,
    Changes.compile,
    Changes.pause,
    Changes.leave_a_lock,
    Changes.clear,
]


def _stamps(workspace: Workspace) -> dict[str, tuple[int, int]]:
    return {
        str(path): (path.stat().st_ino, path.stat().st_ctime_ns)
        for path in workspace.agents.rglob("*")
    }
