"""The published JSON Schemas accept and refuse what the models do."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from pydantic import BaseModel

from millracer.domain.requests import IntakePreference, RoutePreference
from millracer.schemas.base import Incoming, Published, ScopeModel
from millracer.schemas.descriptions import descriptions_in
from millracer.schemas.names import SchemaName
from millracer.schemas.ops.request import InvalidOpsRequest, read_ops_request
from millracer.schemas.registry import schema_of
from tests.support.ops_requests import (
    Json,
    asks,
    bent_requests,
    encoded,
    filled_texts,
    json_values,
    texts,
    valid_requests,
)
from tests.support.ops_world import REQUESTS, VALIDATORS, assert_published


@pytest.mark.parametrize("name", SchemaName)
def test_a_schema_is_one_itself_and_every_reference_in_it_leads_somewhere(name: SchemaName) -> None:
    schema = schema_of(name)
    references = {node["$ref"] for node in nodes(schema) if "$ref" in node}

    Draft202012Validator.check_schema(schema)
    assert references
    assert references <= {f"#/$defs/{name}" for name in schema["$defs"]}


@pytest.mark.parametrize("name", SchemaName)
def test_every_published_part_says_what_it_is(name: SchemaName) -> None:
    parts = {part: schema.get("description") for part, schema in schema_of(name)["$defs"].items()}

    assert [part for part, description in parts.items() if not description] == []


@pytest.mark.parametrize("name", SchemaName)
def test_every_published_field_has_a_description(name: SchemaName) -> None:
    schema = schema_of(name)
    fields = {
        f"{part}.{field}": content
        for part, content in ({"": schema} | schema["$defs"]).items()
        for field, content in content.get("properties", {}).items()
        if content is not False
    }

    assert [field for field, content in fields.items() if not content.get("description")] == []


def test_a_docstring_describes_only_fields_of_its_model() -> None:
    models = [*_models_below(Published), *_models_below(Incoming), ScopeModel]

    unknown = {
        f"{model.__name__}.{name}"
        for model in models
        for name in descriptions_in(model).keys() - model.model_fields.keys()
    }

    assert models
    assert unknown == set()


def test_an_inherited_field_keeps_its_description_and_the_part_its_own() -> None:
    class Base(Published):
        """A base.

        Attributes:
            first: the first,
                in two lines.
            second: the second.
        """

        first: str
        second: str

    class Derived(Base):
        """A derived part.

        Attributes:
            second: its own second.
        """

    schema = Derived.model_json_schema(mode="serialization")

    assert schema["description"] == "A derived part."
    assert {name: field["description"] for name, field in schema["properties"].items()} == {
        "first": "The first, in two lines.",
        "second": "Its own second.",
    }


@given(valid_requests())
def test_the_schema_accepts_every_readable_request(document: dict[str, Json]) -> None:
    read_ops_request(encoded(document))

    assert_published(request_schema(document), document)


@given(bent_requests() | json_values())
def test_schema_and_reader_agree_about_any_json(document: Json) -> None:
    assume(not _says_what_no_schema_can(document))

    assert VALIDATORS[request_schema(document)].is_valid(document) is reads(document)


@pytest.mark.parametrize(
    "fields",
    [
        {"client_name": 7},
        {"workspace_ref": {"mode": 7}},
        {"options": {"daemon-timeout-seconds": "60"}},
        {"options": {"daemon_timeout_seconds": 0.01}},
        {"options": {"max-daemon-restarts": -1}},
        {"options": {"route": "DIRECT"}},
        {"options": {"pi_command": "sh"}},
        {"options": {"millrace-command": None}},
        {"scoped_work_item": {}},
        {"scoped_work_item": {"id": 7}},
        {"scoped_work_item": {"id": "\u2003"}},
        {"idempotency_key": " "},
        {"request_id": "\x85\u3000"},
        {"source": {"kind": "\t"}},
        {"metadata": {"session_id": 7}},
        {"input": {"payload": {"session_id": 7}}},
        {"input": {"session_id": 7}},
        {"action": "enqueue", "input": {"payload": {"task": 7}}},
        {"action": " enqueue\t", "input": {"task": 7}},
        {"action": "register_workspace"},
        {"action": "register_workspace", "input": None},
        {"action": "register_workspace", "input": {"payload": {"workspace_id": "a"}}},
        {"action": "register_workspace", "input": {"workspace_id": "a b", "root_path": "/"}},
        {"action": "forget_workspace", "input": {"payload": {}, "workspace_id": "a"}},
        {"action": "forget_session", "input": {"session_id": ""}},
        {"action": "select_workspace", "input": {"payload": {"mode": 7}}},
        {"action": "show_work_item"},
        {"action": "show_work_item", "input": {"payload": {"id": " "}}},
        {"scopedWorkItem": {"title": "without an id"}},
        {"workItem": "W-1"},
        {"metadata": {"scoped_work_item": 7}},
        {"scope": {"itemId": "W-1", "specPath": 7}},
        {"schema_version": "millracer.ops.v0.3", "work_item_ref": {}},
        {"schema_version": "millracer.ops.v0.3", "requested_authority": "admin"},
        {"schema_version": "millracer.ops.v0.3", "requested_authority": {"scopes": 7}},
        {"schema_version": "millracer.ops.v0.3", "action": "show_run", "input": {}},
        {"schema_version": "millracer.ops.v0.3", "action": "watch"},
        {"schema_version": "millracer.ops.v0.3", "action": "stop", "input": {"force": "yes"}},
    ],
    ids=str,
)
def test_the_schema_refuses_what_the_reader_refuses_or_ignores(fields: dict[str, Json]) -> None:
    document = {**asks("status"), **fields}

    assert not reads(document)
    assert not VALIDATORS[request_schema(document)].is_valid(document)


@given(st.sampled_from(["item_id", "id"]), st.sampled_from(["item_id", "id"]), filled_texts())
def test_an_item_has_its_id_under_either_name(first: str, second: str, item_id: str) -> None:
    document = asks("status", scoped_work_item={first: item_id, second: item_id})

    assert reads(document)
    assert_published(SchemaName.OPS_REQUEST, document)


@given(texts())
@example("\x1c\x1f")
@example("\ufeff")
@example("\u200b")
def test_schema_and_reader_agree_about_blank(text: str) -> None:
    for fields in (
        {"request_id": text},
        {"idempotency_key": text},
        {"scoped_work_item": {"id": text}},
        {"action": "forget_workspace", "input": {"workspace_id": text}},
    ):
        document = {**asks("status"), **fields}
        assert VALIDATORS[SchemaName.OPS_REQUEST].is_valid(document) is reads(document)


def test_what_is_always_there_is_promised_and_what_may_be_left_out_is_not() -> None:
    result = schema_of(SchemaName.OPS_RESULT)
    left_out = {
        "OpsErrorDocument": {"detail", "field", "related_ref", "suggested_action"},
        "WarningDocument": {"field", "related_ref", "suggested_action"},
        "WorkspaceRefDocument": {
            *("workspace_id", "root_path", "display_name", "mode", "environment"),
        },
    }

    assert optional(result) == {
        *("route", "intake_kind", "scoped_work_item", "evidence_refs"),
        *("result_freshness", "event_cursor", "session_ref", "raw_compat"),
    }
    for name, part in result["$defs"].items():
        assert optional(part) == left_out.get(name, set()), name
    assert optional(schema_of(SchemaName.RUN_RESULT)) == set()


@pytest.mark.parametrize("name", ["request_id", "action"])
def test_the_ids_of_a_result_are_always_there_and_may_be_null(name: str) -> None:
    schema = schema_of(SchemaName.OPS_RESULT)

    assert name in schema["required"]
    assert {"type": "null"} in schema["properties"][name]["anyOf"]


def request_schema(document: Json) -> SchemaName:
    """Return the schema of a request's own version; that of v0.2 for anything else."""
    version = document.get("schema_version") if isinstance(document, dict) else None
    is_known = isinstance(version, str) and version in REQUESTS
    return REQUESTS[version] if is_known else SchemaName.OPS_REQUEST


def reads(document: Json) -> bool:
    """Whether a request is read as a whole, without an ignored value."""
    try:
        read = read_ops_request(encoded(document))
    except InvalidOpsRequest:
        return False
    request = read.request
    route, intake = request.route_preference, request.intake_preference
    return not read.ignored and (
        (route is None or route in [*RoutePreference, "status_only", "inspect_only"])
        and (intake is None or intake in [*IntakePreference, "none"])
    )


def optional(part: dict[str, Any]) -> set[str]:
    return set(part.get("properties", ())) - set(part.get("required", ()))


def nodes(schema: Json) -> list[dict[str, Any]]:
    if isinstance(schema, list):
        return [node for inner in schema for node in nodes(inner)]
    if not isinstance(schema, dict):
        return []
    return [schema, *(node for inner in schema.values() for node in nodes(inner))]


def _says_what_no_schema_can(document: Json) -> bool:
    """Whether reader and schema may differ: no JSON at all, `2.0`, or one option in two spellings.

    A schema does not distinguish `2.0` from `2`; of two spellings the reader leaves one unread.
    """
    raw = encoded(document)
    if b"NaN" in raw or b"Infinity" in raw or _has_half_pairs(document):
        return True
    options = document.get("options") if isinstance(document, dict) else None
    if not isinstance(options, dict):
        return False
    names = ("max_daemon_restarts", "max_tokens", "max_stages")
    integers = [options.get(each) for name in names for each in (name, name.replace("_", "-"))]
    spelled = [name.replace("-", "_") for name in options]
    return any(isinstance(value, float) for value in integers) or len(set(spelled)) < len(spelled)


def _has_half_pairs(value: Json) -> bool:
    if isinstance(value, str):
        return any("\ud800" <= character <= "\udfff" for character in value)
    if isinstance(value, dict):
        return any(map(_has_half_pairs, (*value, *value.values())))
    return isinstance(value, list) and any(map(_has_half_pairs, value))


def _models_below(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    for each in model.__subclasses__():
        if each.__module__.startswith("millracer."):
            yield each
            yield from _models_below(each)
