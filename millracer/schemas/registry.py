"""The JSON Schemas of the documents callers send and get, made from the models."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, assert_never

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from millracer.domain.operations import ACTIONS
from millracer.schemas.base import WHITE_SPACE
from millracer.schemas.config import ConfigResult
from millracer.schemas.control import ControlResult
from millracer.schemas.doctor import DoctorResult
from millracer.schemas.models import ModelsResult
from millracer.schemas.names import SchemaName
from millracer.schemas.ops.payloads import Payload, payload_of
from millracer.schemas.ops.request import OpsRequest
from millracer.schemas.ops.result import OpsResult
from millracer.schemas.run import RunResultDocument
from millracer.schemas.status import StatusResult
from millracer.schemas.submit import SubmitResult

_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def render_schema(name: SchemaName) -> str:
    """Return a document's JSON Schema as JSON."""
    return json.dumps(schema_of(name), indent=2)


def schema_of(name: SchemaName) -> dict[str, Any]:
    """Return a document's JSON Schema."""
    match name:
        case SchemaName.OPS_REQUEST:
            schema = _ops_request()
        case SchemaName.OPS_RESULT:
            schema = OpsResult.model_json_schema(mode="serialization")
        case SchemaName.RUN_RESULT:
            schema = RunResultDocument.model_json_schema(mode="serialization")
        case SchemaName.CONFIG_RESULT:
            schema = ConfigResult.model_json_schema(mode="serialization")
        case SchemaName.STATUS_RESULT:
            schema = StatusResult.model_json_schema(mode="serialization")
        case SchemaName.SUBMIT_RESULT:
            schema = SubmitResult.model_json_schema(mode="serialization")
        case SchemaName.CONTROL_RESULT:
            schema = ControlResult.model_json_schema(mode="serialization")
        case SchemaName.MODELS_RESULT:
            schema = ModelsResult.model_json_schema(mode="serialization")
        case SchemaName.DOCTOR_RESULT:
            schema = DoctorResult.model_json_schema(mode="serialization")
        case _:
            assert_never(name)
    return {"$schema": _DIALECT, **schema}


def _ops_request() -> dict[str, Any]:
    """Return the request's schema; what is read of the payload depends on the action."""
    payloads = {action: payload_of(action) for action in ACTIONS}
    models: list[type[BaseModel]] = [OpsRequest, Payload, *payloads.values()]
    _, shared = models_json_schema([(model, "validation") for model in models])
    definitions = shared["$defs"]
    request = definitions.pop(OpsRequest.__name__)
    request["allOf"] = [
        _payload_schema(Payload.__name__, definitions),
        *(
            {
                "if": {"properties": {"action": {"pattern": _blanks_around(action)}}},
                "then": _payload_schema(model.__name__, definitions),
            }
            for action, model in payloads.items()
            if model is not Payload
        ),
    ]
    return {**request, "$defs": definitions}


def _payload_schema(name: str, definitions: Mapping[str, Any]) -> dict[str, Any]:
    """Say that the payload is of a model, be it `input.payload` or, without that, `input`."""
    payload = {"$ref": f"#/$defs/{name}"}
    needed = bool(definitions[name].get("required"))
    nested = {"type": "object", "properties": {"payload": payload}, "required": ["payload"]}
    flat = {"allOf": [payload, {"properties": {"payload": {"type": "null"}}}]}
    absent = [] if needed else [{"type": "null"}]
    return {
        "properties": {"input": {"anyOf": [nested, flat, *absent]}},
        **({"required": ["input"]} if needed else {}),
    }


def _blanks_around(word: str) -> str:
    return f"^[{WHITE_SPACE}]*{word}[{WHITE_SPACE}]*$"
