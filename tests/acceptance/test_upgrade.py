"""The package is upgraded while a command waits: it ends as if nothing had happened."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import pytest

from tests.support.cli import FORCED, wait_until
from tests.support.installation import Installation
from tests.support.ops_cli import DELEGATED, request
from tests.support.scenario import Scenario, Step
from tests.support.workspace import Workspace, make_workspace

_WAITING_PI = Path(__file__).parents[1] / "children" / "pi_waiting.py"
_LIMIT_SECONDS = 150
#: Runs the command that its first argument names once the file `go` is there.
_GATED_MILLRACE = """#!/bin/sh
case "$*" in
"{command}"*)
  touch "$MILLRACER_TEST_GATE/asked"
  while [ ! -e "$MILLRACER_TEST_GATE/go" ]; do sleep 0.1; done ;;
esac
exec {millrace} "$@"
"""

Upgrade = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Command:
    """A command that runs from the copied installation."""

    process: subprocess.Popen[str]

    @property
    def stdin(self) -> IO[str]:
        assert self.process.stdin is not None
        return self.process.stdin

    @property
    def stdout(self) -> IO[str]:
        assert self.process.stdout is not None
        return self.process.stdout

    def says(self, text: str) -> None:
        self.stdin.write(text)
        self.stdin.flush()

    def ends(self) -> tuple[int, str, str]:
        stdout, stderr = self.process.communicate(timeout=_LIMIT_SECONDS)
        return self.process.returncode, stdout, stderr

    def waits_until(self, condition: Callable[[], bool], what: str) -> None:
        """Wait for something that happens while the command runs."""
        wait_until(lambda: condition() or self.process.poll() is not None, what)
        assert self.process.poll() is None, self.ends()

    def document(self, *, code: int = 0) -> dict[str, Any]:
        """Return the one document of a command that ends with this code."""
        ended, stdout, stderr = self.ends()
        assert ended == code, stderr
        assert "Traceback" not in stderr
        assert "error: internal" not in stderr
        document: dict[str, Any] = json.loads(stdout)
        return document


@dataclass(frozen=True, slots=True)
class Scene:
    """A copied installation, a gate that outside programs wait at, and a workspace's folder."""

    root: Path
    installation: Installation

    @property
    def gate(self) -> Path:
        return self.root / "gate"

    @property
    def is_waiting(self) -> bool:
        return (self.gate / "asked").exists()

    def open_gate(self) -> None:
        (self.gate / "go").touch()

    @contextmanager
    def started(self, *arguments: str) -> Iterator[Command]:
        """Yield a command that has been started; it ends with the block."""
        process = subprocess.Popen(
            self.installation.argv(*arguments),
            env={**os.environ, "MILLRACER_TEST_GATE": str(self.gate)},
            cwd=self.root,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            yield Command(process)
        finally:
            self.open_gate()
            if process.poll() is None:
                process.kill()
                process.communicate()

    def gated(self, millrace: str, command: str) -> str:
        """Return a Millrace one command of which waits at the gate."""
        program = self.root / "gated-millrace"
        program.write_text(
            _GATED_MILLRACE.format(command=command, millrace=shlex.quote(millrace)),
            encoding="utf-8",
        )
        program.chmod(0o755)
        return str(program)

    def workspace(self, millrace: str) -> Workspace:
        """Return one whose builder waits at the gate."""
        step = Step(until=str(self.gate / "go"))
        scenario = Scenario({"builder": (step,)})
        return make_workspace(self.root / "workspace", millrace, scenario)


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    (tmp_path / "gate").mkdir()
    (tmp_path / "folder").mkdir()
    return Scene(tmp_path, Installation.at(tmp_path / "installed"))


@pytest.fixture(params=[pytest.param("removed", marks=pytest.mark.slow), "replaced"])
def upgrade(request: pytest.FixtureRequest, scene: Scene) -> Upgrade:
    return scene.installation.remove if request.param == "removed" else scene.installation.replace


def _pi() -> tuple[str, ...]:
    words = shlex.join((sys.executable, str(_WAITING_PI)))
    return ("--pi-command", words, "--no-warm-millrace", "--millrace-command", "no-millrace")


def _direct(task: str) -> tuple[str, ...]:
    return ("run", "--output", "json", "--workspace", "folder", *_pi(), "--route", "direct", task)


@pytest.mark.parametrize(("task", "code"), [("a task", 0), ("fail", 8)])
def test_a_run_that_waits_for_pi_ends_with_its_document(
    scene: Scene, upgrade: Upgrade, task: str, code: int
) -> None:
    with scene.started(*_direct(task)) as run:
        run.waits_until(lambda: scene.is_waiting, "pi is asked")
        upgrade()
        scene.open_gate()
        result = run.document(code=code)

    assert result["output" if code == 0 else "errors"]


def test_a_run_that_is_stopped_ends_with_its_document(scene: Scene, upgrade: Upgrade) -> None:
    with scene.started(*_direct("a task")) as run:
        run.waits_until(lambda: scene.is_waiting, "pi is asked")
        upgrade()
        run.process.send_signal(signal.SIGTERM)
        result = run.document(code=143)

    assert result["outcome"] == "cancelled"


def test_a_delegated_run_ends_with_its_proof(
    scene: Scene, upgrade: Upgrade, millrace_command: str
) -> None:
    workspace = scene.workspace(millrace_command)
    where = ("--workspace", str(workspace.root), "--millrace-command", millrace_command)
    with scene.started("run", "--output", "json", *where, *FORCED, "Build") as run:
        run.waits_until(lambda: bool(workspace.calls()), "the builder begins")
        upgrade()
        scene.open_gate()
        result = run.document()

    assert result["scoped_completion"] is True
    assert result["warnings"] == []


@pytest.mark.slow
def test_an_item_that_is_watched_ends_with_its_proof(
    scene: Scene, upgrade: Upgrade, millrace_command: str
) -> None:
    workspace = scene.workspace(millrace_command)
    where = ("--workspace", str(workspace.root), "--millrace-command", millrace_command)
    with scene.started("submit", "--json", *where, "Build") as submit:
        item_id = submit.document()["work_item_id"]
    (scene.gate / "go").unlink()
    with scene.started("watch", "--output", "json", *where, item_id) as watch:
        watch.waits_until(lambda: bool(workspace.calls()), "the builder begins")
        upgrade()
        scene.open_gate()
        result = watch.document()

    assert result["scoped_completion"] is True


def test_a_submission_ends_with_its_document(
    scene: Scene, upgrade: Upgrade, millrace_command: str
) -> None:
    workspace = make_workspace(scene.root / "workspace", millrace_command)
    gated = scene.gated(millrace_command, "queue add-")
    where = ("--workspace", str(workspace.root), "--millrace-command", gated, "--no-warm-millrace")
    with scene.started("submit", "--json", *where, "Build") as submit:
        submit.waits_until(lambda: scene.is_waiting, "the item is added")
        upgrade()
        scene.open_gate()
        result = submit.document()

    assert result["work_item_id"]


def test_a_resident_command_enqueues_after_the_upgrade(
    scene: Scene, upgrade: Upgrade, millrace_command: str
) -> None:
    workspace = make_workspace(scene.root / "workspace", millrace_command)
    ref = {"root_path": str(workspace.root)}
    with scene.started("ops", "--jsonl", "--millrace-command", millrace_command) as desk:
        desk.says(request("list_sessions").decode() + "\n")
        assert json.loads(desk.stdout.readline())["errors"] == []
        upgrade()
        enqueue = request(
            "enqueue",
            workspace_ref=ref,
            input={"kind": "structured_action", "payload": {"text": "Build"}},
            **DELEGATED,
        )
        desk.says(enqueue.decode() + "\n")
        done = json.loads(desk.stdout.readline())
        desk.says(request("status", workspace_ref=ref).decode() + "\n")
        status = json.loads(desk.stdout.readline())
        ended, _, stderr = desk.ends()

    assert (ended, done["errors"], status["errors"]) == (0, [], []), stderr
    assert done["status"] == status["status"] == "succeeded"


def test_a_watched_status_continues(scene: Scene, upgrade: Upgrade, millrace_command: str) -> None:
    workspace = make_workspace(scene.root / "workspace", millrace_command)
    where = ("--workspace", str(workspace.root), "--millrace-command", millrace_command)
    with scene.started("status", "--watch", "--json", *where) as status:
        first = json.loads(status.stdout.readline())
        upgrade()
        pause = (millrace_command, "control", "pause", "--workspace", str(workspace.root))
        subprocess.run(pause, stdout=subprocess.DEVNULL, timeout=60, check=True)
        second = json.loads(status.stdout.readline())
        status.process.send_signal(signal.SIGINT)
        ended, _, stderr = status.ends()

    assert first["errors"] == second["errors"] == []
    assert ended == 130, stderr


def test_an_operator_answers_the_next_line(scene: Scene, upgrade: Upgrade) -> None:
    with scene.started(
        "operator", "--workspace", "folder", *_pi(), "--route", "direct"
    ) as operator:
        operator.says("one\n")
        operator.waits_until(lambda: scene.is_waiting, "pi is asked")
        upgrade()
        scene.open_gate()
        operator.says("two\n/help\n")
        ended, stdout, stderr = operator.ends()

    assert ended == 0, stderr
    assert stdout.count("Done, ☃.") == 2
