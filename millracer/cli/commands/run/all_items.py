"""`millracer watch --all`: follow every item of a workspace."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, replace

from millracer.cancellation import Cancellation, Wait
from millracer.cli.command import completed
from millracer.cli.frame_output import FrameOutput
from millracer.cli.options.groups import CommonOptions
from millracer.cli.process.signals import signals_cancel, signals_ignored
from millracer.cli.startup.preload import load_endings
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
from millracer.domain.failures import exit_code_of_failure
from millracer.domain.requests import RunRequest
from millracer.domain.run.result import RunResult, exit_code_of
from millracer.errors import ExitCode, MillracerError
from millracer.operations.session.memory import SessionMemory
from millracer.operations.watch_all import watch_all as follow
from millracer.schemas.base import render
from millracer.schemas.items.watch_all import WatchAllResult, describe_failure, describe_watch_all
from millracer.wiring import new_request_id, open_store
from millracer.wiring.workspace import find_place

#: Exit codes that `--exit-zero` keeps.
_KEPT = frozenset({ExitCode.INTERNAL_ERROR, ExitCode.USAGE})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Watched:
    document: WatchAllResult
    exit_code: ExitCode


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
    load_endings()
    cancellation = Cancellation()
    frames = _frames() if stream else None
    with ExitStack() as held:
        memory = SessionMemory(held.enter_context(open_store()))
        held.callback(common.programs.close)

        def work() -> _Watched:
            with signals_cancel(cancellation):
                return _watch(common, memory, cancellation, quiet=quiet, frames=frames)

        watched = completed(work, _failed)
        with signals_ignored():  # the work has ended: print exactly one document
            held.close()
            _print(watched.document, output, frames)
    code = watched.exit_code
    return ExitCode.COMPLETED if exit_zero and code not in _KEPT else code


def _frames() -> FrameOutput:
    return FrameOutput(new_request_id(), print_line=print_line, is_wanted=has_reader)


def _failed(error: MillracerError) -> _Watched:
    return _Watched(document=describe_failure(error), exit_code=exit_code_of_failure(error))


def _watch(
    common: CommonOptions,
    memory: SessionMemory,
    cancellation: Cancellation,
    *,
    quiet: bool,
    frames: FrameOutput | None,
) -> _Watched:
    if frames is not None:
        frames.open()
    place = find_place(common.workspace, common.session_id, memory)
    merged = common.options.for_workspace(place.root_path, session_mode=place.mode)
    with progress_shown(quiet=quiet) as story:
        programs = replace(common.programs, listeners=story.listeners, on_log=story.log_opened)

        def run(request: RunRequest) -> RunResult:
            with ExitStack() as held:
                held.callback(story.end)
                used = programs
                if frames is not None:
                    used = held.enter_context(
                        frames.streaming(programs, cancellation, item_id=request.resume)
                    )
                orchestrator = held.enter_context(
                    used.orchestrator(place.root_path, merged.options, cancellation)
                )
                return orchestrator.run(request, cancellation)

        results = follow(
            merged.request("", new_request_id()),
            programs.millrace(place.root_path, merged.options),
            Wait(cancellation),
            run,
            new_request_id,
        )
    codes = (exit_code_of(result) for result in results)
    document = describe_watch_all(place.root_path, results, (*place.warnings, *memory.warnings))
    return _Watched(
        document=document,
        exit_code=next((code for code in codes if code), ExitCode.COMPLETED),
    )


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
