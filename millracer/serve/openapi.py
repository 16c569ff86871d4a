"""The OpenAPI 3.1 document, made from the table of routes. It needs no server library."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Literal

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from millracer import __version__
from millracer.domain.operations import load
from millracer.schemas.ops.frame import EventFrame
from millracer.schemas.serve.errors import HttpFailure
from millracer.serve.routes import API, ROUTES, ApiRoute

_REF = "#/components/schemas/{model}"
_JSON = "application/json"
_PARAMETER = re.compile(r"\{(\w+)\}")
_PATH_PARAMETERS = {
    "ws": "the key of a workspace, or its registered id",
    "id": "the id of a work item, or the id of its request",
    "run_id": "Millrace's id of the run",
    "host": "the name of a host of the fleet",
    "workspace_id": "the id of a workspace in the fleet",
}
#: Statuses of refusals that any route may have.
_ALWAYS = (401, 403, 421, 422, 431, 500, 503)
_OF_WRITES = (400, 405, 413, 415)
_Mode = Literal["validation", "serialization"]
#: The reference to each model.
_Names = Mapping[Any, Any]


@functools.cache
def openapi_document() -> dict[str, Any]:
    """Return the document."""
    names, schemas = _schemas()
    paths: dict[str, dict[str, Any]] = {}
    for route in ROUTES:
        operation = _operation(route, names)
        paths.setdefault(f"{API}{route.path}", {})[route.method.lower()] = operation
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Millracer",
            "version": __version__,
            "summary": "Delegate work to Millrace and watch it.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "The token of the link that `millracer serve` prints.",
                }
            },
            "schemas": schemas,
        },
    }


def render_openapi() -> str:
    """Return the document as JSON."""
    return json.dumps(openapi_document(), indent=2)


def _models() -> list[tuple[type[BaseModel], _Mode]]:
    found: dict[tuple[type[BaseModel], _Mode], None] = {
        (HttpFailure, "serialization"): None,
        (EventFrame, "serialization"): None,
    }
    for route in ROUTES:
        if route.body:
            found[load(route.body), "validation"] = None
        if route.answer:
            found[load(route.answer), "serialization"] = None
    return list(found)


def _schemas() -> tuple[_Names, dict[str, Any]]:
    names, shared = models_json_schema(_models(), ref_template=_REF)
    return names, shared["$defs"]


def _operation(route: ApiRoute, names: _Names) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": route.operation_id,
        "summary": route.summary,
        "parameters": [*_path_parameters(route), *_query_parameters(route), *_headers(route)],
        "responses": _responses(route, names),
    }
    if route.body:
        model = load(route.body)
        operation["requestBody"] = {
            "required": bool(model.model_json_schema().get("required")),
            "content": {_JSON: {"schema": names[model, "validation"]}},
        }
    return operation


def _path_parameters(route: ApiRoute) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "in": "path",
            "required": True,
            "description": _PATH_PARAMETERS[name],
            "schema": {"type": "string", "minLength": 1},
        }
        for name in _PARAMETER.findall(route.path)
    ]


def _query_parameters(route: ApiRoute) -> list[dict[str, Any]]:
    schema = load(route.query).model_json_schema(ref_template=_REF)
    local = schema.get("$defs", {})
    parameters = []
    for name, described in schema.get("properties", {}).items():
        field = _inlined(described, local)
        parameters.append(
            {
                "name": name,
                "in": "query",
                "required": name in schema.get("required", ()),
                "description": field.pop("description", ""),
                "schema": _without_null(field),
            }
        )
    return parameters


def _inlined(value: Any, local: dict[str, Any]) -> Any:
    """Return a schema with its references to local definitions replaced by these."""
    if isinstance(value, list):
        return [_inlined(each, local) for each in value]
    if not isinstance(value, dict):
        return value
    name = str(value.get("$ref", "")).rpartition("/")[2]
    if name in local:
        return _inlined(local[name], local)
    return {key: _inlined(each, local) for key, each in value.items()}


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a parameter, which is absent instead of null."""
    choices = [each for each in schema.get("anyOf", ()) if each != {"type": "null"}]
    if len(choices) == 1:
        rest = {key: each for key, each in schema.items() if key not in {"anyOf", "default"}}
        return {**rest, **choices[0]}
    return schema


def _headers(route: ApiRoute) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "in": "header",
            "required": False,
            "description": description,
            "schema": {"type": "string"},
        }
        for name, description in route.headers.items()
    ]


def _responses(route: ApiRoute, names: _Names) -> dict[str, Any]:
    content: dict[str, Any]
    if route.streams:
        content = {each: {"schema": {"type": "string"}} for each in route.streams}
    elif route.answer:
        content = {_JSON: {"schema": names[load(route.answer), "serialization"]}}
    else:
        content = {_JSON: {"schema": {"type": "object"}}}
    found = {
        str(status): {"description": HTTPStatus(status).phrase, "content": content}
        for status in (route.status, *route.more_statuses)
    }
    failure = {_JSON: {"schema": names[HttpFailure, "serialization"]}}
    refused = {*_ALWAYS, *route.errors}
    if route.method != "GET":
        refused |= set(_OF_WRITES)
    for status in sorted(refused):
        found[str(status)] = {"description": HTTPStatus(status).phrase, "content": failure}
    return found
