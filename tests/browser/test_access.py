"""The access token: from the link to the tab, and nowhere else."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.browser.conftest import OpenTab, Tab
from tests.browser.worlds import RUNNING, SHOP

_GATE = re.compile("Open the link")


def test_the_token_leaves_the_address_at_once_and_stays_in_the_tab(tab: Tab) -> None:
    page = tab.open()
    expect(page.get_by_role("heading", name="Workspaces")).to_be_visible()
    assert tab.world.token not in page.url
    assert tab.world.token not in page.evaluate("JSON.stringify(history.state)")
    page.reload()
    expect(page.get_by_role("heading", name="Workspaces")).to_be_visible()
    assert page.context.cookies() == []


def test_without_a_token_the_page_names_the_link_and_asks_for_nothing(tab: Tab) -> None:
    tab.page.goto(tab.stub.origin)
    expect(tab.page.get_by_role("heading", name=_GATE)).to_be_visible()
    expect(tab.page.get_by_text("millracer serve --link")).to_be_visible()
    assert tab.world.streams == []


def test_a_new_link_in_the_same_tab_returns_to_the_page_before(tab: Tab) -> None:
    tab.expects_failed_requests = True
    page = tab.open(f"#/w/{SHOP}/i/{RUNNING}")
    expect(page.get_by_test_id("connection")).to_have_text("Live")
    tab.stub.stop()
    tab.world.token = "another-token-of-the-tests"
    tab.stub.start()
    expect(page.get_by_role("heading", name=_GATE)).to_be_visible()
    page.evaluate("token => { location.hash = `token=${token}` }", tab.world.token)
    expect(page.get_by_role("heading", name="Round discounts half up")).to_be_visible()
    expect(page.get_by_test_id("connection")).to_have_text("Live")
    assert page.url.endswith(f"#/w/{SHOP}/i/{RUNNING}")


def test_a_late_answer_to_the_old_token_does_not_refuse_the_new_one(tab: Tab) -> None:
    tab.expects_failed_requests = True
    page = tab.open(f"#/w/{SHOP}")
    expect(page.get_by_test_id("connection")).to_have_text("Live")
    tab.world.delays["/board"] = 2.0
    tab.world.change(SHOP)
    page.wait_for_timeout(500)  # the board is requested, and not answered
    tab.world.token = "another-token-of-the-tests"
    page.get_by_role("button", name="Blocked", exact=True).click()
    expect(page.get_by_role("heading", name=_GATE)).to_be_visible()
    tab.world.delays.clear()
    page.evaluate("token => { location.hash = `token=${token}` }", tab.world.token)
    expect(page.get_by_role("heading", name="shop", level=1)).to_be_visible()
    while "/api/v1/board" not in tab.world.refused:
        page.wait_for_timeout(20)
    page.wait_for_timeout(100)
    expect(page.get_by_role("heading", name="shop", level=1)).to_be_visible()


def test_two_tabs_have_a_token_each(open_tab: OpenTab) -> None:
    first, second = open_tab(), open_tab()
    first.open()
    second.page.goto(second.stub.origin)
    expect(second.page.get_by_role("heading", name=_GATE)).to_be_visible()
    expect(first.page.get_by_role("heading", name="Workspaces")).to_be_visible()
