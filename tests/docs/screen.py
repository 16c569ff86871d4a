"""A terminal's screen, read back: what a person sees of a program, with its history."""

from __future__ import annotations

import pyte
from pyte.screens import Char

_HISTORY_LINES = 10_000


class Screen:
    """Shows what is written to it as a terminal would; `pexpect` takes it for a log file."""

    def __init__(self, columns: int, rows: int) -> None:
        self.columns = columns
        self._screen = pyte.HistoryScreen(columns, rows, history=_HISTORY_LINES, ratio=1)
        self._stream = pyte.Stream(self._screen)

    def write(self, text: str) -> None:
        """Take what the program printed."""
        self._stream.feed(text)

    def flush(self) -> None:
        """Do nothing: each text is shown when it comes."""

    def cells(self) -> list[list[Char]]:
        """Return every line that was shown, oldest first, without the empty ones at the end."""
        screen = self._screen
        rows = [*screen.history.top, *(screen.buffer[row] for row in range(screen.lines))]
        lines = [[row[column] for column in range(self.columns)] for row in rows]
        while lines and not _text(lines[-1]):
            lines.pop()
        return lines

    def text(self) -> str:
        """Return the same as plain text."""
        return "".join(f"{_text(line)}\n" for line in self.cells())


def _text(line: list[Char]) -> str:
    return "".join(cell.data for cell in line).rstrip()
