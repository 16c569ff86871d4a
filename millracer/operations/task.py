"""The operation that runs one task, or follows one work item, to its end."""

from __future__ import annotations

from dataclasses import replace

from millracer import __version__
from millracer.cancellation import Cancellation
from millracer.domain.failures import CallerCancelled
from millracer.domain.run.result import RunResult, cancelled_result, exit_code_of, failed_result
from millracer.errors import MillracerError
from millracer.operations.answer import Answer
from millracer.operations.context import OperationContext, PreparedTask, Tools
from millracer.operations.session.memory import SessionMemory
from millracer.operations.session.request_ids import new_request_id
from millracer.schemas.run.document import RunResultDocument
from millracer.schemas.run.result import describe


def answer_run(task: PreparedTask, context: OperationContext) -> Answer[RunResultDocument]:
    """Run a task to its end, and record it in the caller's session."""
    result = run_task(task, context.tools, context.cancellation)
    result = remembered(result, context.session_id, context.memory)
    return Answer(result=describe(result), exit_code=exit_code_of(result))


def run_task(task: PreparedTask, tools: Tools, cancellation: Cancellation) -> RunResult:
    """Run a task to its end; the programs that it started have ended.

    Raises:
        MillracerError: a chosen directory, program or skill cannot be used.
    """
    with tools.orchestrator(task.root_path, task.options, cancellation) as orchestrator:
        result = orchestrator.run(task.request, cancellation)
    return replace(result, warnings=(*task.warnings, *result.warnings))


def remembered(result: RunResult, session_id: str, memory: SessionMemory) -> RunResult:
    """Record a run in its session; a failing store becomes a warning in the result."""
    memory.record(
        session_id,
        client_name=None,
        request_id=result.request_id,
        warnings=tuple(dict.fromkeys(warning.code for warning in result.warnings)),
    )
    return replace(result, warnings=(*result.warnings, *memory.warnings))


def result_of(error: MillracerError, request_id: str, workspace: str) -> RunResult:
    """Return the result of a run that an error, a bug or a cancellation ended early."""
    if isinstance(error, CallerCancelled):
        return cancelled_result(request_id, workspace, __version__, error.reason)
    return failed_result(request_id, workspace, __version__, error)


def describe_failure(error: MillracerError, _operation: str | None = None) -> RunResultDocument:
    """Return the document of a run that failed before it read its request."""
    return describe(result_of(error, new_request_id(), ""))
