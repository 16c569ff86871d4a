"""Run one task for `millracer run` and `millracer watch`."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from millracer.cancellation import Cancellation
from millracer.cli.commands.run.gitignore import offer_gitignore
from millracer.cli.commands.run.report import report
from millracer.cli.frame_output import FrameOutput
from millracer.cli.operation_calls import conclude, context_of
from millracer.cli.task_input import prepare
from millracer.cli.task_request import TaskInput
from millracer.cli.terminal.progress import progress_shown
from millracer.cli.terminal.stderr import can_redraw
from millracer.cli.terminal.stdout import OutputFormat, has_reader, print_line
from millracer.cli.terminal.style import Stream, is_terminal
from millracer.domain.operations import load
from millracer.domain.run.result import RunResult, exit_code_of
from millracer.domain.workspaces import LOCAL_SESSION
from millracer.errors import ExitCode, MillracerError
from millracer.operations import task as operation
from millracer.operations.answer import Answer
from millracer.operations.session.memory import SessionMemory
from millracer.wiring import new_request_id

if TYPE_CHECKING:
    from millracer.cli.options.stream import StreamOptions
    from millracer.cli.terminal.task_screen import TaskScreen

#: Loads the libraries of certificates, so that it is named and imported when one is requested.
_CERTIFYING = "millracer.cli.commands.run.certificate:certifying"
#: Exit codes that `--exit-zero` keeps.
_KEPT = frozenset({ExitCode.INTERNAL_ERROR, ExitCode.USAGE})


def run_task(  # noqa: PLR0913 - the options of a run
    task: TaskInput,
    *,
    output: OutputFormat,
    exit_zero: bool,
    quiet: bool,
    stream: StreamOptions | None = None,
    certificate: Path | None = None,
) -> int:
    """Perform one run, print its document or its event stream, and return the exit code."""
    common = task.common
    session_id = common.session_id or LOCAL_SESSION
    request_id = new_request_id() if task.request_id is None else task.request_id
    workspace = str(common.workspace or Path())
    ended: RunResult | None = None
    screen = None if stream is not None else _screen(output, quiet=quiet)
    frames = None if stream is None else _frames(request_id, stream)

    def work(memory: SessionMemory, cancellation: Cancellation) -> Answer[RunResult]:
        nonlocal workspace
        prepared = prepare(task, request_id, memory)
        workspace = prepared.root_path
        add = _unchanged
        if certificate is not None:
            context = context_of(common, memory, cancellation)
            add = load(_CERTIFYING)(certificate, workspace, context)
        if screen is not None:
            with ExitStack() as shown_until_end:
                shown_until_end.callback(screen.end)
                programs = replace(
                    common.programs,
                    listeners=(screen.story.listen,),
                    on_text=screen.stream,
                    on_log=screen.story.log_opened,
                )
                return _answer(add(operation.run_task(prepared, programs, cancellation)))
        with progress_shown(quiet=quiet) as story:
            programs = replace(common.programs, listeners=story.listeners, on_log=story.log_opened)
            if frames is None:
                return _answer(add(operation.run_task(prepared, programs, cancellation)))
            with frames.streaming(programs, cancellation) as streamed:
                return _answer(add(operation.run_task(prepared, streamed, cancellation)))

    def failed(error: MillracerError) -> Answer[RunResult]:
        return _answer(operation.result_of(error, request_id, workspace))

    def record(answer: Answer[RunResult], memory: SessionMemory) -> Answer[RunResult]:
        return _answer(operation.remembered(answer.result, session_id, memory))

    def shown(answer: Answer[RunResult]) -> None:
        nonlocal ended

        report(
            answer.result,
            output,
            streamed=screen is not None and screen.streamed,
            frames=frames,
        )
        ended = answer.result

    code = conclude(
        common,
        work,
        failed=failed,
        report=shown,
        record=record,
    )
    if output is OutputFormat.TEXT and stream is None and not quiet and ended is not None:
        offer_gitignore(ended, common)
    return ExitCode.COMPLETED if exit_zero and code not in _KEPT else code


def _frames(request_id: str, stream: StreamOptions) -> FrameOutput:
    return FrameOutput(request_id, after=stream.after, print_line=print_line, is_wanted=has_reader)


def _screen(output: OutputFormat, *, quiet: bool) -> TaskScreen | None:
    """Return what shows an answer as it arrives; None where it is printed at the end."""
    is_shown = output is OutputFormat.TEXT and not quiet and is_terminal(Stream.OUT)
    if not (is_shown and can_redraw()):
        return None
    from millracer.cli.terminal.task_screen import TaskScreen  # noqa: PLC0415 - only terminals need it

    return TaskScreen()


def _unchanged(result: RunResult) -> RunResult:
    return result


def _answer(result: RunResult) -> Answer[RunResult]:
    """Return the answer; a requested certificate that was not made is a failure to write."""
    lacks_one = any(warning.code == "certificate_not_made" for warning in result.warnings)
    code = ExitCode.FAILED if lacks_one else exit_code_of(result)
    return Answer(result=result, exit_code=code)
