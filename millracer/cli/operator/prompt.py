"""Line sources of the operator without line editing: a pipe or a dumb terminal."""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import Protocol

from millracer.cli.terminal.stdin import unreadable

PROMPT = "millracer> "


class Lines(Protocol):
    """A source of lines."""

    @property
    def interactive(self) -> bool:
        """Whether a person sees a prompt."""
        ...

    @property
    def echoed(self) -> bool:
        """Whether the terminal, not this source, shows the typed text."""
        ...

    def next(self) -> str | None:
        """Return the next line or pasted block, None at the end.

        Raises:
            KeyboardInterrupt: the person cleared the line.
            Cancelled: a signal requested the end.
            UsageError: standard input cannot be read.
        """
        ...


class PipedLines(Lines):
    """Lines from standard input, one task each; invalid UTF-8 is replaced."""

    interactive = False
    echoed = True

    def next(self) -> str | None:
        """Return the next line without its line end."""
        try:
            line = sys.stdin.buffer.readline()
        except OSError as error:
            raise unreadable(error) from error
        if not line:
            return None
        text = line.decode("utf-8", "replace").removeprefix("\ufeff")
        return text.removesuffix("\n").removesuffix("\r")


class PlainLines(PipedLines):
    """A terminal without line editing."""

    interactive = True

    def next(self) -> str | None:
        """Ask for the next line."""
        _write(PROMPT)
        line = super().next()
        if line is None:
            _write("\n")
        return line


def _write(text: str) -> None:
    with suppress(OSError):
        sys.stderr.write(text)
        sys.stderr.flush()
