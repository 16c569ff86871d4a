"""Check whether a run would work in the caller's workspace. Changes nothing."""

from __future__ import annotations

from millracer.domain.operations.requests import DiagnoseRequest
from millracer.errors import ExitCode
from millracer.operations.answer import Answer
from millracer.operations.context import OperationContext
from millracer.schemas.doctor import DoctorResult


def answer_diagnose(request: DiagnoseRequest, context: OperationContext) -> Answer[DoctorResult]:
    """Make every check of `millracer doctor` in the caller's workspace."""
    result = context.tools.examine(
        context.find_workspace(),
        context.options,
        context.cancellation,
        with_turn=request.with_turn,
    )
    return answer_of(result)


def answer_of(result: DoctorResult) -> Answer[DoctorResult]:
    """Return the answer of a diagnosis that ended; a failed check is exit code 1."""
    exit_code = ExitCode.COMPLETED if result.ok else ExitCode.INTERNAL_ERROR
    return Answer(result=result, exit_code=exit_code)
