"""Prints how a run ended."""

from __future__ import annotations

import sys
from pathlib import Path

from millracer import __version__
from millracer.cli.terminal.stderr import say, say_error, say_warnings
from millracer.cli.terminal.stdout import OutputFormat, print_document
from millracer.domain.failures import CallerCancelled
from millracer.domain.outcome import Outcome
from millracer.domain.result import ErrorRecord, RunResult, cancelled_result, failed_result
from millracer.errors import MillracerError
from millracer.run.summary import summary_of
from millracer.schemas.run import RunResultDocument
from millracer.schemas.run_result import describe
from millracer.wiring import new_request_id


def report(result: RunResult, output: OutputFormat) -> None:
    """Print the one document on standard output; warnings and errors go to standard error.

    Words of pi are no evidence: below an answer of pi's stands, on standard error, how the run
    ended, with the evidence, or what is missing and how it goes on. A person to whom a whole
    document is shown has at its end a line that says how the run ended.
    """
    say_warnings(result.warnings)
    for error in result.errors:
        if not (output is OutputFormat.TEXT and _is_on_the_same_screen(error, result.output)):
            say_error(error.message, error.suggested_action)
    print_document(result, output)
    ending = summary_of(result)
    if ending is None or ending == result.output:
        return
    if output is OutputFormat.TEXT and (result.proof or result.outcome is not Outcome.COMPLETED):
        say(ending)
    elif output is OutputFormat.JSON and sys.stdout.isatty():
        say(ending.partition("\n")[0])


def _is_on_the_same_screen(error: ErrorRecord, answer: str) -> bool:
    """Whether the answer says the error, and what to do, to the same person once more."""
    if not (sys.stdout.isatty() and sys.stderr.isatty()):
        return False
    return error.message in answer and (error.suggested_action or "") in answer


def result_of(error: MillracerError, request_id: str, workspace: str) -> RunResult:
    """Return the result of a run that an error, a bug or its caller ended early."""
    if isinstance(error, CallerCancelled):
        return cancelled_result(request_id, workspace, __version__, error.reason)
    return failed_result(request_id, workspace, __version__, error)


def describe_failure(error: MillracerError, _command: str | None = None) -> RunResultDocument:
    """Return the document of a run that failed before it read its request."""
    return describe(result_of(error, new_request_id(), _here()))


def _here() -> str:
    try:
        return str(Path.cwd())
    except OSError:
        return ""
