"""One request of the API, and its answer."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response

from millracer.domain.operations import load
from millracer.schemas.base import Published, render_line
from millracer.schemas.encoding import NotUtf8, read_document
from millracer.serve.errors import Refusal
from millracer.serve.routes import ApiRoute
from millracer.serve.service import Service
from millracer.serve.workspaces import ServedWorkspace

#: The most bytes of a body.
BODY_LIMIT_BYTES = 16 * 1024 * 1024

_Model = TypeVar("_Model", bound=BaseModel)
_JSON = "application/json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request.

    Attributes:
        query: the parsed query parameters.
        body: the parsed body; None for a route without one.
        place: the workspace that the path names; None for a path without one.
    """

    service: Service
    route: ApiRoute
    request: Request
    query: Any
    body: Any
    place: ServedWorkspace | None

    @property
    def workspace(self) -> ServedWorkspace:
        """The workspace that the path names."""
        if self.place is None:
            raise ValueError(f"the route {self.route.path} has no workspace")
        return self.place

    @property
    def item(self) -> str:
        """The item that the path names."""
        return str(self.request.path_params["id"])


async def read_call(service: Service, route: ApiRoute, request: Request) -> Call:
    """Read and check a request.

    Raises:
        Refusal: a part of it cannot be used.
    """
    for name, value in request.path_params.items():
        if "\0" in value or not value.strip():
            raise unusable(name, "it is not a name")
    query = _read_query(load(route.query), request.query_params)
    body = None
    if route.body and not route.body.endswith(":OpsRequest"):
        body = _read_body(load(route.body), await read_bytes(request))
    place = None
    if route.in_workspace:
        place = await service.find_workspace(request.path_params["ws"])
        if not place.exists and route.method != "DELETE":
            raise Refusal(
                HTTPStatus.NOT_FOUND,
                f"the workspace {place.path} is not a directory any more",
                "create the directory, or unregister the workspace",
                code="workspace_missing",
            )
    return Call(service=service, route=route, request=request, query=query, body=body, place=place)


async def read_bytes(request: Request) -> bytes:
    """Return the body of a request.

    Raises:
        Refusal: it is too large.
    """
    found = bytearray()
    async for chunk in request.stream():
        found += chunk
        if len(found) > BODY_LIMIT_BYTES:
            raise too_large()
    return bytes(found)


def too_large() -> Refusal:
    """Return the refusal of a body that is too large."""
    return Refusal(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        f"the body has more than {BODY_LIMIT_BYTES} bytes",
        "send a shorter request",
        headers={"Connection": "close"},
        code="body_too_large",
    )


def reply(document: Published, status: int = HTTPStatus.OK) -> Response:
    """Return the answer with a document, without secrets."""
    return Response(f"{render_line(document)}\n", status, media_type=_JSON)


def reply_json(document: dict[str, Any]) -> Response:
    """Return the answer with a document that holds no secrets."""
    return Response(f"{json.dumps(document)}\n", media_type=_JSON)


def reply_refusal(refusal: Refusal) -> Response:
    """Return the answer to a request that is refused."""
    answer = reply(refusal.failure, refusal.status)
    answer.headers.update(refusal.headers)
    return answer


def _read_query(model: type[_Model], given: QueryParams) -> _Model:
    values: dict[str, Any] = {}
    for name in given:
        every = given.getlist(name)
        field = model.model_fields.get(name)
        is_list = field is not None and str(field.annotation).startswith("list")
        if not is_list and len(every) > 1:
            raise unusable(name, "the parameter may be given once")
        values[name] = every if is_list else every[0]
    return _validated(lambda: model.model_validate(values))


def _read_body(model: type[_Model], raw: bytes) -> _Model:
    try:
        text = read_document(raw)
    except NotUtf8 as error:
        raise _unreadable(str(error)) from error
    return _validated(lambda: model.model_validate_json(text if text.strip() else "{}"))


def _unreadable(problem: str) -> Refusal:
    return Refusal(
        HTTPStatus.BAD_REQUEST,
        f"the body is not JSON: {problem}",
        "send one JSON object in UTF-8",
        code="unreadable_json",
    )


def _validated(validate: Callable[[], _Model]) -> _Model:
    try:
        return validate()
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        if first["type"] == "json_invalid":
            raise _unreadable(str(first["msg"])) from error
        field = ".".join(map(str, first["loc"])) or None
        raise unusable(field, str(first["msg"])) from error


def unusable(field: str | None, problem: str) -> Refusal:
    """Return the refusal of a field that cannot be used; None: the whole request."""
    what = "the request" if field is None else f"{field!r:.100}"
    return Refusal(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        f"{what} cannot be used: {problem}",
        "see the description of the API in /api/v1/openapi.json",
        field=field,
        code="invalid_request",
    )
