"""Pictures of the page: `python -m tests.browser.screens [FOLDER]`, called by `make screens`.

Without a folder it draws the pictures of docs/serve.md into docs/screens/. With one it draws every
view there at 320, 1024 and 1600 pixels, light and dark.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.browser.conftest import Scheme
from tests.browser.stub import TOKEN, Stub, serving
from tests.browser.worlds import BILLING, BLOCKED, DOCS, DONE, IDEA, RUNNING, SEARCH, SHOP, busy
from tests.docs.shown import ROOT

_CHROMIUM = os.environ.get("MILLRACER_TEST_CHROMIUM", "/usr/bin/chromium")
_FOLDER = ROOT / "docs" / "screens"
_SIZES = ((320, 720), (1024, 800), (1600, 1000))


def _nothing(page: Page) -> None:
    del page


def _submit(page: Page) -> None:
    page.keyboard.press("n")
    task = page.get_by_role("textbox", name="Task")
    expect(task).to_be_focused()
    task.fill("Add gift cards to the checkout.\n\nA card covers the whole price or a part of it.")


def _cancel(page: Page) -> None:
    page.get_by_role("button", name="Cancel…").click()
    page.get_by_label("Reason").fill("the invoice decides, not the cart")


def _help(page: Page) -> None:
    page.keyboard.press("?")


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """One state of the page: its route, and what a person does there first."""

    route: str
    play: Callable[[Page], None] = _nothing
    has_token: bool = True


VIEWS = {
    "board": View(route="#/"),
    "workspace": View(route=f"#/w/{SHOP}"),
    "paused": View(route=f"#/w/{DOCS}"),
    "empty": View(route=f"#/w/{SEARCH}"),
    "running": View(route=f"#/w/{SHOP}/i/{RUNNING}"),
    "completed": View(route=f"#/w/{SHOP}/i/{DONE}"),
    "blocked": View(route=f"#/w/{BILLING}/i/{BLOCKED}"),
    "idea": View(route=f"#/w/{SEARCH}/i/{IDEA}"),
    "models": View(route=f"#/w/{SHOP}/models"),
    "doctor": View(route=f"#/w/{SHOP}/doctor"),
    "submit": View(route=f"#/w/{SHOP}", play=_submit),
    "cancel": View(route=f"#/w/{SHOP}/i/{RUNNING}", play=_cancel),
    "help": View(route="#/", play=_help),
    "no-token": View(route="#/", has_token=False),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """One picture: a view at a size in pixels, light or dark."""

    view: str
    width: int
    height: int
    scheme: Scheme = "light"


#: The pictures of docs/serve.md, by file name.
PICTURES = {
    "serve-board": Picture(view="board", width=1600, height=860),
    "serve-item": Picture(view="completed", width=1280, height=960),
    "serve-blocked": Picture(view="blocked", width=1024, height=760),
    "serve-submit": Picture(view="submit", width=1024, height=760, scheme="dark"),
}


def draw(browser: Browser, stub: Stub, picture: Picture) -> bytes:
    """Return a picture as PNG."""
    view = VIEWS[picture.view]
    context = browser.new_context(
        viewport={"width": picture.width, "height": picture.height},
        color_scheme=picture.scheme,
        reduced_motion="reduce",
        timezone_id="Europe/Berlin",
        locale="en-GB",
    )
    try:
        page = context.new_page()
        page.goto(f"{stub.origin}/" + (f"#token={TOKEN}" if view.has_token else ""))
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        page.evaluate("route => { location.hash = route }", view.route)
        expect(page.locator(".loading")).to_have_count(0)
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        view.play(page)
        page.mouse.move(0, 0)
        return page.screenshot()
    finally:
        context.close()


def main(folder: Path | None) -> None:
    """Draw the pictures of the pages, or all views into a folder."""
    pictures = PICTURES
    if folder is not None:
        pictures = {
            f"{name}-{width}-{scheme}": Picture(
                view=name, width=width, height=height, scheme=scheme
            )
            for name in VIEWS
            for width, height in _SIZES
            for scheme in ("light", "dark")
        }
    to = folder or _FOLDER
    to.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, "FONTCONFIG_FILE": str(Path(__file__).with_name("fonts.conf"))}
    with serving(busy()) as stub, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=_CHROMIUM, args=["--no-sandbox"], env=environment
        )
        for name, picture in pictures.items():
            (to / f"{name}.png").write_bytes(draw(browser, stub, picture))
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
