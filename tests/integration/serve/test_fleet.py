"""The fleet over HTTP: overview, items, hosts and workspaces, and refusals with their statuses."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from millracer.errors import FleetDenied, FleetUnreachable, MillracerError
from millracer.schemas.serve.fleet import MOST_FLEET_ITEMS
from millracer.wiring.tool_factory import PortFactory
from tests.support.fleet_scene import HOST, FleetScene
from tests.support.ops_requests import asks
from tests.support.serving import Client, serving


@pytest.fixture
def scene() -> FleetScene:
    return FleetScene()


@pytest.fixture
def fleet(tools: PortFactory, workspace: Path, scene: FleetScene) -> Iterator[Client]:
    """A server with a fleet."""
    with serving(tools, workspace, fleet=scene.access) as running:
        yield running


def test_only_a_server_with_a_fleet_shows_one(client: Client, fleet: Client) -> None:
    assert client.get("/board").json["has_fleet"] is False
    assert fleet.get("/board").json["has_fleet"] is True
    refused = client.get("/fleet")
    assert (refused.status, refused.code) == (404, "fleet_not_configured")


def test_the_overview_has_hosts_workspaces_and_the_queue(fleet: Client, scene: FleetScene) -> None:
    ended = scene.add("one", request_id="1")
    scene.end(scene.begin())
    running = scene.add("two", request_id="2")
    waiting = scene.add("three", request_id="3")
    scene.begin()
    document = fleet.get("/fleet").json

    assert [each["host"] for each in document["hosts"]] == [HOST]
    assert [each["workspace_id"] for each in document["workspaces"]] == ["api", "shop"]
    assert [each["work_item_id"] for each in document["items"]] == [running, waiting]
    assert document["items"][1]["why"] == f"workspace busy: {running}"
    assert [each["work_item_id"] for each in document["ended"]] == [ended]


def test_a_long_queue_hides_neither_the_running_item_nor_the_last_end(
    fleet: Client, scene: FleetScene
) -> None:
    running = scene.add("first", request_id="first", workspace_id="api")
    scene.begin()
    ended = [scene.add(each, request_id=each) for each in ("one", "two")]
    for _ in ended:
        scene.clock.pass_time(seconds=1)
        scene.end(scene.begin())
    later = []
    for number in range(MOST_FLEET_ITEMS):
        scene.clock.pass_time(seconds=1)
        later.append(scene.add("later", request_id=f"later-{number}", priority=1))
    document = fleet.get("/fleet").json

    assert document["total"] == MOST_FLEET_ITEMS + 1
    assert len(document["items"]) == MOST_FLEET_ITEMS
    assert document["items"][0]["work_item_id"] == running
    assert [each["work_item_id"] for each in document["ended"]] == ended[::-1]
    newest = fleet.get("/fleet/items?all_items=true&newest_first=true&limit=1").json
    assert [each["work_item_id"] for each in newest["items"]] == later[-1:]
    assert newest["total"] == MOST_FLEET_ITEMS + 3


def test_items_are_read_and_controlled(fleet: Client, scene: FleetScene) -> None:
    item_id = scene.add()
    listed = fleet.get("/fleet/items?state=queued&workspace_id=shop").json
    assert [each["work_item_id"] for each in listed["items"]] == [item_id]
    shown = fleet.get(f"/fleet/items/{item_id}").json
    assert shown["request"]["input"]["text"] == "Fix the header"
    refused = fleet.post(f"/fleet/items/{item_id}/retry")
    assert (refused.status, refused.code) == (409, "state_conflict")
    assert fleet.post("/fleet/items/nothing/retry").status == 404
    lease = scene.begin()
    asked = fleet.post(f"/fleet/items/{item_id}/cancel", {"reason": "late", "wait_seconds": 0})
    assert (asked.status, asked.json["outcome"]) == (202, "not_confirmed")
    scene.end(lease)
    late = fleet.post(f"/fleet/items/{item_id}/cancel")
    assert (late.status, late.code) == (409, "too_late")
    assert fleet.get("/fleet/items/nothing").status == 404


def test_hosts_and_workspaces_are_controlled(fleet: Client, scene: FleetScene) -> None:
    drained = fleet.post(f"/fleet/hosts/{HOST}/drain", {"note": "kernel"})
    assert (drained.status, drained.json["outcome"]) == (200, "done")
    assert fleet.get("/fleet/hosts").json["hosts"][0]["note"] == "kernel"
    assert fleet.post(f"/fleet/hosts/{HOST}/drain", {"undo": True}).status == 200
    paused = fleet.post("/fleet/workspaces/shop/pause", {"note": "release", "for_seconds": 60})
    assert paused.status == 200
    assert scene.fleet.list_workspaces()[1].paused
    assert fleet.post("/fleet/workspaces/shop/resume").status == 200
    for path in ("workspaces/nowhere/pause", "workspaces/nowhere/resume", "hosts/nowhere/drain"):
        unknown = fleet.post(f"/fleet/{path}")
        assert (unknown.status, unknown.code) == (404, "invalid_request")
    unusable = fleet.post("/fleet/workspaces/shop/pause", {"for_seconds": 1e300})
    assert (unusable.status, unusable.code) == (422, "invalid_request")
    assert len(fleet.get("/fleet/workspaces").json["workspaces"]) == 2


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (FleetUnreachable("away", suggested_action="wait"), 503),
        (FleetDenied("no", suggested_action="use another role"), 403),
    ],
    ids=["unreachable", "denied"],
)
def test_a_failure_has_its_status_and_code(
    fleet: Client, scene: FleetScene, error: MillracerError, status: int
) -> None:
    def raising(_name: str) -> None:
        raise error

    scene.fleet.before = raising
    for answered in (
        fleet.get("/fleet"),
        fleet.get("/fleet/items"),
        fleet.post("/fleet/workspaces/shop/pause"),
    ):
        assert (answered.status, answered.code) == (status, error.code)


def test_ops_requests_reach_the_fleet_of_the_server(fleet: Client, scene: FleetScene) -> None:
    request = asks("fleet_submit", workspace_ref={"workspace_id": "shop"}, input={"text": "Fix it"})
    answered = fleet.post("/ops", request)

    assert answered.json["status"] == "succeeded"
    item_id = answered.json["result"]["item"]["work_item_id"]
    assert scene.fleet.find_item(item_id) is not None


def test_a_read_only_server_changes_no_fleet(
    tools: PortFactory, workspace: Path, scene: FleetScene
) -> None:
    with serving(tools, workspace, read_only=True, fleet=scene.access) as reader:
        assert reader.get("/fleet").status == 200
        assert reader.post("/fleet/workspaces/shop/pause").code == "read_only"
        request = asks("fleet_pause", workspace_ref={"workspace_id": "shop"})
        assert reader.post("/ops", request).code == "read_only"
    assert not scene.fleet.list_workspaces()[1].paused
