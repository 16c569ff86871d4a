"""Run one task for `millracer run` and `millracer watch`."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from millracer.cancellation import Cancellation
from millracer.cli.command import completed
from millracer.cli.commands.run.gitignore import offer_gitignore
from millracer.cli.commands.run.report import report, result_of
from millracer.cli.options.groups import CommonOptions
from millracer.cli.process.signals import signals_cancel, signals_ignored, signals_raise
from millracer.cli.startup.preload import load_endings
from millracer.cli.task_input import prepare
from millracer.cli.task_request import TaskInput
from millracer.cli.terminal.progress import progress_shown
from millracer.cli.terminal.stdout import OutputFormat
from millracer.domain.run.result import RunResult, exit_code_of
from millracer.domain.workspaces import LOCAL_SESSION
from millracer.errors import ExitCode, MillracerError
from millracer.operations.context import PreparedTask
from millracer.operations.session_memory import SessionMemory
from millracer.wiring import new_request_id, open_store

#: Exit codes that `--exit-zero` keeps.
_KEPT = frozenset({ExitCode.INTERNAL_ERROR, ExitCode.USAGE})


def run_task(task: TaskInput, *, output: OutputFormat, exit_zero: bool, quiet: bool) -> int:
    """Perform one run, print its document and return the exit code."""
    load_endings()
    request_id = task.request_id
    if request_id is None:
        request_id = new_request_id()
    workspace = str(task.common.workspace or Path())
    with ExitStack() as held:
        memory = SessionMemory(held.enter_context(open_store()))
        held.callback(task.common.programs.close)

        def work() -> RunResult:
            nonlocal workspace
            with signals_raise():
                prepared = prepare(task, request_id, memory)
            workspace = prepared.root_path
            return _perform(task.common, prepared, quiet=quiet)

        def failed(error: MillracerError) -> RunResult:
            return result_of(error, request_id, workspace)

        result = completed(work, failed)
        with signals_ignored():  # the run has ended: print exactly one result
            result = _remembered(result, task.common, memory)
            held.close()
            report(result, output)
        if output is OutputFormat.TEXT and not quiet:
            offer_gitignore(result, task.common)
    code = exit_code_of(result)
    return ExitCode.COMPLETED if exit_zero and code not in _KEPT else code


def _perform(common: CommonOptions, task: PreparedTask, *, quiet: bool) -> RunResult:
    cancellation = Cancellation()
    with (
        signals_cancel(cancellation),
        progress_shown(quiet=quiet) as listener,
        replace(common.programs, listeners=() if listener is None else (listener,)).orchestrator(
            task.root_path, task.options, cancellation
        ) as orchestrator,
    ):
        result = orchestrator.run(task.request, cancellation)
    return replace(result, warnings=(*task.warnings, *result.warnings))


def _remembered(result: RunResult, common: CommonOptions, memory: SessionMemory) -> RunResult:
    """Record the run in its session; a failing store becomes a warning in the result."""
    memory.record(
        common.session_id or LOCAL_SESSION,
        client_name=None,
        request_id=result.request_id,
        warnings=tuple(dict.fromkeys(warning.code for warning in result.warnings)),
    )
    return replace(result, warnings=(*result.warnings, *memory.warnings))
