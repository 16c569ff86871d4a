"""Results of commands that never got as far as a run: wrong use, and signals while loading."""

from __future__ import annotations

import os
import uuid
from collections.abc import Sequence
from pathlib import Path

from millracer import __version__
from millracer.domain.result import RunResult, cancelled_result, exit_code_of, failed_result
from millracer.errors import UsageError
from millracer.interfaces.output import OutputFormat, print_document
from millracer.interfaces.terminal import say
from millracer.waiting import CancelReason


def report_cancelled(arguments: Sequence[str], reason: CancelReason) -> int:
    """Say that a signal came before there was a run, and return the exit code."""
    return _report(arguments, cancelled_result(_request_id(), _here(), __version__, reason))


def report_wrong_use(arguments: Sequence[str], message: str, suggested_action: str) -> int:
    """Say what the command line library found wrong, and return the exit code."""
    say(f"error: {message}\n  next: {suggested_action}")
    error = UsageError(message, suggested_action=suggested_action)
    return _report(arguments, failed_result(_request_id(), _here(), __version__, error))


def _report(arguments: Sequence[str], result: RunResult) -> int:
    if _wants_json(arguments):
        print_document(result, OutputFormat.JSON)
    return exit_code_of(result)


def _request_id() -> str:
    return f"run-{uuid.uuid4().hex}"


def _here() -> str:
    try:
        return str(Path.cwd())
    except OSError:
        return ""


def _wants_json(arguments: Sequence[str]) -> bool:
    """Whether the caller asked for JSON, read from a command line that did not parse."""
    before_task = list(arguments)[: arguments.index("--")] if "--" in arguments else arguments
    asked = os.environ.get("MILLRACER_OUTPUT", "")
    for at, word in enumerate(before_task):
        if word.startswith("--output="):
            asked = word.partition("=")[2]
        elif word == "--output" and at + 1 < len(before_task):
            asked = before_task[at + 1]
    return asked == OutputFormat.JSON
