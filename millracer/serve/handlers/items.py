"""List items page by page, submit an item, and run an item on the server."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing, suppress
from datetime import UTC, datetime
from functools import partial
from typing import Any, Literal

from starlette.responses import Response

from millracer.domain.operations import OperationName
from millracer.domain.operations.requests import HistoryRequest, ListRequest
from millracer.domain.work.items import ItemState
from millracer.errors import MillracerError
from millracer.operations.context import PreparedTask, prepare_task
from millracer.operations.registry import fail
from millracer.ports import EventLogs
from millracer.schemas.items.listing import ListedDocument, ListResult
from millracer.schemas.serve.items import AcceptedResult, ItemsPage, PagedItemDocument
from millracer.schemas.submit import SubmitResult
from millracer.serve.handlers.call import Call, reply, unusable
from millracer.serve.handlers.found_item import find_item_id, look_up
from millracer.serve.handlers.operations import refusal_of, reply_answer
from millracer.serve.routes import API, IDEMPOTENCY_KEY
from millracer.serve.service import Service
from millracer.serve.workspaces import ServedWorkspace
from millracer.wiring import new_request_id

_MICROSECONDS = 1_000_000


async def list_items(call: Call) -> Response:
    """Return one page of the items.

    Raises:
        Refusal: the items cannot be read.
    """
    before = None if call.query.before is None else _position_in(call.query.before)
    context = call.service.operations.context(call.workspace)
    request = ListRequest(states=tuple(call.query.state))
    answer = await call.service.perform(OperationName.LIST, request, context)
    if answer.error is not None:
        raise refusal_of(answer)
    make = partial(_page, answer.result, before, call.query.limit, call.service, call.workspace)
    return reply(await call.service.threads.call(make))


async def list_attempts(call: Call) -> Response:
    """List the attempts at one item.

    Raises:
        MillracerError: the workspace holds no such item.
    """
    request = HistoryRequest(work_item_id=await find_item_id(call))
    context = call.service.operations.context(call.workspace)
    return reply_answer(await call.service.perform(OperationName.HISTORY, request, context))


async def submit_item(call: Call) -> Response:
    """Add a task to the queue, and run it.

    Raises:
        Refusal: it was not added.
    """
    service, body = call.service, call.body
    service.refuse_while_stopping()
    if body.run:
        service.runs.refuse_if_full()
    options = {} if body.options is None else body.options.given()
    request_id = body.request_id or new_request_id()
    context = service.operations.context(
        call.workspace,
        options=service.operations.options.with_values(**options, intake=body.intake),
    )

    def prepare() -> PreparedTask:
        return prepare_task(
            body.task,
            request_id,
            call.workspace.place,
            context.options,
            request_id_named=body.request_id is not None,
            idempotency_key=call.request.headers.get(IDEMPOTENCY_KEY) or None,
        )

    try:
        prepared = await service.threads.call(prepare)
    except MillracerError as error:
        raise refusal_of(fail(OperationName.SUBMIT, error, request_id)) from error
    answer = await service.perform(OperationName.SUBMIT, prepared, context, request_id)
    result: SubmitResult = answer.result
    if answer.error is not None or result.work_item_id is None:
        raise refusal_of(answer)
    runs_here = False
    if body.run and result.state is not None and result.state.is_live:
        runs_here = await _run(call, result.work_item_id, request_id, options)
    return reply(
        _accepted(
            call.workspace,
            result.work_item_id,
            result.state,
            is_new=not result.found,
            runs_here=runs_here,
            warnings=result.warnings,
        ),
        call.route.status,
    )


async def watch_item(call: Call) -> Response:
    """Run an item on this server.

    Raises:
        MillracerError: the workspace holds no such item.
        Refusal: there are too many runs.
    """
    call.service.refuse_while_stopping()
    found = await look_up(call)
    options = None if call.body is None else call.body.options
    given = {} if options is None else options.given()
    runs_here = await _run(call, found.item_id, new_request_id(), given)
    return reply(
        _accepted(call.workspace, found.item_id, found.state, is_new=False, runs_here=runs_here),
        call.route.status,
    )


async def _run(call: Call, item_id: str, request_id: str, options: Mapping[str, Any]) -> bool:
    start = partial(call.service.runs.start, call.workspace, item_id, request_id, options)
    runs_here = await call.service.threads.call(start)
    call.service.changes.report(call.workspace.key)
    return runs_here


def _accepted(  # noqa: PLR0913 - the fields of the document
    workspace: ServedWorkspace,
    item_id: str,
    state: ItemState | None,
    *,
    is_new: bool,
    runs_here: bool,
    warnings: list[str] | None = None,
) -> AcceptedResult:
    return AcceptedResult(
        work_item_id=item_id,
        state=state,
        is_new=is_new,
        runs_here=runs_here,
        events=f"{API}/workspaces/{workspace.key}/items/{item_id}/events",
        warnings=warnings or [],
    )


def _page(
    listed: ListResult,
    before: tuple[datetime, str] | None,
    limit: int,
    service: Service,
    workspace: ServedWorkspace,
) -> ItemsPage:
    items = sorted(listed.items, key=_position, reverse=True)
    rest = [each for each in items if before is None or _position(each) < before]
    shown = rest[:limit]
    logs = service.operations.event_logs(workspace)
    stages = _running_stages(service, workspace, shown)
    return ItemsPage(
        workspace=workspace.path,
        items=[
            PagedItemDocument(
                **dict(each),
                head=_head(logs, each.work_item_id),
                runner=runner_of(service, workspace, logs, each.work_item_id),
                stage=stages.get(each.work_item_id),
            )
            for each in shown
        ],
        next=_cursor(shown[-1]) if len(rest) > limit else None,
        total=len(items),
    )


def runner_of(
    service: Service, workspace: ServedWorkspace, logs: EventLogs, item_id: str
) -> Literal["here", "elsewhere"] | None:
    """Return which process runs an item; None if none does."""
    if service.runs.has(workspace, item_id):
        return "here"
    with suppress(OSError):
        return "elsewhere" if logs.has_writer(item_id) else None
    return None


def _running_stages(
    service: Service, workspace: ServedWorkspace, shown: list[ListedDocument]
) -> dict[str, str | None]:
    """Return the stage that works on each active item; starts no program."""
    active = {each.work_item_id for each in shown if each.state is ItemState.ACTIVE}
    if not active:
        return {}
    found: dict[str, str | None] = {}
    with suppress(MillracerError):
        for event in service.operations.open_millrace(workspace).recent_events():  # newest first
            if event.item_id in active and event.item_id not in found:
                found[event.item_id] = event.stage if event.begins_stage else None
    return found


def _head(logs: EventLogs, item_id: str) -> str | None:
    with suppress(OSError), closing(logs.read(item_id)) as reader:
        return None if reader.head is None else str(reader.head)
    return None


def _position(item: ListedDocument) -> tuple[datetime, str]:
    return item.written_at, item.work_item_id


def _cursor(item: ListedDocument) -> str:
    return f"{round(item.written_at.timestamp() * _MICROSECONDS)}-{item.work_item_id}"


def _position_in(cursor: str) -> tuple[datetime, str]:
    number, dash, item_id = cursor.partition("-")
    with suppress(ValueError, OverflowError, OSError):
        if dash:
            return datetime.fromtimestamp(int(number) / _MICROSECONDS, UTC), item_id
    raise unusable("before", "it is not the `next` of a page")
