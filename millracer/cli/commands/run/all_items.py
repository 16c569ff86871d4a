"""`millracer watch --all`: follow every item of a workspace."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace

from millracer.cancellation import Cancellation
from millracer.cli.frame_output import FrameOutput
from millracer.cli.operation_calls import conclude, context_of
from millracer.cli.options.common import CommonOptions
from millracer.cli.terminal.layout import outcome_words
from millracer.cli.terminal.progress import progress_shown
from millracer.cli.terminal.stderr import say_errors, say_next_steps, say_warnings
from millracer.cli.terminal.stdout import (
    OutputFormat,
    has_reader,
    print_line,
    print_shown,
    print_text,
)
from millracer.cli.terminal.tables import table
from millracer.domain.operations import OperationName
from millracer.errors import ExitCode
from millracer.operations.answer import Answer
from millracer.operations.context import Tools
from millracer.operations.registry import fail, perform
from millracer.operations.session.memory import SessionMemory
from millracer.operations.watch_all import WatchAllRequest
from millracer.schemas.base import render
from millracer.schemas.items.watch_all import WatchAllResult
from millracer.wiring import new_request_id

#: Exit codes that `--exit-zero` keeps.
_KEPT = frozenset({ExitCode.INTERNAL_ERROR, ExitCode.USAGE})


def watch_all(
    common: CommonOptions,
    *,
    output: OutputFormat,
    exit_zero: bool,
    quiet: bool,
    stream: bool = False,
) -> int:
    """Follow every item, print one document or one event stream, and return the exit code.

    That is 0 if every item is proven completed, else the exit code of the first other one.
    """
    frames = _frames() if stream else None

    def work(memory: SessionMemory, cancellation: Cancellation) -> Answer[WatchAllResult]:
        if frames is not None:
            frames.open()
        with progress_shown(quiet=quiet) as story:
            programs = replace(common.programs, listeners=story.listeners, on_log=story.log_opened)
            context = context_of(replace(common, programs=programs), memory, cancellation)

            @contextmanager
            def tools_for(item_id: str) -> Iterator[Tools]:
                with ExitStack() as held:
                    held.callback(story.end)
                    if frames is None:
                        yield programs
                        return
                    yield held.enter_context(
                        frames.streaming(programs, cancellation, item_id=item_id)
                    )

            request = WatchAllRequest(tools_for=tools_for)
            return perform(OperationName.WATCH_ALL, request, context)

    code = conclude(
        common,
        work,
        failed=lambda error: fail(OperationName.WATCH_ALL, error),
        report=lambda answer: _print(answer.result, output, frames),
    )
    return ExitCode.COMPLETED if exit_zero and code not in _KEPT else code


def _frames() -> FrameOutput:
    return FrameOutput(new_request_id(), print_line=print_line, is_wanted=has_reader)


def _print(document: WatchAllResult, output: OutputFormat, frames: FrameOutput | None) -> None:
    say_warnings(document.warnings)
    say_errors(document.errors)
    for result in document.results:
        say_errors(result.errors)
        say_next_steps(result.next_steps)
    if frames is not None:
        frames.result(document)
    elif output is OutputFormat.JSON:
        print_text(render(document))
    elif not document.errors:
        print_shown("\n".join(_lines(document)))


def _lines(document: WatchAllResult) -> list[str]:
    if not document.results:
        return ["nothing is left to work on"]
    rows = [(outcome_words(each.outcome), each.work_item_id or "-") for each in document.results]
    return table(("OUTCOME", "ID"), rows)
