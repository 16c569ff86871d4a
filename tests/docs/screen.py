"""A terminal's screen, read back: what a person sees of a program, as text and as a picture."""

from __future__ import annotations

import io
import re
from itertools import groupby
from xml.etree import ElementTree as ET

import pyte
from pyte.screens import Char
from rich.color import Color, ColorParseError
from rich.console import Console
from rich.style import Style
from rich.text import Text

_HISTORY_LINES = 10_000
_FONT = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)
_SVG = "{http://www.w3.org/2000/svg}"
#: Of the pictures that rich draws.
_CELL_WIDTH = 12.2
#: Colours that pyte and rich name differently.
_COLOURS = {"brown": "yellow", "brightbrown": "bright_yellow"}


class Screen:
    """Keeps what is written to it, to show it as a terminal would; a log file for `pexpect`.

    Attributes:
        instead: text shown differently than it was written, such as a folder of this machine.
    """

    def __init__(self, columns: int, rows: int, instead: tuple[tuple[str, str], ...] = ()) -> None:
        self.columns = columns
        self.rows = rows
        self.instead = instead
        self._written: list[str] = []

    def write(self, text: str) -> None:
        """Take what the program printed."""
        self._written.append(text)

    def flush(self) -> None:
        """Do nothing: each text is kept when it comes."""

    def text(self) -> str:
        """Return every line that was shown, oldest first, as plain text."""
        return "".join(f"{_text(line)}\n" for line in self._lines())

    def picture(self, title: str, name: str) -> str:
        """Return the same as an SVG that names nothing outside of itself."""
        console = Console(
            record=True,
            width=self.columns,
            file=io.StringIO(),
            force_terminal=True,
            legacy_windows=False,
        )
        for line in self._lines():
            console.print(_styled(line), soft_wrap=True)
        return _FONT.sub("", console.export_svg(title=title, unique_id=name))

    def _lines(self) -> list[list[Char]]:
        screen = pyte.HistoryScreen(self.columns, self.rows, history=_HISTORY_LINES, ratio=1)
        text = "".join(self._written)
        for written, shown in self.instead:
            text = text.replace(written, shown)
        pyte.Stream(screen).feed(text)
        rows = [*screen.history.top, *(screen.buffer[row] for row in range(screen.lines))]
        lines = [[row[column] for column in range(self.columns)] for row in rows]
        while lines and not _text(lines[-1]):
            lines.pop()
        return lines


def text_of(picture: str) -> str:
    """Return the text of a picture made here, line by line, without its title."""
    lines: dict[float, str] = {}
    for group in ET.fromstring(picture).iter(f"{_SVG}g"):  # noqa: S314 - the project's own
        if not group.get("class", "").endswith("-matrix"):
            continue
        for part in group.iter(f"{_SVG}text"):
            row = float(part.get("y", "0"))
            column = round(float(part.get("x", "0")) / _CELL_WIDTH)
            lines[row] = lines.get(row, "").ljust(column) + (part.text or "").replace("\xa0", " ")
    return "".join(f"{line.rstrip()}\n" for _, line in sorted(lines.items()))


def _text(line: list[Char]) -> str:
    return "".join(cell.data for cell in line).rstrip()


def _styled(line: list[Char]) -> Text:
    text = Text()
    for style, cells in groupby(line[: len(_text(line))], _style):
        text.append("".join(cell.data for cell in cells), style)
    return text


def _style(cell: Char) -> Style:
    return Style(
        color=_colour(cell.fg),
        bgcolor=_colour(cell.bg),
        bold=cell.bold,
        italic=cell.italics,
        underline=cell.underscore,
        reverse=cell.reverse,
    )


def _colour(name: str) -> Color | None:
    if name == "default":
        return None
    try:
        return Color.parse(_COLOURS.get(name, name))
    except ColorParseError:
        return Color.parse(f"#{name}")
