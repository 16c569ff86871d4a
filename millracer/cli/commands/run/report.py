"""Print the result of a run."""

from __future__ import annotations

import sys

from millracer.cli.terminal.stderr import say, say_error, say_warnings
from millracer.cli.terminal.stdout import OutputFormat, print_document
from millracer.domain.run.outcome import Outcome
from millracer.domain.run.result import ErrorRecord, RunResult
from millracer.run.summary import summary_of


def report(result: RunResult, output: OutputFormat) -> None:
    """Print the one document on standard output; warnings and errors go to standard error.

    pi's words are not evidence. After pi's answer, standard error therefore gets a summary: the
    outcome with its proof, or the missing evidence and the next step. After a JSON document on a
    terminal, it gets one line with the outcome.
    """
    say_warnings(result.warnings)
    for error in result.errors:
        if not (output is OutputFormat.TEXT and _is_shown_already(error, result.output)):
            say_error(error.message, error.suggested_action)
    print_document(result, output)
    ending = summary_of(result)
    if ending is None or ending == result.output:
        return
    if output is OutputFormat.TEXT and (result.proof or result.outcome is not Outcome.COMPLETED):
        say(ending)
    elif output is OutputFormat.JSON and sys.stdout.isatty():
        say(ending.partition("\n")[0])


def _is_shown_already(error: ErrorRecord, answer: str) -> bool:
    """Whether the answer, on the same terminal, already contains the error and the next step."""
    if not (sys.stdout.isatty() and sys.stderr.isatty()):
        return False
    return error.message in answer and (error.suggested_action or "") in answer
