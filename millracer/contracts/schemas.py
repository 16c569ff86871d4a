"""The JSON Schemas of the documents callers send and get, made from the models."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Any, assert_never

_DIALECT = "https://json-schema.org/draft/2020-12/schema"


class SchemaName(StrEnum):
    """The published documents."""

    OPS_REQUEST = "ops-request"
    OPS_RESULT = "ops-result"
    RUN_RESULT = "run-result"


def render_schema(name: SchemaName) -> str:
    """Return a document's JSON Schema as JSON."""
    return json.dumps(schema_of(name), indent=2)


def schema_of(name: SchemaName) -> dict[str, Any]:
    """Return a document's JSON Schema."""
    # Here, so that a command line can know the names without making every model.
    from millracer.contracts.ops_request import OpsRequest  # noqa: PLC0415
    from millracer.contracts.ops_result import OpsResult  # noqa: PLC0415
    from millracer.contracts.run_result import RunResultDocument  # noqa: PLC0415

    match name:
        case SchemaName.OPS_REQUEST:
            schema = OpsRequest.model_json_schema(mode="validation")
        case SchemaName.OPS_RESULT:
            schema = OpsResult.model_json_schema(mode="serialization")
        case SchemaName.RUN_RESULT:
            schema = RunResultDocument.model_json_schema(mode="serialization")
        case _:
            assert_never(name)
    return {"$schema": _DIALECT, **schema}
