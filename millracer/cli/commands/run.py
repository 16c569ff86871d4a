"""`millracer run`: options in, one run, one document on standard output, an exit code."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from millracer import __version__
from millracer.cancellation import Cancellation, Cancelled
from millracer.cli.internal_errors import record_bug
from millracer.cli.option_groups import CommonOptions
from millracer.cli.preload import load_endings
from millracer.cli.signals import signals_cancel, signals_ignored, signals_raise
from millracer.cli.task_input import PreparedRun, TaskInput, prepare
from millracer.cli.terminal.progress import progress_shown
from millracer.cli.terminal.stderr import say, say_error
from millracer.cli.terminal.stdout import OutputFormat, print_document
from millracer.domain.outcome import Outcome
from millracer.domain.result import (
    ErrorRecord,
    RunResult,
    cancelled_result,
    exit_code_of,
    failed_result,
)
from millracer.domain.workspaces import LOCAL_SESSION
from millracer.errors import ExitCode, MillracerError
from millracer.operations.session_memory import SessionMemory
from millracer.run.summary import summary_of
from millracer.wiring import new_request_id, open_store

_ALWAYS_TOLD = frozenset({ExitCode.INTERNAL_ERROR, ExitCode.USAGE})


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """What the command line and the environment said, nothing resolved yet."""

    common: CommonOptions
    task: tuple[str, ...]
    benchmark_json: bool
    output: OutputFormat
    request_id: str | None
    resume: str | None
    exit_zero: bool
    quiet: bool

    @property
    def asked(self) -> TaskInput:
        """What is to be done, and where."""
        return TaskInput(
            common=self.common,
            task=self.task,
            benchmark_json=self.benchmark_json,
            request_id=self.request_id,
            resume=self.resume,
        )


def run(options: RunOptions) -> int:
    """Do one run, print its one document, and return the exit code."""
    load_endings()
    request_id = options.request_id
    if request_id is None:
        request_id = new_request_id()
    workspace = options.common.workspace or Path()
    with ExitStack() as held:
        memory = SessionMemory(held.enter_context(open_store()))
        held.callback(options.common.programs.close)
        try:
            with signals_raise():
                prepared = prepare(options.asked, request_id, memory)
            workspace = prepared.workspace
            result = _perform(options, prepared)
        except Cancelled as cancelled:
            result = cancelled_result(request_id, str(workspace), __version__, cancelled.reason)
        except MillracerError as error:
            result = failed_result(request_id, str(workspace), __version__, error)
        except Exception as error:  # noqa: BLE001 - the one place where a bug becomes a result
            result = failed_result(request_id, str(workspace), __version__, record_bug(error))
        with signals_ignored():  # it has ended: nothing takes its result away, or adds another
            result = _remembered(result, options, memory)
            held.close()
            report(result, options.output)
    code = exit_code_of(result)
    return ExitCode.COMPLETED if options.exit_zero and code not in _ALWAYS_TOLD else code


def report(result: RunResult, output: OutputFormat) -> None:
    """Print the one document on standard output; warnings and errors go to standard error.

    Words of pi are no evidence: below an answer of pi's stands, on standard error, how the run
    ended, with the evidence, or what is missing and how it goes on. A person to whom a whole
    document is shown has at its end a line that says how the run ended.
    """
    for warning in result.warnings:
        say(f"warning: {warning}")
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


def _perform(options: RunOptions, prepared: PreparedRun) -> RunResult:
    programs, cancellation = options.common.programs, Cancellation()
    with (
        signals_cancel(cancellation),
        progress_shown(quiet=options.quiet) as listener,
        replace(programs, listeners=() if listener is None else (listener,)).orchestrator(
            str(prepared.workspace), prepared.options, cancellation
        ) as orchestrator,
    ):
        result = orchestrator.run(prepared.request, cancellation)
    return replace(result, warnings=(*prepared.warnings, *result.warnings))


def _remembered(result: RunResult, options: RunOptions, memory: SessionMemory) -> RunResult:
    """Record the run in its session; a store that cannot take it is a warning of the result."""
    memory.record(
        options.common.session_id or LOCAL_SESSION,
        client_name=None,
        request_id=result.request_id,
        warnings=tuple(dict.fromkeys(warning.code for warning in result.warnings)),
    )
    return replace(result, warnings=(*result.warnings, *memory.warnings))
