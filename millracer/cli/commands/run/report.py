"""Print the result of a run."""

from __future__ import annotations

import sys

from millracer.cli.frame_output import FrameOutput
from millracer.cli.terminal.stderr import say, say_error, say_next_steps, say_warnings
from millracer.cli.terminal.stdout import (
    OutputFormat,
    OutputLost,
    print_answer,
    print_summary,
    print_text,
)
from millracer.domain.requests import Route
from millracer.domain.run.outcome import Outcome
from millracer.domain.run.result import RunResult
from millracer.run.closing import closing_lines, facts_line
from millracer.run.summary import is_answer, summary_of
from millracer.schemas.run.result import describe, render_result


def report(
    result: RunResult,
    output: OutputFormat,
    *,
    streamed: bool = False,
    frames: FrameOutput | None = None,
    evidence_shown: bool = False,
) -> None:
    """Print the one document on standard output; warnings and errors go to standard error.

    pi's words are not evidence. After pi's answer, standard error therefore gets the closing lines:
    the outcome with its reason, what was changed and used, missing evidence and next steps. Each
    proof is named only where standard error is not a terminal. After a JSON document on a terminal,
    standard error gets the outcome and what was changed and used.

    As text, an answer that was streamed is not repeated, and a failure without an answer is
    reported on standard error only.

    Args:
        result: the result.
        output: the format.
        streamed: pi's answer is on the terminal already.
        frames: prints the document as the last frame.
        evidence_shown: the caller has named each proof already.
    """
    say_warnings(result.warnings)
    for error in result.errors:
        say_error(error.message, error.suggested_action)
    is_text = output is OutputFormat.TEXT and frames is None
    if is_text and _is_failure(result) and not is_answer(result):
        say_next_steps(result.next_steps)
        return
    try:
        if frames is not None:
            frames.result(describe(result))
        else:
            _print(result, output, streamed=streamed)
    except OutputLost as lost:
        if result.watch_command is not None:
            lost.suggested_action += f"; `{result.watch_command}` prints the result again"
        raise
    with_evidence = not (evidence_shown or sys.stderr.isatty())
    closing = _closing_lines(result, is_text=is_text, with_evidence=with_evidence)
    if closing is not None:
        say(closing)


def _print(result: RunResult, output: OutputFormat, *, streamed: bool) -> None:
    if output is OutputFormat.JSON:
        print_text(render_result(result))
    elif not is_answer(result):
        print_summary(result.output)
    elif not streamed or result.route is not Route.DIRECT:
        print_answer(result.output)


def _is_failure(result: RunResult) -> bool:
    """Whether the errors say everything that the output says."""
    return result.outcome is Outcome.FAILED and bool(result.errors)


def _closing_lines(result: RunResult, *, is_text: bool, with_evidence: bool) -> str | None:
    """Return what follows the document on standard error."""
    facts, summary = facts_line(result), summary_of(result)
    if not is_text:
        if summary is None or not sys.stdout.isatty():
            return None
        first = summary.partition("\n")[0]
        return first if facts is None else f"{first}\n  {facts}"
    is_said = summary is None or summary == result.output
    if is_said or (not result.proof and result.outcome is Outcome.COMPLETED):
        return None if facts is None else f"  {facts}"
    return closing_lines(result, with_evidence=with_evidence)
