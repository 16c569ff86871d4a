"""One line on standard error that says what runs, and is removed again; on a terminal only."""

from __future__ import annotations

import shutil
import sys
from contextlib import suppress

from millracer.cli.terminal.stderr import can_redraw, printable

_CLEAR = "\r\x1b[K"


class RunningLine:
    """Shows what runs until `clear`; does nothing where the terminal cannot redraw a line."""

    def __init__(self) -> None:
        self._can_redraw = can_redraw()
        self._is_shown = False

    def show(self, text: str) -> None:
        """Replace the line, cut to the terminal's width."""
        if self._can_redraw:
            width = shutil.get_terminal_size().columns - 1
            self._write(f"{_CLEAR}{printable(text)[:width]}")
            self._is_shown = True

    def clear(self) -> None:
        """Remove the line."""
        if self._is_shown:
            self._write(_CLEAR)
            self._is_shown = False

    def _write(self, text: str) -> None:
        with suppress(OSError, ValueError):
            sys.stderr.write(text)
            sys.stderr.flush()
