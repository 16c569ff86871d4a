"""The page is readable: axe has no findings, and nothing scrolls sideways."""

from __future__ import annotations

import os
from itertools import pairwise
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser import fleets
from tests.browser.conftest import OpenTab, Scheme, Tab
from tests.browser.stub import World
from tests.browser.worlds import BILLING, BLOCKED, DOCS, DONE, IDEA, RUNNING, SEARCH, SHOP, busy
from tests.docs.shown import ROOT

_AXE = Path(os.environ.get("MILLRACER_TEST_AXE", ROOT / ".tools" / "browser" / "axe.min.js"))
_VIEWS = {
    "board": "#/",
    "workspace": f"#/w/{SHOP}",
    "paused": f"#/w/{DOCS}",
    "empty": f"#/w/{SEARCH}",
    "running": f"#/w/{SHOP}/i/{RUNNING}",
    "completed": f"#/w/{SHOP}/i/{DONE}",
    "blocked": f"#/w/{BILLING}/i/{BLOCKED}",
    "idea": f"#/w/{SEARCH}/i/{IDEA}",
    "models": f"#/w/{SHOP}/models",
    "doctor": f"#/w/{SHOP}/doctor",
    "fleet": "#/fleet",
    "fleet item": f"#/fleet/i/{fleets.ASIDE}",
}


@pytest.fixture
def world() -> World:
    made = busy()
    fleets.add_fleet(made)
    return made


def _settle(page: Page) -> None:
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    expect(page.locator(".loading")).to_have_count(0)


def _findings(page: Page, *rules: str) -> list[str]:
    """Return what axe finds, by all its rules unless some are given."""
    if not page.evaluate("'axe' in window"):
        page.add_script_tag(path=str(_AXE))
    options = {"resultTypes": ["violations"], **({"runOnly": [*rules]} if rules else {})}
    found = page.evaluate("options => axe.run(document, options)", options)
    return [
        f"{each['id']}: {node['html'][:160]} {node['failureSummary'][:300]}"
        for each in found["violations"]
        for node in each["nodes"]
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_in_any_view(open_tab: OpenTab, scheme: Scheme) -> None:
    # Only so can axe be added: the page's own policy forbids it.
    tab = open_tab(bypass_csp=True, color_scheme=scheme, reduced_motion="reduce")
    page = tab.open()
    # Only colours differ in the dark.
    rules = ("color-contrast",) if scheme == "dark" else ()
    found: dict[str, list[str]] = {}
    for name, route in _VIEWS.items():
        tab.go(route)
        _settle(page)
        found[name] = _findings(page, *rules)
    page.keyboard.press("?")
    found["help"] = _findings(page, *rules)
    page.keyboard.press("Escape")
    page.keyboard.press("n")
    page.get_by_text("Options", exact=True).click()
    found["submit"] = _findings(page, *rules)
    assert not {name: each for name, each in found.items() if each}


def test_axe_finds_nothing_without_a_token_or_a_server(open_tab: OpenTab) -> None:
    tab = open_tab(bypass_csp=True)
    tab.expects_failed_requests = True
    tab.page.goto(tab.stub.origin)
    expect(tab.page.get_by_role("heading", level=1)).to_be_visible()
    assert _findings(tab.page) == []
    page = tab.open()
    expect(page.get_by_test_id("connection")).to_have_text("Live")
    tab.stub.stop()
    expect(page.get_by_role("alert")).to_be_visible()
    found = [each for each in _findings(page) if not each.startswith("color-contrast")]
    assert found == []  # what is out of date is dimmed on purpose


@pytest.mark.parametrize("width", [320, 768, 1024, 1600])
def test_no_view_scrolls_sideways(open_tab: OpenTab, width: int) -> None:
    tab = open_tab(viewport={"width": width, "height": 800})
    page = tab.open()
    for name, route in _VIEWS.items():
        tab.go(route)
        _settle(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, name
    page.get_by_role("button", name="New item").first.click()
    dialog = page.get_by_role("dialog")
    assert dialog.evaluate("dialog => dialog.scrollWidth <= dialog.clientWidth")


@pytest.mark.parametrize("width", [320, 1024, 1600])
def test_times_above_the_stages_do_not_overlap(open_tab: OpenTab, width: int) -> None:
    tab = open_tab(viewport={"width": width, "height": 800})
    item = tab.world.documents[f"/workspaces/{SHOP}/items/{DONE}"]
    spans = ((0, 13.2), (13.2, 5.1), (18.4, 8.0))
    stages = [
        {**stage, "started_at": f"2026-12-01T03:59:{start:09.6f}Z", "seconds": seconds}
        for stage, (start, seconds) in zip(item["item"]["stages"], spans, strict=False)
    ]
    tab.world.documents[f"/workspaces/{SHOP}/items/{DONE}"] = {
        **item,
        "item": {**item["item"], "stages": stages},
    }
    page = tab.open(f"#/w/{SHOP}/i/{DONE}")
    _settle(page)
    boxes = [
        box
        for text in page.locator(".bars-axis text").all()
        if text.text_content() and (box := text.bounding_box()) is not None
    ]

    assert len(boxes) >= 2
    assert all(one["x"] + one["width"] <= next_["x"] for one, next_ in pairwise(boxes))


def test_nothing_moves_for_those_who_want_it_so(open_tab: OpenTab) -> None:
    tab = open_tab(reduced_motion="reduce")
    page = tab.open(f"#/w/{SHOP}/i/{RUNNING}")
    _settle(page)
    assert page.evaluate("document.getAnimations().length") == 0


def test_the_focus_is_visible(tab: Tab) -> None:
    page = tab.open(f"#/w/{SHOP}")
    _settle(page)
    for _ in range(8):
        page.keyboard.press("Tab")
        width = page.evaluate("getComputedStyle(document.activeElement).outlineWidth")
        assert width == "2px", page.evaluate("document.activeElement.outerHTML.slice(0, 80)")
