"""Run one task for `millracer run` and `millracer watch`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from millracer.cli.commands.run.report import report
from millracer.cli.operation_calls import call
from millracer.cli.task_input import prepare
from millracer.cli.task_request import TaskInput
from millracer.cli.terminal.progress import progress_shown
from millracer.cli.terminal.stdout import OutputFormat
from millracer.domain.operations import OperationName
from millracer.domain.run.result import RunResult
from millracer.domain.workspaces import LOCAL_SESSION
from millracer.errors import ExitCode, MillracerError
from millracer.operations.answer import Answer
from millracer.operations.context import PreparedTask, Tools
from millracer.operations.run import answer_of, result_of
from millracer.operations.session_memory import SessionMemory
from millracer.wiring import new_request_id

#: Exit codes that `--exit-zero` keeps.
_KEPT = frozenset({ExitCode.INTERNAL_ERROR, ExitCode.USAGE})


def run_task(task: TaskInput, *, output: OutputFormat, exit_zero: bool, quiet: bool) -> int:
    """Perform one run, print its document and return the exit code."""
    common = task.common
    request_id = new_request_id() if task.request_id is None else task.request_id
    workspace = str(common.workspace or Path())

    def prepared(memory: SessionMemory) -> PreparedTask:
        nonlocal workspace
        found = prepare(task, request_id, memory)
        workspace = found.root_path
        return found

    def failed(error: MillracerError) -> Answer[Any]:
        return answer_of(result_of(error, request_id, workspace))

    @contextmanager
    def tools() -> Iterator[Tools]:
        with progress_shown(quiet=quiet) as listener:
            yield replace(common.programs, listeners=() if listener is None else (listener,))

    def record(answer: Answer[RunResult], memory: SessionMemory) -> Answer[RunResult]:
        return replace(answer, source=_remembered(answer.source, common.session_id, memory))

    code = call(
        OperationName.RUN,
        common,
        prepared,
        failed=failed,
        report=lambda answer: report(answer.source, output),
        record=record,
        tools=tools,
    )
    return ExitCode.COMPLETED if exit_zero and code not in _KEPT else code


def _remembered(result: RunResult, session_id: str | None, memory: SessionMemory) -> RunResult:
    """Record the run in its session; a failing store becomes a warning in the result."""
    memory.record(
        session_id or LOCAL_SESSION,
        client_name=None,
        request_id=result.request_id,
        warnings=tuple(dict.fromkeys(warning.code for warning in result.warnings)),
    )
    return replace(result, warnings=(*result.warnings, *memory.warnings))
