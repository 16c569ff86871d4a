"""The table of the API: the server's routes and its OpenAPI document derive from it.

It imports neither the server's libraries nor the models; a row names them as "module:attribute".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from millracer.domain.operations import OPERATIONS, OperationName

#: The prefix of all paths of the table.
API: Final = "/api/v1"

_HERE = "millracer.serve.handlers"
_REQUESTS = "millracer.schemas.serve.requests"
_ITEMS = "millracer.schemas.serve.items"
_WORKSPACES = "millracer.schemas.serve.workspaces:WorkspacesResult"
_EMPTY_QUERY = f"{_REQUESTS}:EmptyQuery"
_EMPTY_BODY = f"{_REQUESTS}:EmptyBody"
_ON_FLEET = f"{_HERE}.fleet:perform_on_fleet"

#: The header that identifies the work of a submission.
IDEMPOTENCY_KEY: Final = "Idempotency-Key"


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiRoute:
    """One route.

    Attributes:
        path: below `API`; parameters in braces.
        summary: what it does.
        handler: an async function of a `Call`, which returns a response.
        operation: the operation that it performs; None for one without.
        query: the model of the query parameters.
        body: the model of the JSON body; empty: there is none.
        answer: the model of the body of an answer; empty for a stream.
        status: the status of a success.
        more_statuses: further statuses of answers with the same model.
        errors: statuses of refusals, besides those that any route has.
        writes: whether it changes anything, so that a read-only server refuses it.
        streams: the media types of a stream.
        headers: request headers with a meaning, with their descriptions.
    """

    method: str
    path: str
    summary: str
    handler: str
    operation: OperationName | None = None
    query: str = _EMPTY_QUERY
    body: str = ""
    answer: str = ""
    status: int = 200
    more_statuses: tuple[int, ...] = ()
    errors: tuple[int, ...] = ()
    writes: bool = False
    streams: tuple[str, ...] = ()
    headers: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def operation_id(self) -> str:
        """A unique name: the method and the fixed parts of the path."""
        parts = [part.strip("{}") for part in self.path.split("/") if part]
        return "_".join((self.method.lower(), *parts)).replace(".", "_")

    @property
    def in_workspace(self) -> bool:
        """Whether its path names a workspace."""
        return "{ws}" in self.path


_WS = "/workspaces/{ws}"
_ITEM = f"{_WS}/items/{{id}}"
_EVENT_STREAMS = ("text/event-stream", "application/x-ndjson")
_LAST_EVENT = MappingProxyType(
    {"Last-Event-ID": "the `id` of the last event that the client has; counts before `after`"}
)


_N = OperationName
_FLEET = "millracer.schemas.serve.fleet"
_FLEET_ERRORS: Final = (403, 404, 409, 422, 503)
_UNUSABLE = (404, 409, 422, 503, 504)


def _performs(  # noqa: PLR0913 - the parts of a row
    path: str,
    name: OperationName,
    *,
    query: str = _EMPTY_QUERY,
    body: str = "",
    summary: str = "",
    handler: str = f"{_HERE}.operations:perform_operation",
    more_statuses: tuple[int, ...] = (),
    errors: tuple[int, ...] = _UNUSABLE,
) -> ApiRoute:
    """Return the route of an operation: with a body it writes, without one it reads.

    Its summary is the operation's help, unless another one is given.
    """
    return ApiRoute(
        method="POST" if body else "GET",
        path=path,
        summary=summary or OPERATIONS[name].help,
        handler=handler,
        operation=name,
        query=query,
        body=body,
        answer=OPERATIONS[name].result,
        more_statuses=more_statuses,
        errors=errors,
        writes=bool(body),
    )


def _controls(path: str, name: OperationName, body: str = "EmptyBody") -> ApiRoute:
    return _performs(path, name, body=f"{_REQUESTS}:{body}", more_statuses=(202,))


def _fleet_reads(
    path: str, name: OperationName, query: str = _EMPTY_QUERY, summary: str = ""
) -> ApiRoute:
    return _performs(
        f"/fleet{path}",
        name,
        query=query,
        summary=summary,
        handler=_ON_FLEET,
        errors=_FLEET_ERRORS,
    )


def _fleet_controls(path: str, name: OperationName, body: str = _EMPTY_BODY) -> ApiRoute:
    return _performs(
        f"/fleet{path}",
        name,
        body=body,
        handler=_ON_FLEET,
        more_statuses=(202,),
        errors=_FLEET_ERRORS,
    )


ROUTES: Final[tuple[ApiRoute, ...]] = (
    ApiRoute(
        method="GET",
        path="/board",
        summary="Show all workspaces at a glance.",
        handler=f"{_HERE}.board:show_board",
        answer="millracer.schemas.serve.board:BoardResult",
    ),
    ApiRoute(
        method="GET",
        path="/events",
        summary="Stream the changes of all workspaces.",
        handler=f"{_HERE}.changes:stream_changes",
        streams=_EVENT_STREAMS,
        errors=(429,),
    ),
    ApiRoute(
        method="GET",
        path="/workspaces",
        summary="List the served workspaces.",
        handler=f"{_HERE}.workspaces:list_workspaces",
        answer=_WORKSPACES,
    ),
    ApiRoute(
        method="POST",
        path="/workspaces",
        summary="Register a workspace.",
        handler=f"{_HERE}.workspaces:register_workspace",
        body=f"{_REQUESTS}:RegisterBody",
        answer=_WORKSPACES,
        errors=(409, 422, 503),
        writes=True,
    ),
    ApiRoute(
        method="DELETE",
        path=_WS,
        summary="Unregister a workspace; its directory is not changed.",
        handler=f"{_HERE}.workspaces:forget_workspace",
        answer=_WORKSPACES,
        errors=(404, 503),
        writes=True,
    ),
    _performs(f"{_WS}/status", _N.STATUS),
    ApiRoute(
        method="GET",
        path=f"{_WS}/items",
        summary="List the work items page by page, the last written first.",
        handler=f"{_HERE}.items:list_items",
        operation=_N.LIST,
        query=f"{_REQUESTS}:ItemsQuery",
        answer=f"{_ITEMS}:ItemsPage",
        errors=_UNUSABLE,
    ),
    ApiRoute(
        method="POST",
        path=f"{_WS}/items",
        summary="Delegate a task: add it to Millrace's queue, and run it here.",
        handler=f"{_HERE}.items:submit_item",
        operation=_N.SUBMIT,
        body=f"{_REQUESTS}:SubmitBody",
        answer=f"{_ITEMS}:AcceptedResult",
        status=202,
        errors=(404, 409, 422, 429, 503, 504),
        writes=True,
        headers=MappingProxyType(
            {IDEMPOTENCY_KEY: "identifies the work instead of the request id"}
        ),
    ),
    _performs(_ITEM, _N.SHOW),
    _performs(
        f"{_ITEM}/attempts",
        _N.HISTORY,
        summary="List the attempts at one work item that were watched here.",
        handler=f"{_HERE}.items:list_attempts",
    ),
    ApiRoute(
        method="GET",
        path=f"{_ITEM}/events",
        summary="Stream the events of one work item, and its result as the last frame.",
        handler=f"{_HERE}.events:stream_events",
        query=f"{_REQUESTS}:EventsQuery",
        streams=_EVENT_STREAMS,
        errors=(404, 422, 429, 503),
        headers=_LAST_EVENT,
    ),
    _performs(f"{_ITEM}/logs", _N.LOGS, query=f"{_REQUESTS}:LogsQuery"),
    _performs(f"{_ITEM}/diff", _N.DIFF),
    _performs(f"{_ITEM}/trace", _N.TRACE),
    ApiRoute(
        method="POST",
        path=f"{_ITEM}/watch",
        summary="Run an item on this server until it ends, as `millracer watch` does.",
        handler=f"{_HERE}.items:watch_item",
        operation=_N.WATCH,
        body=f"{_REQUESTS}:WatchBody",
        answer=f"{_ITEMS}:AcceptedResult",
        status=202,
        errors=(404, 409, 422, 429, 503, 504),
        writes=True,
    ),
    _performs(f"{_ITEM}/certify", _N.CERTIFY, body=f"{_REQUESTS}:CertifyBody"),
    _controls(f"{_ITEM}/cancel", _N.CANCEL, "ReasonBody"),
    _controls(f"{_ITEM}/retry", _N.RETRY, "ReasonBody"),
    _controls(f"{_WS}/pause", _N.PAUSE),
    _controls(f"{_WS}/resume", _N.RESUME),
    _controls(f"{_WS}/start", _N.START),
    _controls(f"{_WS}/stop", _N.STOP, "StopBody"),
    _performs(f"{_WS}/history", _N.HISTORY),
    _performs(
        f"{_WS}/runs",
        _N.LIST_RUNS,
        query=f"{_REQUESTS}:RunsQuery",
        summary="List Millrace's runs.",
    ),
    _performs(f"{_WS}/runs/{{run_id}}", _N.SHOW_RUN, summary="Show one run of Millrace."),
    _performs(f"{_WS}/models", _N.MODELS, summary="Show the models of pi and the stages."),
    _performs(
        f"{_WS}/models",
        _N.MODELS,
        body=f"{_REQUESTS}:ModelsBody",
        summary="Set the models of the stages.",
    ),
    _performs(f"{_WS}/doctor", _N.DIAGNOSE, summary="Check whether a run would work."),
    ApiRoute(
        method="GET",
        path=f"{_WS}/log",
        summary="Show the output of the last daemon, or stream it.",
        handler=f"{_HERE}.daemon_log:show_log",
        query=f"{_REQUESTS}:LogQuery",
        streams=("text/plain", "text/event-stream"),
        errors=(404, 422, 429),
        headers=_LAST_EVENT,
    ),
    ApiRoute(
        method="GET",
        path="/fleet",
        summary="Show the fleet at a glance.",
        handler=f"{_HERE}.fleet:show_overview",
        answer=f"{_FLEET}:FleetOverview",
        errors=_FLEET_ERRORS,
    ),
    _fleet_reads(
        "/items", _N.FLEET_LIST, f"{_FLEET}:FleetItemsQuery", "List the items of the fleet."
    ),
    _fleet_reads("/items/{id}", _N.FLEET_SHOW),
    _fleet_controls("/items/{id}/cancel", _N.FLEET_CANCEL, f"{_FLEET}:FleetCancelBody"),
    _fleet_controls("/items/{id}/retry", _N.FLEET_RETRY),
    _fleet_reads("/hosts", _N.FLEET_HOSTS),
    _fleet_controls("/hosts/{host}/drain", _N.FLEET_DRAIN, f"{_FLEET}:FleetDrainBody"),
    _fleet_reads("/workspaces", _N.FLEET_WORKSPACES),
    _fleet_controls("/workspaces/{workspace_id}/pause", _N.FLEET_PAUSE, f"{_FLEET}:FleetPauseBody"),
    _fleet_controls("/workspaces/{workspace_id}/resume", _N.FLEET_RESUME),
    ApiRoute(
        method="POST",
        path="/ops",
        summary="Answer an ops request, as `millracer ops --json` does.",
        handler=f"{_HERE}.ops:answer_ops",
        body="millracer.schemas.ops.request:OpsRequest",
        answer="millracer.schemas.ops.result:OpsResult",
        errors=(404,),
    ),
    ApiRoute(
        method="GET",
        path="/openapi.json",
        summary="Describe this API.",
        handler=f"{_HERE}.description:show_openapi",
    ),
)
