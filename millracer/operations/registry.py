"""Perform the operations of the table `domain.operations`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from millracer.cancellation import Cancelled
from millracer.domain.failures import CallerCancelled, exit_code_of_failure
from millracer.domain.operations import OPERATIONS, OperationName, load
from millracer.errors import MillracerError
from millracer.operations.answer import Answer

if TYPE_CHECKING:
    from millracer.operations.context import OperationContext
    from millracer.schemas.base import Published


def perform(
    name: OperationName,
    request: object,
    context: OperationContext,
    request_id: str | None = None,
) -> Answer[Any]:
    """Perform an operation; errors and the caller's cancellation become its result document.

    The modules of its failure are imported first, since the package may be upgraded meanwhile.

    Raises:
        Exception: a bug. The front door logs it and reports it with `fail`.
    """
    operation = OPERATIONS[name]
    handler = load(operation.handler)
    load(operation.failure)
    try:
        return cast("Answer[Any]", handler(request, context))
    except Cancelled as cancelled:
        return fail(name, CallerCancelled(cancelled.reason), request_id)
    except MillracerError as error:
        return fail(name, error, request_id)


def fail(name: OperationName, error: MillracerError, request_id: str | None = None) -> Answer[Any]:
    """Return the answer of an operation that ended in an error."""
    from millracer.domain.run.result import ErrorRecord  # noqa: PLC0415 - errors are rare

    describe: Callable[[MillracerError, str], Published] = load(OPERATIONS[name].failure)
    result = describe(error, name)
    if request_id is not None:
        result = result.model_copy(update={"request_id": request_id})
    return Answer(result=result, exit_code=exit_code_of_failure(error), error=ErrorRecord.of(error))
