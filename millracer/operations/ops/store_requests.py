"""Requests about registered workspaces and sessions that are not sent as JSON."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping

from millracer.domain.operations import OperationName
from millracer.errors import MillracerError
from millracer.operations.ops.gateway import Answer, OpsGateway
from millracer.schemas.ops.request import (
    SCHEMA_VERSION,
    InvalidOpsRequest,
    OpsInput,
    OpsRequest,
    ReadRequest,
    SourceRef,
    WorkspaceRef,
    read_request,
)
from millracer.schemas.ops.result import SessionReply


def answer_store_request(
    gateway: OpsGateway,
    action: OperationName,
    payload: Mapping[str, object],
    *,
    source: str,
    handle: Callable[[ReadRequest], Answer],
) -> Answer:
    """Answer a request about the session store; a session that does not exist is an error.

    Args:
        gateway: refuses invalid requests.
        action: the ops action.
        payload: its `input.payload`.
        source: the kind of caller.
        handle: answers a valid request.
    """
    request = OpsRequest(
        schema_version=SCHEMA_VERSION,
        request_id=f"{source}-{uuid.uuid4().hex}",
        action=action,
        workspace_ref=WorkspaceRef(),
        source=SourceRef(kind=source),
        input=OpsInput(payload=dict(payload)),
    )
    try:
        read = read_request(request)
    except InvalidOpsRequest as error:
        return gateway.refuse_unreadable(error)
    answer = handle(read)
    if answer.result.result == SessionReply(session=None):
        return gateway.refuse(read, _no_such_session(read))
    return answer


def _no_such_session(read: ReadRequest) -> MillracerError:
    return MillracerError(
        f"there is no session {read.session_id!r}",
        code="session_unknown",
        suggested_action="list the sessions with `millracer sessions list`",
    )
