"""Standard error: messages, errors and warnings, redacted and safe for a terminal."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Iterable
from typing import Protocol

from millracer.cli.terminal.style import Stream, is_terminal, resolve
from millracer.redaction.process import redact

_NARROW_COLUMNS = 50
#: Control characters except line ends and tabs, lone surrogates, and bidirectional controls.
_STEERS = re.compile(
    "[\\x00-\\x08\\x0b-\\x1f\\x7f-\\x9f\\ud800-\\udfff"
    "\\u061c\\u200e\\u200f\\u202a-\\u202e\\u2066-\\u2069]"
)


class Command(Protocol):
    """A command that a person may run next."""

    @property
    def action(self) -> str:
        """Its purpose, as in "to retry"."""
        ...

    @property
    def command(self) -> str:
        """The command line."""
        ...


class HasNextStep(Protocol):
    """An error of a result or a document."""

    @property
    def message(self) -> str:
        """One line."""
        ...

    @property
    def suggested_action(self) -> str | None:
        """The next step."""
        ...


def printable(text: str) -> str:
    """Return the text without secrets and terminal control characters."""
    return without_steering(redact(text))


def without_steering(text: str) -> str:
    """Replace control characters and characters that reorder the shown text."""
    return _STEERS.sub("\ufffd", text.replace("\r\n", "\n"))


def say(text: str) -> None:
    """Write one line to standard error; write failures are ignored."""
    shown = printable(text)
    if is_terminal(Stream.ERR):
        from millracer.cli.terminal.layout import lay_out  # noqa: PLC0415 - only terminals need it

        shown = lay_out(shown, Stream.ERR)
    try:
        sys.stderr.write(f"{resolve(shown, Stream.ERR)}\n")
        sys.stderr.flush()
    except (OSError, ValueError):
        return


def say_error(message: str, suggested_action: str | None) -> None:
    """Write an error and its next step to standard error."""
    say(f"error: {message}")
    if suggested_action:
        say(f"  next: {suggested_action}")


def say_errors(errors: Iterable[HasNextStep]) -> None:
    """Write the errors of a document to standard error."""
    for error in errors:
        say_error(error.message, error.suggested_action)


def say_next_steps(steps: Iterable[Command]) -> None:
    """Write the commands that a person may run next."""
    for step in steps:
        say(f"  to {step.action}: {step.command}")


def say_warnings(warnings: Iterable[object]) -> None:
    """Write warnings to standard error."""
    for warning in warnings:
        say(f"warning: {warning}")


def can_redraw() -> bool:
    """Whether standard error is a terminal that can redraw a line, and wide enough for one."""
    if not (sys.stderr.isatty() and can_clear()):
        return False
    return shutil.get_terminal_size().columns >= _NARROW_COLUMNS


def can_clear() -> bool:
    """Whether the terminal supports clearing."""
    return os.environ.get("TERM", "dumb") != "dumb"
