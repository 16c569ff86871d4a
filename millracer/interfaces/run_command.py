"""`millracer run`: options in, one run, one document on standard output, an exit code."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from millracer import __version__
from millracer.application.choices import RunChoices
from millracer.application.memory import Memory
from millracer.bootstrap import new_request_id, open_store
from millracer.contracts.benchmark_request import BenchmarkRequest, parse_benchmark_request
from millracer.domain.result import RunResult, cancelled_result, exit_code_of, failed_result
from millracer.domain.session import LOCAL_SESSION
from millracer.domain.work import IntakePreference, RunRequest, RunWarning
from millracer.errors import ExitCode, InvalidRequest, MillracerError, UsageError
from millracer.interfaces.bugs import record_bug
from millracer.interfaces.common_options import CommonOptions
from millracer.interfaces.output import OutputFormat, print_document
from millracer.interfaces.place import find_place
from millracer.interfaces.signals import signals_cancel, signals_ignored, signals_raise
from millracer.interfaces.standard_input import StandardInput
from millracer.interfaces.terminal import progress_shown, say
from millracer.waiting import Cancellation, Cancelled

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


def run(options: RunOptions) -> int:
    """Do one run, print its one document, and return the exit code."""
    request_id = options.request_id
    if request_id is None:
        request_id = new_request_id()
    workspace = options.common.workspace or Path()
    with ExitStack() as held:
        memory = Memory(held.enter_context(open_store()))
        held.callback(options.common.programs.close)
        try:
            with signals_raise():
                prepared = _prepare(options, request_id, memory)
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
    """Print the one document on standard output; warnings and errors go to standard error."""
    for warning in result.warnings:
        say(f"warning: {warning}")
    for error in result.errors:
        say(f"error: {error.message}")
        if error.suggested_action:
            say(f"  next: {error.suggested_action}")
    print_document(result, output)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Prepared:
    request: RunRequest
    choices: RunChoices
    workspace: Path
    warnings: tuple[RunWarning, ...] = ()


def _perform(options: RunOptions, prepared: _Prepared) -> RunResult:
    programs, cancellation = options.common.programs, Cancellation()
    with (
        signals_cancel(cancellation),
        progress_shown(quiet=options.quiet) as listener,
        replace(programs, listeners=() if listener is None else (listener,)).orchestrator(
            str(prepared.workspace), prepared.choices, cancellation
        ) as orchestrator,
    ):
        result = orchestrator.run(prepared.request, cancellation)
    return replace(result, warnings=(*prepared.warnings, *result.warnings))


def _remembered(result: RunResult, options: RunOptions, memory: Memory) -> RunResult:
    """Record the run in its session; a store that cannot take it is a warning of the result."""
    memory.record(
        options.common.session_id or LOCAL_SESSION,
        client_name=None,
        request_id=result.request_id,
        warnings=tuple(dict.fromkeys(warning.code for warning in result.warnings)),
    )
    return replace(result, warnings=(*result.warnings, *memory.warnings))


def _prepare(options: RunOptions, request_id: str, memory: Memory) -> _Prepared:
    intake, scope, named = None, None, options.common.workspace
    if options.resume is not None:
        task = _nothing_but_resume(options)
    elif options.benchmark_json:
        legacy = _legacy_request(options)
        task, scope = legacy.task, legacy.scope
        if legacy.intake is not IntakePreference.AUTO:
            intake = legacy.intake
        named = named if legacy.workspace is None else Path(legacy.workspace)
    else:
        task = _task(options)
    place = find_place(named, options.common.session_id, memory)
    choices = options.common.choices.at(str(place.workspace))
    if intake is not None:
        choices = replace(choices, intake=intake)
    return _Prepared(
        request=replace(
            choices.request(task, request_id),
            request_id_named=options.request_id is not None,
            scope=scope,
            resume=options.resume,
            session_mode=place.mode or choices.configured_mode,
        ),
        choices=choices,
        workspace=place.workspace,
        warnings=place.warnings,
    )


def _nothing_but_resume(options: RunOptions) -> str:
    if options.task or options.benchmark_json:
        raise UsageError(
            "--resume continues a work item and takes no task",
            suggested_action="leave the task and --benchmark-json out",
        )
    if not (options.resume or "").strip():
        raise UsageError(
            "--resume needs a work item id",
            suggested_action="give the `work_item_id` that a result named",
        )
    return ""


def _legacy_request(options: RunOptions) -> BenchmarkRequest:
    if options.task:
        raise UsageError(
            "--benchmark-json reads the task from standard input",
            suggested_action="leave the task text out of the command line",
        )
    return parse_benchmark_request(StandardInput().read())


def _task(options: RunOptions) -> str:
    if options.task:
        task = " ".join(options.task)
    elif sys.stdin.isatty():
        task = ""
    else:
        try:
            task = StandardInput().read().decode("utf-8").removesuffix("\n")
        except UnicodeDecodeError as exc:
            raise InvalidRequest(
                f"the task on standard input is not UTF-8: {exc.reason} at byte {exc.start}",
                field="task",
                suggested_action="send the task as UTF-8",
            ) from exc
    if not task.strip():
        raise UsageError(
            "there is no task",
            suggested_action='give it as an argument, as in `millracer run "Fix the tests"`, '
            "or on standard input",
        )
    return task
