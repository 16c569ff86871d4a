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


def _reads(
    path: str,
    name: OperationName,
    summary: str,
    query: str = "EmptyQuery",
    *,
    errors: tuple[int, ...],
) -> ApiRoute:
    return ApiRoute(
        method="GET",
        path=path,
        summary=summary,
        handler=f"{_HERE}.operations:perform_operation",
        operation=name,
        query=f"{_REQUESTS}:{query}",
        answer=OPERATIONS[name].result,
        errors=errors,
    )


def _controls(path: str, name: OperationName, body: str = "EmptyBody") -> ApiRoute:
    return ApiRoute(
        method="POST",
        path=path,
        summary=OPERATIONS[name].help,
        handler=f"{_HERE}.operations:perform_operation",
        operation=name,
        body=f"{_REQUESTS}:{body}",
        answer=OPERATIONS[name].result,
        more_statuses=(202,),
        errors=(404, 409, 422, 503, 504),
        writes=True,
    )


def _on_fleet(  # noqa: PLR0913 - the parts of a row
    method: str,
    path: str,
    name: OperationName,
    summary: str,
    *,
    query: str = _EMPTY_QUERY,
    body: str = "",
) -> ApiRoute:
    return ApiRoute(
        method=method,
        path=f"/fleet{path}",
        summary=summary,
        handler=f"{_HERE}.fleet:perform_on_fleet",
        operation=name,
        query=query,
        body=body,
        answer=OPERATIONS[name].result,
        more_statuses=(202,) if body else (),
        errors=_FLEET_ERRORS,
        writes=bool(body),
    )


_N = OperationName
_FLEET = "millracer.schemas.serve.fleet"
_FLEET_ERRORS: Final = (403, 404, 409, 422, 503)
_UNUSABLE = (404, 409, 422, 503, 504)

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
    _reads(f"{_WS}/status", _N.STATUS, "Show the state of a workspace.", errors=_UNUSABLE),
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
    _reads(_ITEM, _N.SHOW, "Show everything about one work item.", errors=_UNUSABLE),
    ApiRoute(
        method="GET",
        path=f"{_ITEM}/attempts",
        summary="List the attempts at one work item that were watched here.",
        handler=f"{_HERE}.items:list_attempts",
        operation=_N.HISTORY,
        answer=OPERATIONS[_N.HISTORY].result,
        errors=_UNUSABLE,
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
    _reads(
        f"{_ITEM}/logs",
        _N.LOGS,
        "Show what the agents of a work item's stages said and did.",
        "LogsQuery",
        errors=_UNUSABLE,
    ),
    _reads(
        f"{_ITEM}/diff",
        _N.DIFF,
        "Show what changed in the workspace during an item's work.",
        errors=_UNUSABLE,
    ),
    _reads(
        f"{_ITEM}/trace",
        _N.TRACE,
        "Show Millrace's evidence about one work item.",
        errors=_UNUSABLE,
    ),
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
    _controls(f"{_ITEM}/cancel", _N.CANCEL, "ReasonBody"),
    _controls(f"{_ITEM}/retry", _N.RETRY, "ReasonBody"),
    _controls(f"{_WS}/pause", _N.PAUSE),
    _controls(f"{_WS}/resume", _N.RESUME),
    _controls(f"{_WS}/start", _N.START),
    _controls(f"{_WS}/stop", _N.STOP, "StopBody"),
    _reads(
        f"{_WS}/history",
        _N.HISTORY,
        "List the attempts at work items that were watched here.",
        errors=_UNUSABLE,
    ),
    _reads(f"{_WS}/runs", _N.LIST_RUNS, "List Millrace's runs.", "RunsQuery", errors=_UNUSABLE),
    _reads(f"{_WS}/runs/{{run_id}}", _N.SHOW_RUN, "Show one run of Millrace.", errors=_UNUSABLE),
    _reads(f"{_WS}/models", _N.MODELS, "Show the models of pi and the stages.", errors=_UNUSABLE),
    ApiRoute(
        method="POST",
        path=f"{_WS}/models",
        summary="Set the models of the stages.",
        handler=f"{_HERE}.operations:perform_operation",
        operation=_N.MODELS,
        body=f"{_REQUESTS}:ModelsBody",
        answer=OPERATIONS[_N.MODELS].result,
        errors=_UNUSABLE,
        writes=True,
    ),
    _reads(f"{_WS}/doctor", _N.DIAGNOSE, "Check whether a run would work.", errors=_UNUSABLE),
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
    _on_fleet(
        "GET",
        "/items",
        _N.FLEET_LIST,
        "List the items of the fleet.",
        query=f"{_FLEET}:FleetItemsQuery",
    ),
    _on_fleet("GET", "/items/{id}", _N.FLEET_SHOW, "Show everything about one item of the fleet."),
    _on_fleet(
        "POST",
        "/items/{id}/cancel",
        _N.FLEET_CANCEL,
        "Cancel one item of the fleet.",
        body=f"{_FLEET}:FleetCancelBody",
    ),
    _on_fleet(
        "POST",
        "/items/{id}/retry",
        _N.FLEET_RETRY,
        "Dispatch one item of the fleet again that was set aside.",
        body=f"{_REQUESTS}:EmptyBody",
    ),
    _on_fleet("GET", "/hosts", _N.FLEET_HOSTS, "List the hosts of the fleet."),
    _on_fleet(
        "POST",
        "/hosts/{host}/drain",
        _N.FLEET_DRAIN,
        "Let a host of the fleet start nothing new.",
        body=f"{_FLEET}:FleetDrainBody",
    ),
    _on_fleet("GET", "/workspaces", _N.FLEET_WORKSPACES, "List the workspaces of the fleet."),
    _on_fleet(
        "POST",
        "/workspaces/{workspace_id}/pause",
        _N.FLEET_PAUSE,
        "Start no item in a workspace of the fleet.",
        body=f"{_FLEET}:FleetPauseBody",
    ),
    _on_fleet(
        "POST",
        "/workspaces/{workspace_id}/resume",
        _N.FLEET_RESUME,
        "End the pause of a workspace of the fleet.",
        body=f"{_REQUESTS}:EmptyBody",
    ),
    ApiRoute(
        method="POST",
        path="/ops",
        summary="Answer an ops request, as `millracer ops --json` does.",
        handler=f"{_HERE}.ops:answer_ops",
        body="millracer.schemas.ops.request:OpsRequest",
        answer="millracer.schemas.ops.result:OpsResult",
        errors=(404,),
        headers=MappingProxyType({}),
    ),
    ApiRoute(
        method="GET",
        path="/openapi.json",
        summary="Describe this API.",
        handler=f"{_HERE}.description:show_openapi",
    ),
)
