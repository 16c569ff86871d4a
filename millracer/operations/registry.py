"""The table of operations: command line, library and ops gateway look up operations here.

A handler is imported when its operation is performed. It takes a request and an `OperationContext`
and returns an `Answer` with one published document; `perform` turns its errors into such a
document. The operations on workspaces and sessions take an ops request instead, and the ops gateway
performs them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, cast

from millracer.cancellation import Cancelled
from millracer.domain.failures import CallerCancelled, exit_code_of_failure
from millracer.domain.operations import OperationName
from millracer.errors import MillracerError
from millracer.operations.answer import Answer

if TYPE_CHECKING:
    from millracer.operations.context import OperationContext
    from millracer.schemas.base import Published


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One operation. Names of code are "module:attribute".

    Attributes:
        request: the model of its request.
        result: the model of its result document.
        handler: performs it for a caller with options; empty where only ops requests exist.
        failure: returns the result document of an error.
        ops_handler: performs it as an ops action of the same name; empty where there is no action.
        ops_action: the name of the ops action, None where there is none.
        on_store: whether the ops action uses the session store alone.
        writes: whether it changes the workspace, the queue, the daemon or the session store.
        warms_up: whether it always calls Millrace, so that an early start of it saves time.
    """

    request: str
    result: str
    handler: str = ""
    failure: str = ""
    ops_handler: str = ""
    ops_action: str | None = None
    on_store: bool = False
    writes: bool
    warms_up: bool = False

    def load_failure(self) -> Callable[[MillracerError, str], Published]:
        """Return the function that describes an error, and import its modules now."""
        return cast("Callable[[MillracerError, str], Published]", load(self.failure))


def load(target: str) -> Any:
    """Return the attribute that "module:attribute" names; dots select members of a class."""
    module, _, names = target.partition(":")
    found: Any = import_module(module)
    for name in names.split("."):
        found = getattr(found, name)
    return found


def perform(
    name: OperationName,
    request: object,
    context: OperationContext,
    request_id: str | None = None,
) -> Answer[Any]:
    """Perform an operation; errors and the caller's cancellation become its result document.

    Raises:
        Exception: a bug. The front door logs it and reports it with `fail`.
    """
    operation = OPERATIONS[name]
    handler = load(operation.handler)
    operation.load_failure()
    try:
        return cast("Answer[Any]", handler(request, context))
    except Cancelled as cancelled:
        return fail(name, CallerCancelled(cancelled.reason), request_id)
    except MillracerError as error:
        return fail(name, error, request_id)


def fail(name: OperationName, error: MillracerError, request_id: str | None = None) -> Answer[Any]:
    """Return the answer of an operation that ended in an error."""
    result = OPERATIONS[name].load_failure()(error, name)
    if request_id is not None:
        result = result.model_copy(update={"request_id": request_id})
    return Answer(result=result, exit_code=exit_code_of_failure(error))


_REQUESTS = "millracer.domain.operations"
_SCHEMAS = "millracer.schemas"
_CONTROL = f"{_SCHEMAS}.control"


def _control(request: str, handler: str, *, warms_up: bool = True) -> Operation:
    return Operation(
        request=f"{_REQUESTS}:{request}",
        result=f"{_CONTROL}:ControlResult",
        handler=f"millracer.operations.{handler}",
        failure=f"{_CONTROL}:describe_failure",
        writes=True,
        warms_up=warms_up,
    )


def _on_store(action: OperationName, result: str, *, writes: bool) -> Operation:
    return Operation(
        request=f"{_SCHEMAS}.ops.request:OpsRequest",
        result=f"{_SCHEMAS}.ops.result:{result}",
        ops_handler=f"millracer.operations.sessions:SessionActions.{action}",
        ops_action=action,
        on_store=True,
        writes=writes,
    )


OPERATIONS: Mapping[OperationName, Operation] = {
    OperationName.RUN: Operation(
        request="millracer.operations.context:PreparedTask",
        result=f"{_SCHEMAS}.run:RunResultDocument",
        ops_handler="millracer.operations.run:run_task",
        ops_action="enqueue",
        writes=True,
    ),
    OperationName.SUBMIT: Operation(
        request="millracer.operations.context:PreparedTask",
        result=f"{_SCHEMAS}.submit:SubmitResult",
        handler="millracer.operations.submit:answer_submit",
        failure=f"{_SCHEMAS}.submit:describe_failure",
        writes=True,
        warms_up=True,
    ),
    OperationName.STATUS: Operation(
        request=f"{_REQUESTS}:StatusRequest",
        result=f"{_SCHEMAS}.status:StatusResult",
        handler="millracer.operations.workspace_status:answer_status",
        failure=f"{_SCHEMAS}.status:describe_failure",
        ops_handler="millracer.operations.status:report_status",
        ops_action="status",
        writes=False,
    ),
    OperationName.CANCEL: _control("CancelRequest", "cancel:answer_cancel"),
    OperationName.PAUSE: _control("PauseRequest", "control:answer_pause"),
    OperationName.RESUME: _control("ResumeRequest", "control:answer_resume"),
    OperationName.STOP: _control("StopRequest", "control:answer_stop", warms_up=False),
    OperationName.MODELS: Operation(
        request=f"{_REQUESTS}:ModelsRequest",
        result=f"{_SCHEMAS}.models:ModelsResult",
        handler="millracer.operations.models:answer_models",
        failure=f"{_SCHEMAS}.models:describe_failure",
        writes=True,
        warms_up=True,
    ),
    OperationName.LIST_WORKSPACES: _on_store(
        OperationName.LIST_WORKSPACES, "WorkspacesReply", writes=False
    ),
    OperationName.REGISTER_WORKSPACE: _on_store(
        OperationName.REGISTER_WORKSPACE, "WorkspaceReply", writes=True
    ),
    OperationName.FORGET_WORKSPACE: _on_store(
        OperationName.FORGET_WORKSPACE, "WorkspaceReply", writes=True
    ),
    OperationName.SELECT_WORKSPACE: _on_store(
        OperationName.SELECT_WORKSPACE, "SessionReply", writes=True
    ),
    OperationName.LIST_SESSIONS: _on_store(
        OperationName.LIST_SESSIONS, "SessionsReply", writes=False
    ),
    OperationName.INSPECT_SESSION: _on_store(
        OperationName.INSPECT_SESSION, "SessionReply", writes=False
    ),
    OperationName.FORGET_SESSION: _on_store(
        OperationName.FORGET_SESSION, "SessionReply", writes=True
    ),
}
