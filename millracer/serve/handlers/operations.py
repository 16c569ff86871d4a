"""Perform an operation of the table `domain.operations` as the answer to a request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, Final

from starlette.responses import Response

from millracer.domain.operations import OPERATIONS, OperationName, load
from millracer.domain.run.result import ErrorRecord
from millracer.operations.answer import Answer
from millracer.operations.options import OptionLayers
from millracer.schemas.base import redacted
from millracer.schemas.control import ControlResult
from millracer.schemas.fleet.control import FleetControlResult
from millracer.serve.errors import Refusal
from millracer.serve.handlers.call import Call, reply
from millracer.serve.service import stopping
from millracer.serve.statuses import is_stop, status_of_error, status_of_outcome

#: The parameters of paths, as the requests of operations name them.
_PATH_NAMES = {
    "id": "work_item_id",
    "run_id": "run_id",
    "host": "host",
    "workspace_id": "workspace_id",
}

#: The documents with the outcome of a control command.
_CONTROLS: Final = (ControlResult, FleetControlResult)


async def perform_operation(call: Call) -> Response:
    """Perform the operation of the route; path, query and body give its request.

    Raises:
        Refusal: it failed.
    """
    if call.route.writes:
        call.service.refuse_while_stopping()
    name, request = operation_request(call, {"compiles": not call.service.read_only})
    context = call.service.operations.context(call.workspace, options=_options(call))
    answer = await call.service.perform(name, request, context)
    if call.route.writes:
        call.service.changes.report(call.workspace.key)
    return reply_answer(answer)


def operation_request(call: Call, fixed: Mapping[str, Any]) -> tuple[OperationName, object]:
    """Return the operation of a route, and its request from path, query and body.

    Args:
        call: the request.
        fixed: fields of the operation's request that the client does not give.
    """
    name = call.route.operation
    if name is None:
        raise ValueError(f"the route {call.route.path} has no operation")
    request_type: Any = load(OPERATIONS[name].request)
    given: dict[str, Any] = dict(fixed)
    given |= {
        renamed: call.request.path_params[parameter]
        for parameter, renamed in _PATH_NAMES.items()
        if parameter in call.request.path_params
    }
    for part in (call.query, call.body):
        given |= {} if part is None else dict(part)
    known = {each.name for each in fields(request_type)}
    return name, request_type(
        **{
            field: tuple(value) if isinstance(value, list) else value
            for field, value in given.items()
            if field in known
        }
    )


def _options(call: Call) -> OptionLayers | None:
    """Return the server's options with those of the body; None if it has none."""
    options = getattr(call.body, "options", None)
    if options is None:
        return None
    return call.service.operations.options.with_values(**options.given())


def reply_answer(answer: Answer[Any], names: frozenset[str] = frozenset()) -> Response:
    """Return the answer with an operation's document.

    Args:
        answer: the operation's answer.
        names: fields of the operation's request that the path has.

    Raises:
        Refusal: the operation failed.
    """
    document = answer.result
    status = 200
    if answer.error is not None:
        raise refusal_of(answer, names)
    if isinstance(document, _CONTROLS):
        found = status_of_outcome(document.outcome)
        status = status if found is None else found
        if status >= 400:  # noqa: PLR2004 - the first status of a failure
            error = ErrorRecord(
                code=document.outcome,
                message=document.message,
                suggested_action=next((each.command for each in document.next_steps), None),
            )
            raise refusal_of(Answer(result=document, exit_code=answer.exit_code, error=error))
    return reply(document, status)


def refusal_of(answer: Answer[Any], names: frozenset[str] = frozenset()) -> Refusal:
    """Return the refusal for an operation that failed; the body has its document.

    Args:
        answer: the operation's answer.
        names: as for `status_of_error`.
    """
    record = answer.error
    if record is None:
        raise ValueError("the operation did not fail")
    if is_stop(answer.exit_code):
        return stopping()
    status = None
    if isinstance(answer.result, _CONTROLS):
        status = status_of_outcome(answer.result.outcome)
    return Refusal(
        status or status_of_error(record.code, record.field, names),
        record.message,
        record.suggested_action,
        code=record.code,
        field=record.field,
        document=redacted(answer.result).model_dump(mode="json"),
    )
