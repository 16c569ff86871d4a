"""Print the result of a run."""

from __future__ import annotations

import sys

from millracer.cli.terminal.stderr import say, say_error, say_warnings
from millracer.cli.terminal.stdout import OutputFormat, OutputLost, print_document
from millracer.domain.run.outcome import Outcome
from millracer.domain.run.result import ErrorRecord, RunResult
from millracer.run.closing import closing_lines, facts_line
from millracer.run.summary import summary_of


def report(result: RunResult, output: OutputFormat) -> None:
    """Print the one document on standard output; warnings and errors go to standard error.

    pi's words are not evidence. After pi's answer, standard error therefore gets the closing lines:
    the outcome with its reason, what was changed and used, missing evidence and next steps. Each
    proof is named only where standard error is not a terminal. After a JSON document on a terminal,
    standard error gets the outcome and what was changed and used.
    """
    say_warnings(result.warnings)
    for error in result.errors:
        if not (output is OutputFormat.TEXT and _is_shown_already(error, result.output)):
            say_error(error.message, error.suggested_action)
    try:
        print_document(result, output)
    except OutputLost as lost:
        if result.watch_command is not None:
            lost.suggested_action += f"; `{result.watch_command}` prints the result again"
        raise
    closing = _closing_lines(result, output)
    if closing is not None:
        say(closing)


def _closing_lines(result: RunResult, output: OutputFormat) -> str | None:
    """Return what follows the document on standard error."""
    facts, summary = facts_line(result), summary_of(result)
    if output is OutputFormat.JSON:
        if summary is None or not sys.stdout.isatty():
            return None
        first = summary.partition("\n")[0]
        return first if facts is None else f"{first}\n  {facts}"
    is_said = summary is None or summary == result.output
    if is_said or (not result.proof and result.outcome is Outcome.COMPLETED):
        return facts
    return closing_lines(result, with_evidence=not sys.stderr.isatty())


def _is_shown_already(error: ErrorRecord, answer: str) -> bool:
    """Whether the answer, on the same terminal, already contains the error and the next step."""
    if not (sys.stdout.isatty() and sys.stderr.isatty()):
        return False
    return error.message in answer and (error.suggested_action or "") in answer
