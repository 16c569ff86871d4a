"""Colours, symbols and widths of text on a terminal.

Text is painted with marks, which survive redaction and the removal of control characters; `resolve`
replaces them with the terminal's codes last. A stream without colours gets no marks. Meaning is
never shown by colour alone: each symbol and each colour is next to a word.

Only the sixteen colours of the terminal's own theme are used, so that light and dark themes work.
"""

from __future__ import annotations

import os
import shutil
import sys
from enum import Enum
from typing import TextIO


class Stream(Enum):
    """A standard stream with text for a person."""

    OUT = "stdout"
    ERR = "stderr"

    @property
    def file(self) -> TextIO:
        """The current stream."""
        file: TextIO = getattr(sys, self.value)
        return file


class Role(Enum):
    """The meaning of a text; its value is the parameter of the terminal's code."""

    GOOD = "32"
    WARNING = "33"
    BAD = "1;31"
    STRONG = "1"
    COMMAND = "36"
    DIM = "2"


class Symbol(Enum):
    """A symbol before a word."""

    DONE = "✓"
    FAILED = "✗"
    ATTENTION = "!"
    NOTHING = "-"


#: Unicode's noncharacters for internal use: the first ends a role, the others begin one.
_END = "\ufdd0"
_BEGINNINGS = {role: chr(ord(_END) + at) for at, role in enumerate(Role, 1)}
_CODES = str.maketrans(
    {_END: "\x1b[0m"} | {mark: f"\x1b[{role.value}m" for role, mark in _BEGINNINGS.items()}
)
_NO_CODES = str.maketrans(dict.fromkeys((_END, *_BEGINNINGS.values()), ""))
_PLAIN_SYMBOLS = {Symbol.DONE: "+", Symbol.FAILED: "x"}


def is_terminal(stream: Stream) -> bool:
    """Whether a stream is a terminal that is laid out for a person; not with `TERM=dumb`."""
    return stream.file.isatty() and os.environ.get("TERM", "dumb") != "dumb"


def has_colour(stream: Stream) -> bool:
    """Whether text on a stream is coloured: `NO_COLOR`, then `FORCE_COLOR`, then the terminal."""
    if os.environ.get("NO_COLOR"):
        return False
    forced = os.environ.get("FORCE_COLOR", "")
    return forced not in {"", "0"} or (forced != "0" and is_terminal(stream))


def columns(stream: Stream) -> int | None:
    """Return the width of the terminal, None for a pipe or a dumb terminal: do not wrap."""
    return shutil.get_terminal_size().columns if is_terminal(stream) else None


def paint(text: str, role: Role, stream: Stream = Stream.OUT) -> str:
    """Return the text with marks; unchanged where the stream has no colours."""
    if not text or not has_colour(stream):
        return text
    return f"{_BEGINNINGS[role]}{text}{_END}"


def symbol(which: Symbol, stream: Stream = Stream.OUT) -> str:
    """Return a symbol that the stream's encoding has."""
    try:
        which.value.encode(stream.file.encoding or "ascii")
    except (LookupError, UnicodeEncodeError):
        return _PLAIN_SYMBOLS[which]
    return which.value


def resolve(text: str, stream: Stream = Stream.OUT) -> str:
    """Replace the marks with the terminal's codes, or remove them."""
    return text.translate(_CODES if has_colour(stream) else _NO_CODES)


def without_marks(text: str) -> str:
    """Return the text without marks, to measure it."""
    return text.translate(_NO_CODES)
