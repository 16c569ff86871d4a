"""Standard output: exactly one document, whatever happens meanwhile."""

from __future__ import annotations

import os
import sys
from enum import StrEnum

from millracer.contracts.run_result import render_result
from millracer.domain.result import RunResult
from millracer.interfaces.signals import signals_ignored


class OutputFormat(StrEnum):
    """What standard output carries."""

    TEXT = "text"
    JSON = "json"


def print_document(result: RunResult, output: OutputFormat) -> None:
    """Print a run's one document."""
    print_text(render_result(result) if output is OutputFormat.JSON else result.output)


def print_text(document: str) -> None:
    """Print one document; a signal does not cut it, a reader that left is no error."""
    with signals_ignored():
        try:
            sys.stdout.buffer.write(document.encode("utf-8", "backslashreplace") + b"\n")
            sys.stdout.buffer.flush()
        except OSError:
            # Nothing can be told any more, and the interpreter's own last flush must not add a
            # traceback.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
