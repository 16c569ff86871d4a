"""Standard output: exactly one document, whatever happens meanwhile."""

from __future__ import annotations

import os
import sys
from enum import StrEnum
from typing import TYPE_CHECKING

from millracer.interfaces.signals import signals_ignored

_READER_LEFT = (BrokenPipeError, ConnectionResetError)

if TYPE_CHECKING:  # the command line knows the formats, and need not know what is printed
    from millracer.domain.result import RunResult


class OutputFormat(StrEnum):
    """What standard output carries."""

    TEXT = "text"
    JSON = "json"


class OutputLost(Exception):
    """A document could not be written although somebody may wait for it; the text says why."""


def print_document(result: RunResult, output: OutputFormat) -> None:
    """Print a run's one document.

    Raises:
        OutputLost: as `print_text`.
    """
    if output is OutputFormat.TEXT:
        print_words(result.output)
        return
    from millracer.contracts.run_result import render_result  # noqa: PLC0415 - `--help` prints none

    print_text(render_result(result))


def print_words(text: str) -> None:
    """Print what somebody said: without secrets, and on a terminal without what would steer it.

    Raises:
        OutputLost: as `print_text`.
    """
    from millracer.interfaces.terminal import printable  # noqa: PLC0415 - `--help` prints none
    from millracer.secrecy import redact  # noqa: PLC0415

    print_text(printable(text) if sys.stdout.isatty() else redact(text))


def print_text(document: str) -> None:
    """Print one document that holds no secrets.

    A signal does not cut it, a reader that left is no error.

    Raises:
        OutputLost: the disk is full, or whatever else keeps it from being written.
    """
    with signals_ignored():
        try:
            sys.stdout.buffer.write(document.encode("utf-8", "backslashreplace") + b"\n")
            sys.stdout.buffer.flush()
        except OSError as error:
            # The interpreter's own last flush must not add a traceback.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            lost = output_lost(error)
            if lost is not None:
                raise lost from error


def output_lost(error: OSError) -> OutputLost | None:
    """Return what to tell of standard output that could not be written; None: its reader left."""
    if isinstance(error, _READER_LEFT):
        return None
    return OutputLost(f"standard output cannot be written: {error.strerror}; the result is lost")
