"""Perform an operation of the registry as an ops action.

The payload gives the request's fields, which have the same names. The operation's published
document becomes the `result` of the ops result.
"""

from __future__ import annotations

import secrets
from dataclasses import fields
from typing import Any

from millracer.cancellation import Cancellation
from millracer.domain.operations import Operation, OpsVersion, load
from millracer.errors import ExitCode, MillracerError
from millracer.operations.answer import Answer
from millracer.operations.context import (
    OperationContext,
    SelectedWorkspace,
    Target,
    Tools,
    given_by,
    require_directory,
)
from millracer.operations.ops.preferences import preference_warnings
from millracer.operations.ops.reply import (
    Reply,
    describe_error,
    describe_resolution,
    describe_taken,
)
from millracer.operations.options import OptionLayers
from millracer.operations.session.memory import SessionMemory
from millracer.ports import Clock, Directories
from millracer.schemas.base import Published
from millracer.schemas.doctor import DoctorResult
from millracer.schemas.ops.request import ReadRequest
from millracer.schemas.ops.result import OpsErrorDocument, OpsRoute, OpsStatus

_STATUSES = {
    ExitCode.COMPLETED: OpsStatus.SUCCEEDED,
    ExitCode.BLOCKED: OpsStatus.BLOCKED,
    ExitCode.INCOMPLETE: OpsStatus.INCOMPLETE,
    ExitCode.TIMED_OUT: OpsStatus.TIMED_OUT,
    ExitCode.INTERRUPTED: OpsStatus.CANCELLED,
    ExitCode.TERMINATED: OpsStatus.CANCELLED,
}
#: Exit codes that do not follow from the ops status.
KEPT_EXIT_CODES = frozenset({ExitCode.USAGE, ExitCode.INTERRUPTED, ExitCode.TERMINATED})


def status_of(exit_code: ExitCode) -> OpsStatus:
    """Return the ops status of an operation with an exit code."""
    return _STATUSES.get(exit_code, OpsStatus.FAILED)


def perform_typed(  # noqa: PLR0913 - the ports
    operation: Operation,
    read: ReadRequest,
    target: Target,
    *,
    tools: Tools,
    memory: SessionMemory,
    options: OptionLayers,
    directories: Directories,
    clock: Clock,
    cancellation: Cancellation,
    session_id: str,
) -> Reply:
    """Perform an operation in the target workspace.

    Raises:
        MillracerError: the operation failed.
        Cancelled: the caller asked to stop.
    """
    place = SelectedWorkspace(
        root_path=target.resolution.root_path, resolution=target.resolution, mode=target.mode
    )
    require_directory(place.root_path, directories)
    context = OperationContext(
        tools=tools,
        memory=memory,
        options=_options(options, read, target),
        clock=clock,
        cancellation=cancellation,
        find_workspace=lambda: place,
        new_identity=_new_identity,
        session_id=session_id,
    )
    answer: Answer[Published] = load(operation.handler)(_request(operation, read, target), context)
    document = answer.result.model_dump(mode="json")
    return Reply(
        status=status_of(answer.exit_code),
        result={
            **document,
            "resolution": describe_resolution(target.resolution).model_dump(mode="json"),
        },
        route=OpsRoute.MILLRACE if operation.writes else OpsRoute.STATUS_ONLY,
        workspace_ref=describe_taken(read.request.workspace_ref, target.resolution, target.mode),
        scope=read.scope if operation.ops_request else None,
        warnings=tuple(preference_warnings(read)),
        errors=_errors(answer.result, document),
        exit_code=answer.exit_code if answer.exit_code in KEPT_EXIT_CODES else None,
    )


def _request(operation: Operation, read: ReadRequest, target: Target) -> object:
    if operation.ops_request:
        request: object = load(operation.ops_request)(read, target)
        return request
    request_type: Any = load(operation.request)
    return request_type(
        **{each.name: getattr(read.payload, each.name) for each in fields(request_type)}
    )


def _options(options: OptionLayers, read: ReadRequest, target: Target) -> OptionLayers:
    """Return the options of the operation; in v0.2, a request gives the mode alone."""
    if read.version is OpsVersion.V02:
        return options.with_values(millrace_mode=target.merged.named_mode)
    return options.with_values(**given_by(read))


def _errors(result: Published, document: dict[str, Any]) -> tuple[OpsErrorDocument, ...]:
    errors = tuple(map(_error, document["errors"]))
    if not errors and isinstance(result, DoctorResult):
        return tuple(map(describe_error, result.causes()))
    return errors


def _error(document: dict[str, Any]) -> OpsErrorDocument:
    return describe_error(
        MillracerError(
            document["message"],
            code=document["code"],
            suggested_action=document["suggested_action"],
        )
    )


def _new_identity() -> str:
    return secrets.token_hex(16)
