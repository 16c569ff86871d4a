"""What is left in a real workspace, and the modes a real Millrace knows."""

from __future__ import annotations

from pathlib import Path

import pytest

from millracer.cancellation import Wait
from millracer.domain.requests import IntakeKind, RequestBody
from millracer.domain.work.items import ItemState, WorkItem
from millracer.millrace.backend import CliMillrace
from millracer.millrace.commands.calls import MillraceCalls
from tests.support.scenario import Scenario, Step
from tests.support.workspace import Workspace, make_workspace

HASH = "0123456789abcdef" * 4
BLOCKED = (Step(marker="BLOCKED"),)
#: The first task and all that would help it are blocked; the idea's task takes its time.
SCENARIO = Scenario(
    {
        "builder:stuck-0a1b": BLOCKED,
        "troubleshooter:stuck-0a1b": BLOCKED,
        "consultant:stuck-0a1b": BLOCKED,
        "manager": (Step(tasks=({"id": "derived"},)),),
        "builder:derived": (Step(seconds=60),),
    }
)


def wait(seconds: float = 90) -> Wait:
    return Wait.for_seconds(seconds)


def add(millrace: CliMillrace, item_id: str, kind: IntakeKind) -> None:
    item = WorkItem(item_id=item_id, request_hash=HASH, named=True)
    millrace.store_request(item, kind, RequestBody(task=f"Do {item_id}"))
    millrace.submit(item, kind, wait())


def places(millrace: CliMillrace) -> list[tuple[str, ItemState]]:
    return [(item.work_kind, item.state) for item in millrace.list_unfinished()]


@pytest.fixture
def workspace(tmp_path: Path, millrace_command: str) -> Workspace:
    return make_workspace(tmp_path / "workspace", millrace_command, SCENARIO)


@pytest.fixture
def millrace(workspace: Workspace, millrace_command: str) -> CliMillrace:
    calls = MillraceCalls(argv=(millrace_command,), workspace=workspace.root, cwd=workspace.root)
    return CliMillrace(calls, safety_seconds=60)


def test_queued_blocked_probed_and_planned_work_is_left(millrace: CliMillrace) -> None:
    add(millrace, "stuck-0a1b", IntakeKind.TASK)
    lease = millrace.supervisor.lease(wait())
    try:
        with millrace.supervisor.control(wait()) as control:
            control.start("default_pi", wait())
        limit = wait()
        while places(millrace) != [("task", ItemState.BLOCKED)]:
            assert len(places(millrace)) == 1, "an item on its way is listed once"
            assert not limit.expired, f"it is not blocked: {millrace.list_unfinished()}"
            limit.sleep(0.05)
    finally:
        lease.leave(wait(), keep_daemon=False)
    add(millrace, "plan-2c3d", IntakeKind.IDEA)
    add(millrace, "queued-4e5f", IntakeKind.TASK)
    add(millrace, "look-6a7b", IntakeKind.PROBE)

    left = millrace.list_unfinished()

    assert [(item.item_id, item.work_kind, item.state, item.title, item.ours) for item in left] == [
        ("look-6a7b", "probe", ItemState.QUEUED, "Do look-6a7b", True),
        ("queued-4e5f", "task", ItemState.QUEUED, "Do queued-4e5f", True),
        ("plan-2c3d", "idea", ItemState.INBOX, "Do plan-2c3d", True),
        ("stuck-0a1b", "task", ItemState.BLOCKED, "Do stuck-0a1b", True),
    ]
    for item in left:
        item_status = millrace.look_up(item.item_id, wait())
        assert (item_status.state, item_status.path) == (item.state, item.path)


def test_an_idea_is_left_once_all_the_way_to_its_open_lineage(millrace: CliMillrace) -> None:
    add(millrace, "plan-2c3d", IntakeKind.IDEA)
    [idea] = millrace.list_unfinished()
    seen: set[tuple[str, ItemState]] = set()
    lease = millrace.supervisor.lease(wait())
    try:
        with millrace.supervisor.control(wait()) as control:
            control.start("default_pi", wait())
        limit = wait()
        while ("task", ItemState.ACTIVE) not in seen:
            left = millrace.list_unfinished()
            assert len([item for item in left if item.work_kind != "task"]) == 1, left
            seen |= {(item.work_kind, item.state) for item in left}
            assert not limit.expired, f"so far {seen}"
            limit.sleep(0.02)
        spec, task = sorted(millrace.list_unfinished(), key=lambda item: item.work_kind)
    finally:
        lease.leave(wait(), keep_daemon=False)

    assert (idea.item_id, idea.state) == ("plan-2c3d", ItemState.INBOX)
    assert (spec.state, spec.title, spec.ours) == (ItemState.ACTIVE, "Do plan-2c3d", True)
    assert (task.item_id, task.state) == ("derived", ItemState.ACTIVE)
    item_status = millrace.look_up("plan-2c3d", wait())
    assert (item_status.millrace_id, item_status.state) == (spec.item_id, ItemState.DONE)


def test_every_mode_that_is_named_can_be_compiled_for(
    millrace: CliMillrace, workspace: Workspace
) -> None:
    modes = millrace.list_modes(wait())

    assert {"default_pi", "learning_pi", "standard_plain"} <= set(modes)
    with millrace.supervisor.control(wait()) as control:
        for mode in (modes[0], modes[-1]):
            assert control.validate_mode(mode, wait()).ok
