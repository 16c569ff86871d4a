"""Items are read with the reason of each, and awaited to their ends."""

from __future__ import annotations

import pytest

from millracer.domain.fleet.waiting import DispatchStatus
from millracer.domain.operations import OperationName
from millracer.domain.operations.fleet_requests import (
    FleetCancelRequest,
    FleetListRequest,
    FleetPauseRequest,
    FleetShowRequest,
    FleetWaitRequest,
)
from millracer.errors import FleetUnreachable
from millracer.operations.fleet import follow
from tests.support.fleet_scene import API, HOST, SHOP, FleetScene


@pytest.fixture
def scene() -> FleetScene:
    return FleetScene()


def listed(scene: FleetScene, **fields: object) -> dict[str, tuple[str, str]]:
    answer = scene.perform(OperationName.FLEET_LIST, FleetListRequest(**fields))
    assert answer.exit_code == 0
    return {each.work_item_id: (each.state, each.why) for each in answer.result.items}


def test_each_waiting_item_says_why(scene: FleetScene) -> None:
    first = scene.add("one", request_id="1")
    second = scene.add("two", request_id="2")
    other = scene.add("three", request_id="3", workspace_id=API)
    unbound = scene.add("four", request_id="4", label="python")
    scene.begin()
    found = listed(scene)
    assert found[first] == ("running", "")
    assert found[second] == ("queued", f"workspace busy: {first}")
    assert found[other] == ("queued", "next: it starts at the host's next poll")
    assert found[unbound] == ("queued", "no free workspace has the label python")

    scene.fleet.pause(API, paused=True, note="release")
    assert listed(scene)[other][1] == ("workspace paused (release); `millracer fleet resume api`")
    scene.fleet.drain(HOST, draining=True, note="kernel")
    assert listed(scene)[second][1] == (
        f"host drains (kernel); `millracer fleet drain {HOST} --undo`"
    )
    scene.fleet.fall_silent(HOST)
    assert listed(scene)[other][1].startswith("host away since ")
    assert listed(scene)[first][1].startswith("host away since ")


def test_a_set_aside_item_says_how_to_continue(scene: FleetScene) -> None:
    item_id = scene.add()
    scene.begin()
    scene.fleet.end_dispatch(item_id, DispatchStatus.SET_ASIDE)

    state, why = listed(scene, state="set_aside")[item_id]
    assert state == "set_aside"
    assert why.endswith(f"once; `millracer fleet retry {item_id}`")


def test_a_list_is_filtered(scene: FleetScene) -> None:
    ended = scene.add("one", request_id="1")
    scene.end(scene.begin())
    shop = scene.add("two", request_id="2")
    scene.clock.pass_time(seconds=1)
    api = scene.add("three", request_id="3", workspace_id=API)

    assert set(listed(scene)) == {shop, api}
    assert set(listed(scene, all_items=True)) == {ended, shop, api}
    assert set(listed(scene, workspace_id=SHOP)) == {shop}
    assert set(listed(scene, state="ended")) == {ended}
    assert set(listed(scene, host="nowhere")) == set()
    assert set(listed(scene, all_items=True, limit=1)) == {shop}


@pytest.mark.parametrize(
    ("fields", "field"), [({"state": "lost"}, "state"), ({"limit": 0}, "limit")]
)
def test_an_unusable_filter_is_refused(
    scene: FleetScene, fields: dict[str, object], field: str
) -> None:
    answer = scene.perform(OperationName.FLEET_LIST, FleetListRequest(**fields))

    assert answer.error is not None
    assert (answer.exit_code, answer.error.field) == (2, field)


@pytest.mark.parametrize(
    ("outcome", "more", "code"),
    [
        ("completed", {}, 0),
        ("incomplete", {}, 3),
        ("blocked", {}, 4),
        ("restart_needed", {}, 5),
        ("crashed", {}, 6),
        ("timed_out", {}, 7),
        ("failed", {"errors": [{"code": "millrace_not_found"}]}, 8),
        ("failed", {"errors": [{"code": "invalid_request"}]}, 2),
        ("failed", {"errors": [{"code": "internal_error"}]}, 1),
        ("failed", {}, 8),
        ("unknown", {}, 8),
        ("budget_exhausted", {}, 9),
        ("cancelled", {}, 130),
    ],
)
def test_the_exit_code_is_that_of_the_outcome(
    scene: FleetScene, outcome: str, more: dict[str, object], code: int
) -> None:
    item_id = scene.add()
    shown = scene.perform(OperationName.FLEET_SHOW, FleetShowRequest(work_item_id=item_id))
    assert (shown.exit_code, shown.result.certificate) == (0, None)
    lease = scene.begin()
    scene.end(lease, outcome, **more)

    shown = scene.perform(OperationName.FLEET_SHOW, FleetShowRequest(work_item_id=item_id[:12]))
    waited = scene.perform(OperationName.FLEET_WAIT, FleetWaitRequest(work_item_ids=(item_id,)))

    assert (shown.exit_code, waited.exit_code) == (code, code)
    assert shown.result.certificate["fleet"]["epoch"] == lease.epoch
    assert shown.result.certificate["completion"]["outcome"] == outcome


def test_only_the_completion_gate_makes_an_item_completed(scene: FleetScene) -> None:
    item_id = scene.add()
    lease = scene.begin()
    scene.end(lease, "completed", completion={"outcome": "completed", "scoped_completion": False})

    shown = scene.perform(OperationName.FLEET_SHOW, FleetShowRequest(work_item_id=item_id))
    assert shown.exit_code == 3


def test_a_wait_reports_the_worst_outcome(scene: FleetScene) -> None:
    ids = tuple(scene.add(text, request_id=text) for text in ("one", "two"))
    scene.end(scene.begin())
    scene.end(scene.begin(), "blocked")

    answer = scene.perform(OperationName.FLEET_WAIT, FleetWaitRequest(work_item_ids=ids))
    assert (answer.exit_code, answer.result.timed_out) == (4, False)


def test_a_wait_times_out(scene: FleetScene) -> None:
    request = FleetWaitRequest(work_item_ids=(scene.add(),), wait_seconds=0)
    answer = scene.perform(OperationName.FLEET_WAIT, request)

    assert (answer.exit_code, answer.result.timed_out) == (7, True)


def test_a_wait_survives_a_short_outage_and_not_a_long_one(
    scene: FleetScene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follow, "_POLL_SECONDS", 0.0)
    item_id = scene.add()
    lease = scene.begin()
    calls = 0

    def away(_name: str) -> None:
        nonlocal calls
        calls += 1
        if calls in {3, 4, 5}:
            raise FleetUnreachable("away", suggested_action="wait")
        if calls == 6:
            scene.fleet.before = lambda _: None
            scene.end(lease)

    scene.fleet.before = away
    request = FleetWaitRequest(work_item_ids=(item_id,))
    assert scene.perform(OperationName.FLEET_WAIT, request).exit_code == 0

    monkeypatch.setattr(follow, "_OUTAGE_SECONDS", -1.0)
    scene.add("more", request_id="r-2")
    calls = 0
    scene.fleet.before = away
    ids = tuple(listed_ids(scene))
    answer = scene.perform(OperationName.FLEET_WAIT, FleetWaitRequest(work_item_ids=ids))
    assert [each.code for each in answer.result.errors] == ["fleet_unreachable"]
    assert answer.exit_code == 8


def listed_ids(scene: FleetScene) -> list[str]:
    before, scene.fleet.before = scene.fleet.before, lambda _: None
    found = list(listed(scene))
    scene.fleet.before = before
    return found


@pytest.mark.parametrize("name", ["nothing", "", "fix"])
def test_an_unknown_or_ambiguous_item_is_refused(scene: FleetScene, name: str) -> None:
    scene.add("fix one", request_id="1")
    scene.add("fix two", request_id="2")
    answer = scene.perform(OperationName.FLEET_SHOW, FleetShowRequest(work_item_id=name))

    assert answer.error is not None
    assert (answer.exit_code, answer.error.field) == (2, "work_item_id")


def test_the_beginning_of_an_old_item_is_compared_with_every_item(scene: FleetScene) -> None:
    old = scene.add("fix a", request_id="a")
    for number in range(1000):
        scene.clock.pass_time(seconds=1)
        scene.add("sort", request_id=str(number))
    scene.clock.pass_time(seconds=1)
    found = scene.perform(OperationName.FLEET_SHOW, FleetShowRequest(work_item_id=old[:6]))
    assert found.result.item.work_item_id == old

    new = scene.add("fix b", request_id="b")
    answer = scene.perform(OperationName.FLEET_CANCEL, FleetCancelRequest(work_item_id="fix-"))
    assert (answer.exit_code, [each.code for each in answer.result.errors]) == (
        2,
        ["invalid_request"],
    )
    assert listed(scene, limit=2000)[new][0] == "queued"


def test_refused_results_are_shown(scene: FleetScene) -> None:
    item_id = scene.add()
    lease = scene.begin()
    scene.fleet.take(lease.session, item_id, lease.identity)
    assert not scene.fleet.deliver(lease, {"completion": {"outcome": "completed"}})

    shown = scene.perform(OperationName.FLEET_SHOW, FleetShowRequest(work_item_id=item_id))
    (refused,) = shown.result.refused
    assert (refused.epoch, shown.result.item.state) == (lease.epoch, "running")


def test_several_items_with_one_beginning_are_named(scene: FleetScene) -> None:
    ids = [scene.add("Fix the header", request_id=f"r-{number}") for number in (1, 2)]

    answer = scene.perform(OperationName.FLEET_SHOW, FleetShowRequest(work_item_id="fix-the"))

    assert answer.error is not None
    assert answer.error.code == "invalid_request"
    assert all(each in answer.error.message for each in ids)


def test_the_reason_of_an_item_is_one_line(scene: FleetScene) -> None:
    item_id = scene.add()
    pause = FleetPauseRequest(workspace_id=SHOP, note="release\nday\r\n")
    assert scene.perform(OperationName.FLEET_PAUSE, pause).exit_code == 0

    _, why = listed(scene)[item_id]

    assert why.startswith("workspace paused (release day);")
