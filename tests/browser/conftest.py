"""A browser with the page open on a scripted server. Any message on its console fails the test."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any, Literal

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

from tests.browser.stub import TOKEN, Stub, World, serving
from tests.browser.worlds import busy

_CHROMIUM = os.environ.get("MILLRACER_TEST_CHROMIUM", "/usr/bin/chromium")
_LIMIT_MILLISECONDS = 15_000
#: What Chromium itself writes to the console for a refused or broken request.
_NETWORK = "Failed to load resource"

expect.set_options(timeout=_LIMIT_MILLISECONDS)


@dataclass
class Tab:
    """One tab on a server; `open` goes to a route of the page."""

    page: Page
    stub: Stub
    messages: list[str] = field(default_factory=list)
    expects_failed_requests: bool = False

    @property
    def world(self) -> World:
        return self.stub.world

    def open(self, route: str = "#/", token: str = TOKEN) -> Page:
        """Open the page by its link, and go to a route of it."""
        self.page.goto(f"{self.stub.origin}/#token={token}")
        expect(self.page).to_have_url(f"{self.stub.origin}/#/")
        if route != "#/":
            self.go(route)
        return self.page

    def go(self, route: str) -> None:
        self.page.evaluate("route => { location.hash = route }", route)

    def check(self) -> None:
        allowed = _NETWORK if self.expects_failed_requests else None
        unexpected = [each for each in self.messages if allowed is None or allowed not in each]
        assert not unexpected, unexpected


OpenTab = Callable[..., Tab]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if not os.access(_CHROMIUM, os.X_OK):
        pytest.fail(f"{_CHROMIUM} is not a browser; `make browser` installs one")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=_CHROMIUM, args=["--no-sandbox"], timeout=60_000
        )
        yield started
        started.close()


@pytest.fixture
def world() -> World:
    return busy()


@pytest.fixture
def stub(world: World) -> Iterator[Stub]:
    with serving(world) as started:
        yield started


@pytest.fixture
def open_tab(browser: Browser, stub: Stub) -> Iterator[OpenTab]:
    """Open tabs with the given settings of a browser context."""
    with ExitStack() as held:

        def make(**settings: Any) -> Tab:
            context = browser.new_context(
                **{"viewport": {"width": 1280, "height": 900}, "locale": "en-GB", **settings}
            )
            held.callback(context.close)
            context.set_default_timeout(_LIMIT_MILLISECONDS)
            tab = Tab(context.new_page(), stub)
            _listen(tab)
            held.callback(tab.check)
            return tab

        yield make


def _listen(tab: Tab) -> None:
    def heard(message: ConsoleMessage) -> None:
        tab.messages.append(f"{message.type}: {message.text}")

    tab.page.on("console", heard)
    tab.page.on("pageerror", lambda error: tab.messages.append(f"error: {error}"))


@pytest.fixture
def tab(open_tab: OpenTab) -> Tab:
    return open_tab()


Scheme = Literal["light", "dark"]
