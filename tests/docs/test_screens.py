"""The pictures are of this product, of no machine, and what their commands draw today."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tests.browser.screens import PICTURES as SERVER_PICTURES
from tests.docs import likeness
from tests.docs.scene import NODE
from tests.docs.screen import Screen, text_of
from tests.docs.screens import FOLDER, PICTURES, Picture, draw
from tests.docs.shown import pages

MOST_BYTES = 150 * 1024
_OF_A_MACHINE = re.compile(r"/(tmp|root|usr|opt|var|work)/|pytest|/home/(?!me/)")


def test_each_picture_is_there_and_shown_on_a_page() -> None:
    text = "".join(page.read_text(encoding="utf-8") for page in pages())
    names = {picture.name for picture in PICTURES}

    assert {path.stem for path in FOLDER.glob("*.svg")} == names
    assert {name for name in names if f"screens/{name}.svg)" not in text} == set()


def test_each_picture_of_the_server_is_there_small_and_shown_on_a_page() -> None:
    text = "".join(page.read_text(encoding="utf-8") for page in pages())
    files = set(FOLDER.iterdir()) - set(FOLDER.glob("*.svg"))

    assert {path.name for path in files} == {f"{name}.png" for name in SERVER_PICTURES}
    for path in files:
        assert f"screens/{path.name})" in text
        assert path.stat().st_size <= MOST_BYTES


@pytest.mark.parametrize("picture", PICTURES, ids=lambda each: each.name)
def test_a_picture_reveals_nothing_of_its_author_and_needs_nothing(picture: Picture) -> None:
    drawn = (FOLDER / f"{picture.name}.svg").read_text(encoding="utf-8")

    ET.fromstring(drawn)  # noqa: S314 - the project's own
    assert _OF_A_MACHINE.findall(drawn.replace(NODE, "")) == []
    assert set(re.findall(r'https?://[^"\s)]+', drawn)) <= {
        "http://www.w3.org/2000/svg",
        "https://www.textualize.io",
    }


@pytest.mark.slow
@pytest.mark.parametrize("picture", PICTURES, ids=lambda each: each.name)
def test_a_picture_is_what_its_command_draws(
    picture: Picture, tmp_path: Path, millrace_command: str, pi_command: str
) -> None:
    shown = text_of((FOLDER / f"{picture.name}.svg").read_text(encoding="utf-8"))

    drawn = text_of(draw(picture, tmp_path, millrace_command, pi_command))

    made, page = (_words(text, picture.columns) for text in (drawn, shown))
    assert likeness.is_like(made, [page]), drawn


def _words(text: str, columns: int) -> str:
    """Return the words in one line: where lines break depends on the length of real paths."""
    lines = text.split("\n")
    ends = ["" if len(line) == columns else "\n" for line in lines[:-1]]
    whole = "".join(line + end for line, end in zip(lines, [*ends, ""], strict=True))
    return " ".join(whole.split())


def test_a_picture_has_the_text_and_the_folder_that_is_shown() -> None:
    screen = Screen(30, 3, (("/a/long/folder/of/this/machine", "/home/me"),))

    screen.write("one  \x1b[31mred\x1b[0m\r\n/a/long/folder/of/this/machine/x <&>\r\n")

    assert screen.text() == "one  red\n/home/me/x <&>\n"
    assert text_of(screen.picture("title", "name")) == screen.text()
