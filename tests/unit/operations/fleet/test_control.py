"""Commands that change the fleet report what was observed."""

from __future__ import annotations

import math

import pytest

from millracer.cancellation import CancelReason
from millracer.domain.fleet.waiting import DispatchStatus
from millracer.domain.operations import OperationName
from millracer.domain.operations.fleet_requests import (
    FleetCancelRequest,
    FleetDrainRequest,
    FleetForgetRequest,
    FleetHostsRequest,
    FleetPauseRequest,
    FleetPruneRequest,
    FleetResumeRequest,
    FleetRetryRequest,
    FleetSchedulesRequest,
    FleetTask,
    FleetWorkspacesRequest,
)
from millracer.errors import FleetUnreachable
from millracer.operations.answer import Answer
from millracer.operations.fleet import control
from tests.support.fleet_scene import HOST, SHOP, FleetScene

_N = OperationName


@pytest.fixture
def scene() -> FleetScene:
    return FleetScene()


def cancelled(scene: FleetScene, item_id: str) -> tuple[str, int]:
    request = FleetCancelRequest(work_item_id=item_id, wait_seconds=0)
    answer = scene.perform(_N.FLEET_CANCEL, request)
    return answer.result.outcome, answer.exit_code


def test_an_item_is_cancelled_as_far_as_it_can_be(scene: FleetScene) -> None:
    waiting = scene.add("one", request_id="1")
    assert cancelled(scene, waiting) == ("done", 0)
    assert cancelled(scene, waiting) == ("already", 0)

    running = scene.add("two", request_id="2")
    lease = scene.begin()
    assert cancelled(scene, running) == ("not_confirmed", 7)
    scene.end(lease, "cancelled")
    assert cancelled(scene, running) == ("already", 0)

    ended = scene.add("three", request_id="3")
    scene.end(scene.begin())
    assert cancelled(scene, ended) == ("too_late", 3)


def test_only_a_set_aside_item_is_dispatched_again(scene: FleetScene) -> None:
    item_id = scene.add()
    refused = scene.perform(_N.FLEET_RETRY, FleetRetryRequest(work_item_id=item_id))
    assert (refused.exit_code, refused.result.outcome) == (2, "failed")
    assert refused.result.errors[0].code == "state_conflict"

    scene.begin()
    scene.fleet.end_dispatch(item_id, DispatchStatus.SET_ASIDE)
    done = scene.perform(_N.FLEET_RETRY, FleetRetryRequest(work_item_id=item_id))
    assert (done.exit_code, done.result.item.state, done.result.item.dispatch) == (0, "queued", 2)


def test_a_drain_waits_until_nothing_runs(scene: FleetScene) -> None:
    item_id = scene.add()
    lease = scene.begin()
    waited = scene.perform(_N.FLEET_DRAIN, FleetDrainRequest(host=HOST, wait_seconds=0))
    assert (waited.result.outcome, waited.exit_code) == ("not_confirmed", 7)
    assert item_id in waited.result.message
    sent = scene.perform(_N.FLEET_DRAIN, FleetDrainRequest(host=HOST, wait=False, note="kernel"))
    assert (sent.result.outcome, sent.exit_code) == ("done", 0)
    (host,) = scene.perform(_N.FLEET_HOSTS, FleetHostsRequest()).result.hosts
    assert (host.draining, host.note, host.running) == (True, "kernel", [item_id])

    scene.end(lease)
    assert scene.perform(_N.FLEET_DRAIN, FleetDrainRequest(host=HOST)).exit_code == 0
    undone = scene.perform(_N.FLEET_DRAIN, FleetDrainRequest(host=HOST, undo=True))
    assert (undone.exit_code, scene.fleet.list_hosts()[0].draining) == (0, False)


def test_a_drain_survives_an_outage(scene: FleetScene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control, "_POLL_SECONDS", 0.0)
    scene.add()
    lease = scene.begin()
    reads = 0

    def away(name: str) -> None:
        nonlocal reads
        reads += name == "list_hosts"
        if reads == 4:
            scene.fleet.before = lambda _: None
            scene.end(lease)
        elif reads > 1:
            raise FleetUnreachable("away", suggested_action="wait")

    scene.fleet.before = away
    answer = scene.perform(_N.FLEET_DRAIN, FleetDrainRequest(host=HOST))
    assert (answer.exit_code, answer.result.outcome) == (0, "done")


def test_the_end_of_a_wait_is_not_the_end_of_a_drain(scene: FleetScene) -> None:
    scene.add()
    scene.begin()
    scene.fleet.after = lambda _: scene.cancellation.cancel(CancelReason.INTERRUPTED)
    answer = scene.perform(_N.FLEET_DRAIN, FleetDrainRequest(host=HOST))

    assert answer.exit_code == 130
    assert scene.fleet.list_hosts()[0].draining


def test_a_workspace_is_paused_for_a_time(scene: FleetScene) -> None:
    item_id = scene.add()
    request = FleetPauseRequest(workspace_id=SHOP, note="release", for_seconds=60)
    assert scene.perform(_N.FLEET_PAUSE, request).exit_code == 0
    assert scene.fleet.claim_next(HOST) is None
    (_, shop) = scene.perform(_N.FLEET_WORKSPACES, FleetWorkspacesRequest()).result.workspaces
    assert (shop.paused, shop.note, shop.queued) == (True, "release", 1)

    scene.clock.pass_time(seconds=61)
    assert scene.fleet.claim_next(HOST) == item_id


@pytest.mark.parametrize("seconds", [0, -1, math.inf, math.nan])
def test_a_pause_of_no_time_is_refused(scene: FleetScene, seconds: float) -> None:
    answer = scene.perform(
        _N.FLEET_PAUSE, FleetPauseRequest(workspace_id=SHOP, for_seconds=seconds)
    )

    assert answer.error is not None
    assert (answer.error.code, answer.error.field) == ("invalid_request", "for_seconds")


def test_the_pause_of_a_workspace_is_ended(scene: FleetScene) -> None:
    item_id = scene.add()
    scene.perform(_N.FLEET_PAUSE, FleetPauseRequest(workspace_id=SHOP))
    assert scene.fleet.claim_next(HOST) is None

    assert scene.perform(_N.FLEET_RESUME, FleetResumeRequest(workspace_id=SHOP)).exit_code == 0
    assert scene.fleet.claim_next(HOST) == item_id


def test_a_workspace_with_open_items_is_not_forgotten(scene: FleetScene) -> None:
    scene.add()
    refused = scene.perform(_N.FLEET_FORGET, FleetForgetRequest(workspace_id=SHOP))
    assert (refused.exit_code, refused.result.errors[0].code) == (2, "state_conflict")
    assert f"--workspace {SHOP}" in refused.result.errors[0].suggested_action

    scene.end(scene.begin())
    assert scene.perform(_N.FLEET_FORGET, FleetForgetRequest(workspace_id=SHOP)).exit_code == 0
    assert SHOP not in {each.workspace_id for each in scene.fleet.list_workspaces()}


def test_a_lost_checkout_is_given_up_once_its_host_is_away(scene: FleetScene) -> None:
    lost = FleetForgetRequest(workspace_id=SHOP, lost=True)

    refused = scene.perform(_N.FLEET_FORGET, lost)
    scene.fleet.fall_silent(HOST)
    given_up = scene.perform(_N.FLEET_FORGET, lost)

    assert (refused.exit_code, given_up.exit_code) == (2, 0)
    assert SHOP in {each.workspace_id for each in scene.fleet.list_workspaces()}


def test_old_items_are_deleted(scene: FleetScene) -> None:
    scene.add()
    scene.end(scene.begin())
    scene.clock.pass_time(days=2)
    kept = scene.add("more", request_id="2")

    answer = scene.perform(_N.FLEET_PRUNE, FleetPruneRequest(older_than_seconds=86_400))
    assert (answer.exit_code, answer.result.count) == (0, 1)
    assert scene.fleet.find_item(kept) is not None


@pytest.mark.parametrize(
    ("name", "request_", "field"),
    [
        (_N.FLEET_DRAIN, FleetDrainRequest(host="nowhere"), "host"),
        (_N.FLEET_PAUSE, FleetPauseRequest(workspace_id="nowhere"), "workspace_id"),
        (_N.FLEET_RESUME, FleetResumeRequest(workspace_id="nowhere"), "workspace_id"),
        (_N.FLEET_FORGET, FleetForgetRequest(workspace_id="nowhere"), "workspace_id"),
        (_N.FLEET_CANCEL, FleetCancelRequest(work_item_id="nothing"), "work_item_id"),
        (_N.FLEET_RETRY, FleetRetryRequest(work_item_id="nothing"), "work_item_id"),
        (
            _N.FLEET_PAUSE,
            FleetPauseRequest(workspace_id=SHOP, for_seconds=float("inf")),
            "for_seconds",
        ),
        (_N.FLEET_PRUNE, FleetPruneRequest(older_than_seconds=-1), "older_than_seconds"),
    ],
)
def test_what_the_fleet_does_not_have_is_refused(
    scene: FleetScene, name: OperationName, request_: object, field: str
) -> None:
    answer = scene.perform(name, request_)

    assert answer.error is not None
    assert (answer.exit_code, answer.error.code) == (2, "invalid_request")
    assert answer.error.field == field
    assert (answer.result.command, answer.result.outcome) == (name, "failed")


def schedules(scene: FleetScene, **fields: object) -> Answer[object]:
    return scene.perform(_N.FLEET_SCHEDULES, FleetSchedulesRequest(**fields))


NIGHTLY = {
    "command": "add",
    "name": "nightly",
    "workspace_id": SHOP,
    "cron": "0 2 * * 1-5",
    "timezone": "Europe/Berlin",
    "task": FleetTask(text="Update the dependencies", request_id="r-1"),
}


def test_a_schedule_is_kept_paused_run_and_removed(scene: FleetScene) -> None:
    added = scene.perform(_N.FLEET_SCHEDULES, FleetSchedulesRequest(**NIGHTLY))
    (schedule,) = added.result.schedules
    assert (schedule.name, schedule.task) == ("nightly", "Update the dependencies")
    assert "added" in added.result.message

    schedules(scene, command="pause", name="nightly")
    assert scene.fleet.list_schedules()[0].paused
    schedules(scene, command="resume", name="nightly")
    assert not scene.fleet.list_schedules()[0].paused

    first = scene.perform(
        _N.FLEET_SCHEDULES, FleetSchedulesRequest(command="run", name="nightly")
    ).result.item
    scene.clock.pass_time(seconds=1)
    second = scene.perform(
        _N.FLEET_SCHEDULES, FleetSchedulesRequest(command="run", name="nightly")
    ).result.item
    assert first.work_item_id != second.work_item_id
    detail = scene.fleet.find_item(first.work_item_id)
    assert detail is not None
    assert detail.request["idempotency_key"].startswith("nightly@")

    schedules(scene, command="remove", name="nightly")
    assert scene.fleet.list_schedules() == ()


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"command": "explode"}, "command"),
        ({"cron": "every day"}, "cron"),
        ({"cron": None}, "cron"),
        ({"timezone": "Mars/Base"}, "timezone"),
        ({"timezone": "../etc"}, "timezone"),
        ({"name": None}, "name"),
        ({"workspace_id": None}, "workspace_id"),
        ({"workspace_id": "nowhere"}, "workspace_id"),
        ({"task": None}, "task"),
        ({"command": "run", "name": "nothing"}, "name"),
        ({"command": "pause", "name": None}, "name"),
    ],
)
def test_an_unusable_schedule_is_refused(
    scene: FleetScene, changed: dict[str, object], field: str
) -> None:
    answer = scene.perform(_N.FLEET_SCHEDULES, FleetSchedulesRequest(**{**NIGHTLY, **changed}))

    assert answer.error is not None
    assert (answer.exit_code, answer.error.field) == (2, field)
    assert scene.fleet.list_schedules() == ()
