"""The tools on a fleet over the SDK's client."""

from __future__ import annotations

import asyncio
import threading
from typing import Any, cast

import pytest
from mcp import Client
from mcp.server.lowlevel.server import Server

from millracer.cancellation import Cancellation
from millracer.domain.fleet.waiting import DispatchStatus
from millracer.errors import FleetUnreachable
from millracer.mcp.fleet.actions import FleetActions
from millracer.mcp.fleet.report import MOST_LINES
from millracer.mcp.fleet.tools import FLEET_INSTRUCTIONS, FLEET_TOOLS, offered_on_fleet
from millracer.mcp.server import ToolServer, make_server
from millracer.operations.fleet_access import FleetAccess
from millracer.operations.options import OptionLayers
from tests.integration.mcp.conftest import unexpected
from tests.integration.mcp.test_tools import report_of, using
from tests.support.fleet_scene import FleetScene
from tests.support.mcp_servers import call

TASK = {"task": "Fix the header", "request_id": "ticket-1"}


@pytest.fixture
def scene() -> FleetScene:
    return FleetScene()


def server(
    scene: FleetScene, *, workspace: str | None = "shop", allow_control: bool = False
) -> Server[Any]:
    """Return a new server, as a host starts one."""
    actions = FleetActions(
        tools=cast("Any", None),
        options=OptionLayers(given={"finalizer": "summary"}),
        fleet=FleetAccess(open=scene.access.open),
        workspace_id=workspace,
        cancellation=Cancellation(),
    )
    tools = ToolServer(actions, offered_on_fleet(allow_control=allow_control), unexpected)
    return make_server(tools, FLEET_INSTRUCTIONS)


def test_the_tools_are_listed_with_their_hints(scene: FleetScene) -> None:
    listed = using(server(scene, allow_control=True), lambda client: client.list_tools()).tools

    assert [tool.name for tool in listed] == [row.name for row in FLEET_TOOLS]
    hints = {tool.name: tool.annotations for tool in listed}
    assert all(hints[name].read_only_hint for name in ("wait", "result", "status", "list_items"))
    assert hints["cancel"].destructive_hint
    few = using(server(scene), lambda client: client.list_tools()).tools
    assert {"pause", "resume", "retry"}.isdisjoint(tool.name for tool in few)


def test_a_task_is_delegated_once_and_says_why_it_waits(scene: FleetScene) -> None:
    scene.add("other", request_id="other")
    scene.begin()
    first = report_of(server(scene), "delegate", **TASK)
    second = report_of(server(scene), "delegate", **TASK)

    assert (first["status"], first["scoped_completion"]) == ("working", False)
    assert "workspace busy: other-" in first["message"]
    assert second["work_item_id"] == first["work_item_id"]
    detail = scene.fleet.find_item(first["work_item_id"])
    assert detail is not None
    assert detail.request["options"] == {"finalizer": "summary"}


def test_a_wait_reports_progress_and_the_proven_end(scene: FleetScene) -> None:
    item_id = report_of(server(scene), "delegate", **TASK)["work_item_id"]
    messages: list[str | None] = []
    reported = threading.Event()

    def host() -> None:
        lease = scene.begin()
        assert reported.wait(30)
        scene.end(lease)

    async def wait(client: Client) -> dict[str, Any]:
        async def progress(_done: float, _total: float | None, message: str | None) -> None:
            messages.append(message)
            reported.set()
            await asyncio.sleep(0)

        answered = await client.call_tool(
            "wait", {"work_item_id": item_id}, progress_callback=progress
        )
        assert answered.structured_content is not None
        return dict(answered.structured_content)

    thread = threading.Thread(target=host)
    thread.start()
    report = using(server(scene), wait)
    thread.join()

    assert (report["status"], report["scoped_completion"]) == ("completed", True)
    assert any("running" in (each or "") for each in messages)


@pytest.mark.parametrize(
    ("outcome", "status"), [("blocked", "not_completed"), ("cancelled", "cancelled")]
)
def test_an_end_without_proof_is_not_completed(
    scene: FleetScene, outcome: str, status: str
) -> None:
    item_id = report_of(server(scene), "delegate", **TASK)["work_item_id"]
    scene.end(scene.begin(), outcome, result={"output": "I did it all."})
    report = report_of(server(scene), "result", work_item_id=item_id)

    assert (report["status"], report["outcome"]) == (status, outcome)
    assert (report["scoped_completion"], report["missing"]) == (False, ["a passed check"])
    assert report["output"] == "I did it all."


def test_an_item_that_is_set_aside_is_not_completed_until_its_retry(scene: FleetScene) -> None:
    item_id = report_of(server(scene), "delegate", **TASK)["work_item_id"]
    scene.fleet.end_dispatch(scene.begin().item_id, DispatchStatus.SET_ASIDE)
    report = report_of(server(scene), "result", work_item_id=item_id)

    assert (report["status"], report["scoped_completion"]) == ("not_completed", False)
    assert f"millracer fleet retry {item_id}" in report["next"]
    scene.fleet.retry(item_id)
    again = report_of(server(scene), "result", work_item_id=item_id)
    assert again["status"] == "working"


def test_the_fleet_and_its_items_are_listed(scene: FleetScene) -> None:
    item_id = scene.add()
    scene.begin()
    status = report_of(server(scene), "status")
    assert "1 items run, 0 wait" in status["message"]
    assert "host ci-1: here" in status["output"]
    assert f"workspace shop on ci-1: {item_id}" in status["output"]
    one = report_of(server(scene), "status", work_item_id=item_id)
    assert (one["status"], one["work_item_id"]) == ("working", item_id)
    assert item_id in report_of(server(scene), "list_items")["output"]


def test_a_tool_takes_only_arguments_that_have_an_effect(scene: FleetScene) -> None:
    listed = using(server(scene, allow_control=True), lambda client: client.list_tools()).tools

    assert {tool.name: set(tool.input_schema["properties"]) for tool in listed} == {
        "delegate": {"workspace", "task", "request_id", "intake", "wait_seconds"},
        "wait": {"work_item_id", "seconds"},
        "result": {"work_item_id"},
        "status": {"workspace", "work_item_id"},
        "list_items": {"workspace"},
        "cancel": {"work_item_id", "reason"},
        "pause": {"workspace"},
        "resume": {"workspace"},
        "retry": {"work_item_id"},
    }


def test_lists_have_the_items_of_the_servers_workspace(scene: FleetScene) -> None:
    shop = scene.add("one", request_id="1")
    api = scene.add("two", request_id="2", workspace_id="api")

    def listed(tool: str, **arguments: str) -> set[str]:
        named = arguments.pop("default", None)
        output = report_of(server(scene, workspace=named), tool, **arguments)["output"]
        return {each for each in (shop, api) if f"{each} in" in output}

    for tool in ("status", "list_items"):
        assert listed(tool) == {shop, api}
        assert listed(tool, default="api") == {api}
        assert listed(tool, default="api", workspace="shop") == {shop}


def test_a_long_list_begins_with_the_newest_and_counts_all(scene: FleetScene) -> None:
    ids = []
    for number in range(MOST_LINES + 2):
        scene.clock.pass_time(seconds=1)
        ids.append(scene.add(request_id=f"k{number}"))
    scene.end(scene.begin())
    scene.begin()
    listed = report_of(server(scene), "list_items")
    status = report_of(server(scene), "status")

    assert listed["message"] == f"{MOST_LINES + 2} items"
    assert listed["output"].startswith(f"{ids[-1]} in shop")
    assert listed["output"].endswith("… and 2 more")
    assert f"1 items run, {MOST_LINES} wait" in status["message"]
    assert f"{ids[1]} in shop: running" in status["output"]
    assert status["output"].endswith("… and 1 more")


def test_items_and_workspaces_are_controlled(scene: FleetScene) -> None:
    item_id = scene.add()
    controlling = server(scene, allow_control=True)
    assert report_of(controlling, "pause")["status"] == "answered"
    assert "workspace paused" in report_of(controlling, "result", work_item_id=item_id)["message"]
    assert report_of(controlling, "resume")["status"] == "answered"
    scene.fleet.end_dispatch(scene.begin().item_id, DispatchStatus.SET_ASIDE)
    assert report_of(controlling, "retry", work_item_id=item_id)["status"] == "answered"
    other = scene.add("other", request_id="2")
    assert report_of(controlling, "cancel", work_item_id=other)["status"] == "answered"


def test_failures_are_reports_that_a_model_can_act_on(scene: FleetScene) -> None:
    unnamed = report_of(server(scene, workspace=None), "delegate", **TASK)
    assert (unnamed["status"], unnamed["code"]) == ("failed", "invalid_request")
    assert "api, shop" in unnamed["next"]
    unknown = report_of(server(scene), "delegate", **TASK, workspace="nowhere")
    assert unknown["code"] == "invalid_request"
    missing = report_of(server(scene), "result", work_item_id="nothing")
    assert missing["code"] == "invalid_request"

    def away(_name: str) -> None:
        raise FleetUnreachable("the database does not answer", suggested_action="wait")

    scene.fleet.before = away
    for name, arguments in (("delegate", TASK), ("status", {}), ("list_items", {})):
        report = report_of(server(scene), name, **arguments)
        assert (report["status"], report["code"]) == ("failed", "fleet_unreachable")


def test_one_workspace_needs_no_name(scene: FleetScene) -> None:
    scene.fleet.forget_workspace("api")
    report = using(server(scene, workspace=None), lambda client: call(client, "delegate", **TASK))
    assert report["status"] == "working"
