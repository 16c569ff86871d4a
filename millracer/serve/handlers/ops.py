"""Answer ops requests by the gateway of `millracer ops --json`."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from starlette.requests import Request
from starlette.responses import Response

from millracer.cancellation import Cancellation, CancelReason
from millracer.domain.operations import actions_of
from millracer.operations.ops.gateway import CommandDefaults
from millracer.schemas.ops.request import InvalidOpsRequest, ReadRequest, read_ops_request
from millracer.schemas.ops.result import OpsResult
from millracer.serve.errors import read_only
from millracer.serve.handlers.call import Call, read_bytes, reply
from millracer.serve.service import Service
from millracer.serve.workspaces import not_served
from millracer.wiring import open_gateway

_POLL_SECONDS = 0.1


async def answer_ops(call: Call) -> Response:
    """Perform an ops request to its end; the request is cancelled if the client leaves.

    Raises:
        Refusal: it names a workspace that is not served, or a read-only server refuses it.
    """
    raw = await read_bytes(call.request)
    service = call.service
    cancellation = Cancellation()
    work = asyncio.create_task(service.threads.call(lambda: _answer(service, raw, cancellation)))
    leaving = asyncio.create_task(_await_leave(call.request))
    stop = asyncio.create_task(service.stopping.wait())
    try:
        await asyncio.wait({work, leaving, stop}, return_when=asyncio.FIRST_COMPLETED)
        if not work.done():
            cancellation.cancel(CancelReason.TERMINATED)
        return reply(await work)
    finally:
        for task in (leaving, stop):
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


async def _await_leave(request: Request) -> None:
    while not await request.is_disconnected():  # noqa: ASYNC110 - the framework has no event for it
        await asyncio.sleep(_POLL_SECONDS)


def _answer(service: Service, raw: bytes, cancellation: Cancellation) -> OpsResult:
    defaults = CommandDefaults(options=service.operations.options)
    with open_gateway(
        service.operations.tools,
        defaults,
        remembers=not service.read_only,
        fleet=service.operations.fleet,
    ) as gateway:
        try:
            read = read_ops_request(raw)
        except InvalidOpsRequest as error:
            return gateway.refuse_unreadable(error).result
        _check(service, read)
        return gateway.handle(read, cancellation).result


def _check(service: Service, read: ReadRequest) -> None:
    """Refuse a workspace that is not served, and a change by a read-only server.

    Raises:
        Refusal: it is refused.
    """
    path = read.request.workspace_ref.root_path
    if path is not None and not service.workspaces.serves(path):
        raise not_served(path)
    operation = actions_of(read.version).get(read.action or "")
    if service.read_only and operation is not None and operation.writes:
        raise read_only()
