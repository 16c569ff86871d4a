"""Several commands at once on the real Millrace: one daemon, each item done once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.crash.aftermath import documents, files_left, twice
from tests.crash.scene import NAMED, open_theatre
from tests.support.cli import FORCED, Millracer, Ran, daemon_pid, wait_until
from tests.support.operator_cli import OperatorCaller, finish
from tests.support.scenario import Scenario, Step
from tests.support.workspace import Workspace, make_workspace

BLOCKED = (Step(marker="BLOCKED"),)
SIDE_BY_SIDE = 10


@pytest.fixture
def prepare(tmp_path: Path, millrace_command: str) -> Callable[..., Millracer]:
    """Prepare a workspace whose stages play a scenario."""

    def build(scenario: Scenario, name: str = "workspace") -> Millracer:
        return Millracer(
            make_workspace(tmp_path / name, millrace_command, scenario), millrace_command
        )

    return build


def daemons_started(workspace: Workspace) -> int:
    """Return how many owned daemons were started; each has its own log."""
    return len(list((workspace.root / ".millracer" / "logs").glob("daemon-*.log")))


def completed(ran: Ran) -> bool:
    """Whether a run says so by every sign it has."""
    said = (ran.exit_code, ran.result["outcome"], ran.result["scoped_completion"])
    return said == (0, "completed", True)


@pytest.mark.ending
def test_the_first_of_two_items_to_end_leaves_the_daemon_to_the_second(
    prepare: Callable[..., Millracer],
) -> None:
    slow = Step(seconds=3)
    millracer = prepare(
        Scenario(
            {
                # Whichever comes first is blocked; the other passes, slowly.
                "builder": (Step(marker="BLOCKED"), slow),
                "troubleshooter": BLOCKED,
                "consultant": BLOCKED,
            }
        )
    )
    running = [millracer.start(*FORCED, f"Task {number}") for number in (1, 2)]

    blocked, done = sorted(
        (each.finish() for each in running), key=lambda ran: ran.result["outcome"]
    )

    assert (blocked.exit_code, blocked.result["outcome"]) == (4, "blocked"), blocked.stderr
    assert completed(done), done.stderr
    assert blocked.result["restarts"] == done.result["restarts"] == 0
    assert daemons_started(millracer.workspace) == 1
    assert files_left(millracer.workspace) == ()
    for ran, place in ((blocked, "blocked"), (done, "done")):
        assert documents(millracer.workspace)[ran.result["work_item_id"]] == [place]
        evidence = ran.result["completion_evidence"]
        assert {each["work_item_id"] for each in evidence} <= {ran.result["work_item_id"]}


@pytest.mark.slow
def test_of_two_runs_of_one_item_one_adds_it_and_both_answer_the_same(
    tmp_path: Path, millrace_command: str, pi_command: str
) -> None:
    with open_theatre(tmp_path, millrace=millrace_command, pi=pi_command) as (played, _):
        scene = played.scene(NAMED)
        running = [scene.start(log, "--finalizer", "summary") for log in ("one", "other")]
        ended = [each.finish() for each in running]
    adds = [
        point
        for log in ("one", "other")
        for point in scene.points(log)
        if point.endswith("queue add-task begun")
    ]

    assert all(completed(ran) for ran in ended), [ran.stderr for ran in ended]
    (item,) = {ran.result["work_item_id"] for ran in ended}
    assert len(adds) == 1
    assert twice([item], scene.workspace) == ()
    proofs = [ran.result["completion_evidence"] for ran in ended]
    assert {each["run_id"] for each in proofs[0]} == {each["run_id"] for each in proofs[1]}
    assert files_left(scene.workspace) == ()


@pytest.mark.slow
def test_ten_workspaces_side_by_side(prepare: Callable[..., Millracer]) -> None:
    sites = [prepare(Scenario(), f"workspace-{number}") for number in range(SIDE_BY_SIDE)]
    running = [site.start(*FORCED, "--request-id", "the same", "Build it") for site in sites]

    ended = [each.finish() for each in running]

    assert all(completed(ran) for ran in ended), [ran.stderr for ran in ended]
    for site, ran in zip(sites, ended, strict=True):
        assert Path(ran.result["task_path"]).is_relative_to(site.workspace.root)
        assert twice([ran.result["work_item_id"]], site.workspace) == ()
        assert len(documents(site.workspace)) == 1
        assert files_left(site.workspace) == ()


@pytest.mark.slow
@pytest.mark.parametrize("first", ["operator", "pipeline"])
def test_operator_and_pipeline_on_one_workspace(
    prepare: Callable[..., Millracer], tmp_path: Path, millrace_command: str, first: str
) -> None:
    """The first command ends first; the other finds its daemon still there."""
    millracer = prepare(Scenario({"builder": (Step(seconds=12), Step())}))
    caller = OperatorCaller(
        cwd=tmp_path,
        state=tmp_path / "state",
        options=(
            *(*FORCED, "--workspace", str(millracer.workspace.root)),
            *("--millrace-command", millrace_command, "--pi-command", millracer.pi),
        ),
    )
    with caller.started() as operator:
        assert operator.stdin is not None

        def ask() -> None:
            operator.stdin.write(b"Build the operator's\n")
            operator.stdin.flush()

        if first == "operator":
            ask()
            wait_until(lambda: millracer.workspace.stages() != [], "the operator's task begins")
        running = millracer.start(*FORCED, "Build the pipeline's")
        if first == "pipeline":
            wait_until(lambda: millracer.workspace.stages() != [], "the pipeline's task begins")
            ask()
        said, ran = finish(operator), running.finish()

    assert completed(ran), ran.stderr
    assert said.exit_code == 0, said.stdout + said.stderr
    assert "completed · task done, updater UPDATE_COMPLETE" in said.stdout + said.stderr
    assert daemons_started(millracer.workspace) == 1
    assert daemon_pid(millracer.workspace) is None
    assert twice(documents(millracer.workspace), millracer.workspace) == ()
    assert len(documents(millracer.workspace)) == 2
    assert files_left(millracer.workspace) == ()
