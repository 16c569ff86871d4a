"""The operation that reports what happens in the caller's workspace."""

from __future__ import annotations

from millracer.cancellation import Wait
from millracer.domain.failures import exit_code_of_error
from millracer.domain.operations.requests import StatusRequest
from millracer.errors import ExitCode
from millracer.operations.answer import Answer
from millracer.operations.context import OperationContext
from millracer.operations.status import read_status
from millracer.schemas.status import StatusResult, describe_overview


def answer_status(_request: StatusRequest, context: OperationContext) -> Answer[StatusResult]:
    """Report the status of the caller's workspace; changes nothing."""
    place = context.find_workspace()
    warnings = (*place.warnings, *context.memory.warnings)
    overview = read_status(context.open_millrace(place.root_path), Wait(context.cancellation))
    errors = overview.errors
    return Answer(
        result=describe_overview(overview, place.resolution, warnings),
        exit_code=exit_code_of_error(errors[0].code) if errors else ExitCode.COMPLETED,
        error=errors[0] if errors else None,
    )
