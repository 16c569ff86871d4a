"""The page of the fleet: hosts, workspaces, the queue with its reasons, attempts, refusals."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import expect

from millracer.schemas.names import SchemaName
from millracer.schemas.serve.fleet import FleetOverview
from tests.browser import fleets
from tests.browser.conftest import Tab
from tests.browser.documents import ago, error
from tests.browser.fleets import ASIDE, AWAY, ENDED, RUNNING, WAITING
from tests.support.ops_world import assert_published


@pytest.fixture
def fleet(tab: Tab) -> Tab:
    fleets.add_fleet(tab.world)
    return tab


def test_documents_are_as_published() -> None:
    document = fleets.overview()
    read = FleetOverview.model_validate_json(json.dumps(document))
    assert json.loads(read.model_dump_json()).keys() == document.keys()
    refused = {"at": ago(5), "epoch": 1, "session": "s", "why": "w", "result": {}}
    assert_published(
        SchemaName.FLEET_ITEM_RESULT, fleets.shown(fleets.running(), refused=[refused])
    )
    assert_published(SchemaName.FLEET_CONTROL_RESULT, fleets.control("done", "done"))


def test_a_server_without_a_fleet_does_not_show_one(tab: Tab) -> None:
    page = tab.open()
    expect(page.get_by_role("heading", name="Workspaces")).to_be_visible()
    expect(page.get_by_role("link", name="Fleet")).to_have_count(0)
    tab.go("#/fleet")
    expect(page.get_by_text("No fleet is configured here")).to_be_visible()


def test_the_queue_says_why_each_item_waits(fleet: Tab) -> None:
    page = fleet.open()
    page.get_by_role("link", name="Fleet", exact=True).click()
    rows = page.get_by_role("region", name="Items that have not ended").get_by_role("row")
    expect(rows.filter(has_text=WAITING)).to_contain_text(f"workspace busy: {RUNNING}")
    expect(rows.filter(has_text=AWAY)).to_contain_text("host away since 2026-11-30 09:14Z")
    expect(rows.filter(has_text=ASIDE)).to_contain_text("11 times")
    expect(rows.nth(1)).to_contain_text("Running: checker")
    hosts = page.get_by_role("region", name="All hosts").get_by_role("row")
    expect(hosts.filter(has_text="ci-2")).to_contain_text("Away")
    ended = page.get_by_role("region", name="Items that ended last")
    expect(ended.get_by_role("row").filter(has_text=ENDED)).to_contain_text("Completed")


def test_a_queue_that_is_cut_says_so(fleet: Tab) -> None:
    fleet.world.documents["/fleet"] = fleets.overview(total=1200)
    page = fleet.open("#/fleet")
    expect(page.get_by_text("the first 4 of 1200")).to_be_visible()
    expect(page.get_by_label("The whole fleet")).to_contain_text("1199 waiting")


def test_the_page_follows_the_fleet(fleet: Tab) -> None:
    page = fleet.open("#/fleet")
    expect(page.get_by_text("Running: checker")).to_be_visible()
    fleet.world.documents["/fleet"] = fleets.overview(items=[])
    expect(page.get_by_text("Nothing runs, nothing waits.")).to_be_visible()


def test_an_item_shows_attempts_and_refused_results(fleet: Tab) -> None:
    refused = {
        "at": ago(30),
        "epoch": 1,
        "session": "0f",
        "why": "another lease is in force",
        "result": {"completion": {"outcome": "completed"}},
    }
    item = fleets.ended(outcome="blocked", completed=False)
    result = {
        "completion": {"missing_evidence": ["a passed check"], "evidence_summary": []},
        "errors": [{"message": "no `millrace` there", "suggested_action": "run the setup"}],
    }
    fleet.world.documents[f"/fleet/items/{ENDED}"] = fleets.shown(
        item, refused=[refused], result=result
    )
    page = fleet.open("#/fleet")
    page.get_by_role("link", name=ENDED).click()
    expect(page.get_by_text("2, dispatch 1, epoch 2")).to_be_visible()
    expect(page.get_by_text("Ended as blocked; nothing proves it done")).to_be_visible()
    expect(page.get_by_text("a passed check")).to_be_visible()
    expect(page.get_by_text("no `millrace` there. On its host: run the setup")).to_be_visible()
    expect(page.get_by_role("region", name="All refused results")).to_contain_text(
        "another lease is in force"
    )
    expect(page.get_by_role("button", name="Cancel")).to_have_count(0)


def test_an_item_is_cancelled_after_a_confirmation(fleet: Tab) -> None:
    path = f"/fleet/items/{WAITING}/cancel"
    fleet.world.answers[path] = (200, fleets.control("done", f"{WAITING} is cancelled"))
    page = fleet.open(f"#/fleet/i/{WAITING}")
    page.get_by_role("button", name="Cancel").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Reason").fill("not needed")
    dialog.get_by_role("button", name="Cancel the item").click()
    expect(dialog).to_contain_text("is cancelled")
    assert fleet.world.requests[-1][:2] == (path, {"reason": "not needed"})


def test_a_workspace_is_paused_with_a_note(fleet: Tab) -> None:
    path = "/fleet/workspaces/shop/pause"
    fleet.world.answers[path] = (200, fleets.control("done", "shop is paused"))
    page = fleet.open("#/fleet")
    page.get_by_role("button", name="Pause shop").click()
    page.get_by_role("dialog").get_by_label("Reason").fill("release")
    page.get_by_role("dialog").get_by_role("button", name="Pause").click()
    expect(page.get_by_role("dialog")).to_contain_text("shop is paused", ignore_case=True)
    assert fleet.world.requests[-1][:2] == (path, {"note": "release"})


def test_an_unreachable_database_is_shown(fleet: Tab) -> None:
    fleet.expects_failed_requests = True
    why = error("fleet_unreachable", "the fleet's database cannot be reached", "start it")
    fleet.world.documents["/fleet"] = (503, {"error": why})
    page = fleet.open("#/fleet")
    expect(page.get_by_text("the fleet's database cannot be reached")).to_be_visible()
    expect(page.get_by_text("fleet_unreachable")).to_be_visible()


def test_a_read_only_server_offers_no_change(fleet: Tab) -> None:
    fleet.world.documents["/board"]["read_only"] = True
    page = fleet.open(f"#/fleet/i/{WAITING}")
    expect(page.get_by_text(f"workspace busy: {RUNNING}")).to_be_visible()
    expect(page.get_by_role("button", name="Cancel")).to_have_count(0)
