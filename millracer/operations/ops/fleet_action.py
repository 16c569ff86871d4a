"""Perform an operation on a fleet as an ops action."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any, Final

from pydantic import ValidationError

from millracer.cancellation import Cancellation
from millracer.domain.fleet.items import FleetItemState
from millracer.domain.operations import Operation, OperationName, load
from millracer.errors import ExitCode, InvalidRequest, MillracerError, RunWarning
from millracer.operations.answer import Answer
from millracer.operations.context import OperationContext, Tools
from millracer.operations.fleet_access import FleetAccess
from millracer.operations.ops.reply import (
    NOTHING_TO_COMPLETE,
    Reply,
    describe_error,
    describe_fleet_workspace,
)
from millracer.operations.ops.typed_action import KEPT_EXIT_CODES, status_of
from millracer.operations.options import OptionLayers
from millracer.operations.session.memory import SessionMemory
from millracer.ports import Clock
from millracer.schemas.base import Published
from millracer.schemas.ops.request import ReadRequest
from millracer.schemas.ops.result import CompletionDocument, OpsErrorDocument, OpsRoute, OpsStatus

#: The actions whose item may have an ops result of its own.
_WITH_RESULT: Final = frozenset({OperationName.FLEET_SUBMIT, OperationName.FLEET_SHOW})


def perform_on_fleet(  # noqa: PLR0913 - the ports
    operation: Operation,
    read: ReadRequest,
    *,
    tools: Tools,
    memory: SessionMemory,
    options: OptionLayers,
    clock: Clock,
    cancellation: Cancellation,
    fleet: FleetAccess,
) -> Reply:
    """Perform an operation; the document becomes the `result` of the ops result.

    Of an item that ended, `completion` and `raw_compat` are those of its own ops result.

    Raises:
        MillracerError: the operation failed.
        Cancelled: the caller asked to stop.
    """
    context = OperationContext.without_workspace(
        tools=tools,
        memory=memory,
        options=options,
        clock=clock,
        cancellation=cancellation,
        fleet=fleet,
    )
    request = _request(operation, read)
    answer: Answer[Published] = load(operation.handler)(request, context)
    document = answer.result.model_dump(mode="json")
    item = document.get("item") or {}
    reply = Reply(
        status=status_of(answer.exit_code),
        result=document,
        route=OpsRoute.MILLRACE if operation.writes else OpsRoute.STATUS_ONLY,
        workspace_ref=describe_fleet_workspace(
            read.request.workspace_ref,
            item.get("workspace_id") or getattr(request, "workspace_id", None),
        ),
        scope=read.scope if operation.ops_request else None,
        errors=tuple(map(_error, document["errors"])),
        exit_code=answer.exit_code if answer.exit_code in KEPT_EXIT_CODES else None,
    )
    if operation.ops_action in _WITH_RESULT and not document["errors"]:
        return _with_item(reply, operation.ops_action, answer, document)
    return reply


def _with_item(
    reply: Reply, action: str, answer: Answer[Published], document: Mapping[str, Any]
) -> Reply:
    """Add what the result of the item's own `enqueue` says."""
    if action == OperationName.FLEET_SHOW:  # the item could be shown, however it ended
        waited = answer.exit_code is ExitCode.TIMED_OUT and not _is_ended(document)
        status = OpsStatus.TIMED_OUT if waited else OpsStatus.SUCCEEDED
        reply = replace(reply, status=status, exit_code=None)
    stored = document["result"]
    if stored is None:
        return reply
    if action == OperationName.FLEET_SUBMIT and answer.exit_code is not ExitCode.COMPLETED:
        status = next((each for each in OpsStatus if each == stored.get("status")), reply.status)
        errors = [each for each in stored.get("errors") or () if isinstance(each, dict)]
        reply = replace(reply, status=status, errors=tuple(map(_error, errors)))
    try:
        raw = stored.get("raw_compat")
        model = load("millracer.schemas.run.document:RunResultDocument")
        return replace(
            reply,
            completion=CompletionDocument.model_validate(stored.get("completion")),
            raw_compat=None if raw is None else model.model_validate(raw),
        )
    except ValidationError:
        text = "the item's host has another version of Millracer; `result` has its own document"
        warning = RunWarning("result_of_other_version", text)
        return replace(reply, completion=_completion(document), warnings=(*reply.warnings, warning))


def _completion(document: Mapping[str, Any]) -> CompletionDocument:
    """Return what the database says about the completion of an item."""
    is_completed = bool((document.get("item") or {}).get("completed"))
    return NOTHING_TO_COMPLETE.model_copy(update={"scoped_completion": is_completed})


def _is_ended(document: Mapping[str, Any]) -> bool:
    return (document.get("item") or {}).get("state") == FleetItemState.ENDED


def _request(operation: Operation, read: ReadRequest) -> object:
    """Return the operation's request: the payload's fields, or what its own function makes."""
    named = read.request.workspace_ref.workspace_id
    if operation.ops_request:
        request: object = load(operation.ops_request)(read, named)
        return request
    request_type: Any = load(operation.request)
    given = {each.name: getattr(read.payload, each.name) for each in fields(request_type)}
    if "workspace_id" in given:
        given["workspace_id"] = given["workspace_id"] or named
        is_filter = operation.ops_action == OperationName.FLEET_LIST
        if given["workspace_id"] is None and not is_filter:
            raise InvalidRequest(
                f"{operation.ops_action} needs a workspace of the fleet",
                field="workspace_ref.workspace_id",
                suggested_action="name a workspace that `fleet_workspaces` lists",
            )
    return request_type(**given)


def _error(document: Mapping[str, Any]) -> OpsErrorDocument:
    return describe_error(
        MillracerError(
            str(document.get("message") or ""),
            code=str(document.get("code") or "failed"),
            suggested_action=document.get("suggested_action"),
        )
    )
