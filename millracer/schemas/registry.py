"""The JSON Schemas of the documents callers send and get, made from the models."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from millracer.domain.operations import OpsVersion, actions_of
from millracer.schemas.base import WHITE_SPACE, Published
from millracer.schemas.config import ConfigResult
from millracer.schemas.control import ControlResult
from millracer.schemas.diff import DiffResult
from millracer.schemas.doctor import DoctorResult
from millracer.schemas.fleet.control import FleetControlResult
from millracer.schemas.fleet.hosts import FleetHostsResult
from millracer.schemas.fleet.item import FleetItemResult
from millracer.schemas.fleet.items import FleetListResult
from millracer.schemas.fleet.schedules import FleetSchedulesResult
from millracer.schemas.fleet.setup import FleetDoctorResult, FleetSetupResult
from millracer.schemas.fleet.submit import FleetSubmitResult
from millracer.schemas.fleet.wait import FleetWaitResult
from millracer.schemas.fleet.workspaces import FleetWorkspacesResult
from millracer.schemas.items.history import HistoryResult
from millracer.schemas.items.item import ItemResult, LogsResult, TraceResult
from millracer.schemas.items.listing import ListResult
from millracer.schemas.items.runs import RunsResult, ShownRunResult
from millracer.schemas.items.watch_all import WatchAllResult
from millracer.schemas.models import ModelsResult
from millracer.schemas.names import SchemaName
from millracer.schemas.ops.frame import EventFrame
from millracer.schemas.ops.payloads import Payload, payload_of
from millracer.schemas.ops.request import request_model
from millracer.schemas.ops.result import OpsResult
from millracer.schemas.ops.result_v03 import OpsResultV03
from millracer.schemas.run.document import RunResultDocument
from millracer.schemas.run_request import RunRequestDocument
from millracer.schemas.serve.result import ServeResult
from millracer.schemas.status import StatusResult
from millracer.schemas.submit import SubmitResult

_DIALECT = "https://json-schema.org/draft/2020-12/schema"


#: The ops requests, by version.
_REQUESTS: Mapping[SchemaName, OpsVersion] = {
    SchemaName.OPS_REQUEST: OpsVersion.V02,
    SchemaName.OPS_REQUEST_V03: OpsVersion.V03,
}
#: The printed documents; the request's schema depends on the action.
_RESULTS: Mapping[SchemaName, type[Published]] = {
    SchemaName.OPS_RESULT: OpsResult,
    SchemaName.OPS_RESULT_V03: OpsResultV03,
    SchemaName.EVENT_FRAME: EventFrame,
    SchemaName.RUN_RESULT: RunResultDocument,
    SchemaName.CONFIG_RESULT: ConfigResult,
    SchemaName.STATUS_RESULT: StatusResult,
    SchemaName.LIST_RESULT: ListResult,
    SchemaName.HISTORY_RESULT: HistoryResult,
    SchemaName.ITEM_RESULT: ItemResult,
    SchemaName.LOGS_RESULT: LogsResult,
    SchemaName.TRACE_RESULT: TraceResult,
    SchemaName.RUNS_RESULT: RunsResult,
    SchemaName.SHOWN_RUN_RESULT: ShownRunResult,
    SchemaName.WATCH_ALL_RESULT: WatchAllResult,
    SchemaName.SUBMIT_RESULT: SubmitResult,
    SchemaName.DIFF_RESULT: DiffResult,
    SchemaName.CONTROL_RESULT: ControlResult,
    SchemaName.MODELS_RESULT: ModelsResult,
    SchemaName.DOCTOR_RESULT: DoctorResult,
    SchemaName.SERVE_RESULT: ServeResult,
    SchemaName.FLEET_SUBMIT_RESULT: FleetSubmitResult,
    SchemaName.FLEET_LIST_RESULT: FleetListResult,
    SchemaName.FLEET_ITEM_RESULT: FleetItemResult,
    SchemaName.FLEET_WAIT_RESULT: FleetWaitResult,
    SchemaName.FLEET_CONTROL_RESULT: FleetControlResult,
    SchemaName.FLEET_HOSTS_RESULT: FleetHostsResult,
    SchemaName.FLEET_WORKSPACES_RESULT: FleetWorkspacesResult,
    SchemaName.FLEET_SCHEDULES_RESULT: FleetSchedulesResult,
    SchemaName.FLEET_SETUP_RESULT: FleetSetupResult,
    SchemaName.FLEET_DOCTOR_RESULT: FleetDoctorResult,
}


def render_schema(name: SchemaName) -> str:
    """Return a document's JSON Schema as JSON."""
    return json.dumps(schema_of(name), indent=2)


def schema_of(name: SchemaName) -> dict[str, Any]:
    """Return a document's JSON Schema."""
    if name in _REQUESTS:
        schema = _ops_request(_REQUESTS[name])
    elif name is SchemaName.RUN_REQUEST:
        schema = RunRequestDocument.model_json_schema()
    else:
        schema = _RESULTS[name].model_json_schema(mode="serialization")
    return {"$schema": _DIALECT, **schema}


def _ops_request(version: OpsVersion) -> dict[str, Any]:
    """Return the request's schema; what is read of the payload depends on the action."""
    payloads = {action: payload_of(action) for action in actions_of(version)}
    model = request_model(version)
    models: list[type[BaseModel]] = [model, Payload, *payloads.values()]
    _, shared = models_json_schema([(model, "validation") for model in models])
    definitions = shared["$defs"]
    request = definitions.pop(model.__name__)
    request["allOf"] = [
        _payload_schema(Payload.__name__, definitions),
        *(
            {
                "if": {"properties": {"action": {"pattern": _blanks_around(action)}}},
                "then": _payload_schema(payload.__name__, definitions),
            }
            for action, payload in payloads.items()
            if payload is not Payload
        ),
    ]
    return {**request, "$defs": definitions}


def _payload_schema(name: str, definitions: Mapping[str, Any]) -> dict[str, Any]:
    """Say that the payload is of a model, be it `input.payload` or, without that, `input`."""
    payload = {"$ref": f"#/$defs/{name}"}
    needed = bool(definitions[name].get("required") or definitions[name].get("anyOf"))
    nested = {"type": "object", "properties": {"payload": payload}, "required": ["payload"]}
    flat = {"allOf": [payload, {"properties": {"payload": {"type": "null"}}}]}
    absent = [] if needed else [{"type": "null"}]
    return {
        "properties": {"input": {"anyOf": [nested, flat, *absent]}},
        **({"required": ["input"]} if needed else {}),
    }


def _blanks_around(word: str) -> str:
    return f"^[{WHITE_SPACE}]*{word}[{WHITE_SPACE}]*$"
