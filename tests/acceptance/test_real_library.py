"""`from millracer import …` on the real Millrace: a delegated task, and one that is broken off."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from millracer import (
    Client,
    EventType,
    Finalizer,
    IntakePreference,
    InvalidRequest,
    ProgressDocument,
    RoutePreference,
    RunOptions,
    run_task,
)
from tests.support.cli import daemon_pid, stored, wait_until
from tests.support.ops_cli import Running
from tests.support.scenario import Scenario, Step
from tests.support.workspace import Workspace, make_workspace

_ROOT = Path(__file__).parents[2]
_EXAMPLE = _ROOT / "docs" / "examples" / "run_task.py"

DELEGATED = RunOptions(
    route=RoutePreference.MILLRACE, intake=IntakePreference.TASK, finalizer=Finalizer.SUMMARY
)


def _start_example(workspace: Workspace, millrace_command: str, programs: Path) -> Running:
    """Start the example with the real Millrace first on PATH."""
    programs.mkdir()
    (programs / "millrace").symlink_to(millrace_command)
    return Running(
        subprocess.Popen(
            (sys.executable, str(_EXAMPLE), str(workspace.root), "Build what was asked for"),
            env={
                **os.environ,
                "PATH": f"{programs}:{os.environ['PATH']}",
                "PYTHONPATH": str(_ROOT),
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
    )


@pytest.mark.ending
def test_the_example_delegates_a_task_to_its_proven_end(
    tmp_path: Path, millrace_command: str
) -> None:
    workspace = make_workspace(tmp_path / "workspace", millrace_command)

    with _start_example(workspace, millrace_command, tmp_path / "bin") as example:
        ended = example.finish()

    assert ended.exit_code == 0, ended.stderr
    assert ended.stdout.startswith("completed: ")
    assert "monitor: " in ended.stderr


@pytest.mark.slow
def test_the_example_is_stopped_by_ctrl_c(tmp_path: Path, millrace_command: str) -> None:
    scenario = Scenario({"builder": (Step(hang=True),)})
    workspace = make_workspace(tmp_path / "workspace", millrace_command, scenario)

    with _start_example(workspace, millrace_command, tmp_path / "bin") as example:
        wait_until(lambda: workspace.stages() == ["builder"], "the builder starts")
        example.send(signal.SIGINT)
        ended = example.finish()

    assert (ended.exit_code, ended.stdout.partition(":")[0]) == (1, "cancelled"), ended.stderr
    assert daemon_pid(workspace) is None


@pytest.mark.ending
def test_a_client_submits_and_watches_to_the_proven_end_and_leaves_nothing(
    tmp_path: Path, millrace_command: str
) -> None:
    workspace = make_workspace(tmp_path / "workspace", millrace_command)
    before = set(psutil.Process().children(recursive=True))

    with Client(workspace.root, options=DELEGATED, millrace_command=millrace_command) as millracer:
        submitted = millracer.submit("Build what was asked for", request_id="mine")
        waiting = millracer.status()
        events = millracer.watch("mine")
        story = [event for event in events if event.cursor is not None]
        watched = events.result()
        stopped = millracer.stop()

    for result in (submitted, waiting, watched, stopped):
        result.raise_for_outcome()
    assert [item.work_item_id for item in waiting.unfinished] == [submitted.work_item_id]
    assert (watched.work_item_id, watched.scoped_completion) == (submitted.work_item_id, True)
    assert [event.sequence for event in story] == list(range(len(story)))
    stages = [event.payload["stage"] for event in story if "stage" in event.payload]
    assert stages == [stage for stage in ("builder", "checker", "updater") for _ in "be"]
    assert set(psutil.Process().children(recursive=True)) <= before


@pytest.mark.ending
def test_a_loop_that_is_left_leaves_nothing_running_and_continues_after_its_cursor(
    tmp_path: Path, millrace_command: str
) -> None:
    scenario = Scenario({"builder": (Step(seconds=600), Step())})
    workspace = make_workspace(tmp_path / "workspace", millrace_command, scenario)
    before = set(psutil.Process().children(recursive=True))

    with Client(workspace.root, options=DELEGATED, millrace_command=millrace_command) as millracer:
        events = millracer.run_events("Build what was asked for", request_id="mine")
        for event in events:
            if event.event_type == EventType.STAGE_STARTED:
                break
        left = events.result()
        assert daemon_pid(workspace) is None
        assert left.work_item_id is not None
        place = stored(workspace, left.work_item_id)
        assert place is not None
        assert place.parent.name == "queue"
        again = millracer.watch("mine", after=event.cursor)
        rest = [each for each in again if each.cursor is not None]

    assert left.outcome == "cancelled"
    assert rest[0].sequence == event.sequence + 1
    assert [each.event_type for each in rest].count(EventType.ATTEMPT_ENDED) == 2
    assert again.result().scoped_completion
    assert set(psutil.Process().children(recursive=True)) <= before


def test_a_listener_that_raises_in_a_watch_leaves_nothing_running(
    tmp_path: Path, millrace_command: str
) -> None:
    scenario = Scenario({"builder": (Step(hang=True),)})
    workspace = make_workspace(tmp_path / "workspace", millrace_command, scenario)
    before = set(psutil.Process().children(recursive=True))
    items: list[str | None] = []

    def listener(step: ProgressDocument) -> None:
        if step.kind == "stage_progress":
            items.append(step.work_item_id)
            raise InvalidRequest("enough", field="listener's own")

    with pytest.raises(InvalidRequest, match="enough"):
        run_task(
            "Build what was asked for",
            workspace=workspace.root,
            options=DELEGATED,
            on_progress=listener,
            millrace_command=millrace_command,
        )

    assert set(psutil.Process().children(recursive=True)) <= before
    assert daemon_pid(workspace) is None
    (item_id,) = items
    assert item_id is not None
    place = stored(workspace, item_id)
    assert place is not None
    assert place.parent.name == "queue"
