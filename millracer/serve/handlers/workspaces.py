"""List, register and unregister workspaces."""

from __future__ import annotations

from functools import partial

from starlette.responses import Response

from millracer.errors import MillracerError
from millracer.schemas.serve.workspaces import WorkspacesResult
from millracer.serve import workspaces
from millracer.serve.errors import Refusal
from millracer.serve.handlers.call import Call, reply
from millracer.serve.statuses import status_of_error


async def list_workspaces(call: Call) -> Response:
    """List the served workspaces."""
    return reply(await _described(call))


async def register_workspace(call: Call) -> Response:
    """Register a workspace, and list all.

    Raises:
        Refusal: it cannot be registered.
    """
    body = call.body
    register = partial(
        call.service.workspaces.register, body.path, body.workspace_id, is_default=body.default
    )
    try:
        await call.service.threads.call(register)
    except MillracerError as error:
        raise _refused(error) from error
    call.service.changes.report_server()
    return reply(await _described(call))


async def forget_workspace(call: Call) -> Response:
    """Unregister a workspace, and list the others.

    Raises:
        Refusal: the registry cannot be written.
    """
    try:
        await call.service.threads.call(partial(workspaces.forget, call.workspace))
    except MillracerError as error:
        raise _refused(error) from error
    call.service.changes.report_server()
    return reply(await _described(call))


async def _described(call: Call) -> WorkspacesResult:
    return await call.service.threads.call(call.service.workspaces.describe)


def _refused(error: MillracerError) -> Refusal:
    field: str | None = getattr(error, "field", None)
    return Refusal(
        status_of_error(error.code, field),
        error.message,
        error.suggested_action,
        code=error.code,
        field=field,
    )
