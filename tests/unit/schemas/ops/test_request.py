"""Unusable requests are refused with a next step; unusable optional values are ignored."""

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from millracer.domain.operations import OpsVersion
from millracer.schemas.ops.limits import REQUEST_LIMIT_BYTES
from millracer.schemas.ops.request import InvalidOpsRequest, read_ops_request
from millracer.schemas.run.options import FORBIDDEN_OPTIONS, OpsOptions
from tests.support.ops_requests import Json, asks, encoded, json_values, raw_requests, without

SEE_SCHEMA = "see `millracer schema ops-request`"


def refused(raw: bytes) -> InvalidOpsRequest:
    with pytest.raises(InvalidOpsRequest) as caught:
        read_ops_request(raw)
    return caught.value


def refusal_of(raw: bytes) -> InvalidOpsRequest | None:
    try:
        read_ops_request(raw)
    except InvalidOpsRequest as error:
        return error
    return None


def fields(raw: bytes) -> list[str | None]:
    return [refusal.field for refusal in refused(raw).refusals]


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"", "empty"),
        (b" \r\n\t", "empty"),
        (b"status", "JSON"),
        (b'{"request_id": "req-1"', "JSON"),
        (b"{} {}", "JSON"),
        (b"\xef\xbb\xbf", "empty"),
        (b"\xef\xbb\xbf\xef\xbb\xbf{}", "JSON"),
        (b"[" * 1_000_000, "JSON"),
        (b"1" * 5_000, "JSON"),
        ("{}".encode("utf-16"), "UTF-16"),
        (b"\xfe\xff" + "{}".encode("utf-16-be"), "UTF-16"),
        ("{}".encode("utf-16-le"), "UTF-16"),
        ("{}".encode("utf-32"), "UTF-32"),
        (b'{"request_id": "\xc3"}', "invalid continuation byte at byte 16"),
        (b"[]", "JSON object"),
        (b"null", "JSON object"),
        (b'"status"', "JSON object"),
        (b"17", "JSON object"),
        (b" " * REQUEST_LIMIT_BYTES + b"{}", "16 MiB"),
    ],
    ids=lambda value: repr(value[:24]),
)
def test_an_invalid_request_is_refused_as_a_whole(raw: bytes, message: str) -> None:
    error = refused(raw)

    assert error.code == "invalid_request"
    assert message in error.message
    assert error.suggested_action
    assert [refusal.field for refusal in error.refusals] == [None]
    assert (error.request_id, error.action) == (None, None)


def test_the_largest_request_is_read() -> None:
    raw = encoded(asks("status"))

    assert read_ops_request(raw + b" " * (REQUEST_LIMIT_BYTES - len(raw))).action == "status"


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity"])
@pytest.mark.parametrize("place", ["metadata", "input", "options", "unheard_of"])
def test_numbers_that_json_does_not_know_are_refused_and_the_ids_echoed(
    number: str, place: str
) -> None:
    raw = encoded(asks("status", **{place: {"x": "NUMBER"}})).replace(b'"NUMBER"', number.encode())
    error = refused(raw)

    assert (error.request_id, error.action) == ("req-1", "status")


@pytest.mark.parametrize(
    "odd",
    [
        "\ud800",
        "\udc00\ud800",
        ["half a pair \udfff at the end"],
        {"\ud800": 1},
    ],
    ids=repr,
)
def test_half_surrogate_pairs_are_refused_and_the_ids_echoed(odd: Json) -> None:
    error = refused(encoded(asks("status", metadata={"x": odd})))

    assert (error.request_id, error.action) == ("req-1", "status")


def test_an_integer_too_long_to_be_read_is_refused_and_the_ids_echoed() -> None:
    raw = encoded(asks("status", metadata={"x": "LONG"})).replace(b'"LONG"', b"1" * 5_000)
    error = refused(raw)

    assert (error.request_id, error.action) == ("req-1", "status")


def test_half_a_surrogate_pair_is_not_echoed() -> None:
    error = refused(encoded(asks("status", request_id="req \ud800")))

    assert (error.request_id, error.action) == (None, "status")


def test_a_whole_surrogate_pair_is_one_character() -> None:
    assert read_ops_request(encoded(asks("status", request_id="😀"))).request.request_id == "😀"


@pytest.mark.parametrize("depth", [10, 150])
def test_what_is_nested_a_little_is_read(depth: int) -> None:
    deep: Json = 0
    for _ in range(depth):
        deep = [deep]

    assert read_ops_request(encoded(asks("status", metadata={"x": deep}))).unknown == ()


@pytest.mark.parametrize("place", ["metadata", "unheard_of", "input"])
@pytest.mark.parametrize("depth", [300, 100_000])
def test_what_is_nested_deeply_is_refused(place: str, depth: int) -> None:
    nested = b"[" * depth + b"]" * depth
    raw = encoded(asks("status", **{place: {"x": "DEEP"}})).replace(b'"DEEP"', nested)

    assert refused(raw).suggested_action


def test_numbers_of_any_size_are_allowed_in_unread_fields() -> None:
    raw = encoded(asks("status", metadata={"x": "HUGE", "y": 10**400, "z": -(10**400)}))

    assert read_ops_request(raw.replace(b'"HUGE"', b"1e999")).action == "status"


@pytest.mark.parametrize("number", ["1e999", "-1e999", "0.05", "0", "-1", "true", '"60"', "[]"])
def test_seconds_that_are_not_finite_or_too_few_are_ignored(number: str) -> None:
    raw = encoded(asks("status", options={"pi-timeout-seconds": "NUMBER"}))
    read = read_ops_request(raw.replace(b'"NUMBER"', number.encode()))

    assert [each.field for each in read.ignored] == ["options.pi-timeout-seconds"]
    assert read.request.options == OpsOptions()


@pytest.mark.parametrize(
    "path",
    [
        ("schema_version",),
        ("request_id",),
        ("action",),
        ("workspace_ref",),
        ("source",),
        ("source", "kind"),
    ],
    ids=".".join,
)
@pytest.mark.parametrize("how", ["missing", "null", "of another type"])
def test_a_missing_required_field_is_reported_by_its_path(path: tuple[str, ...], how: str) -> None:
    document = without(asks("status"), *path)
    holder = document[path[0]] if path[1:] else document
    if how != "missing":
        holder[path[-1]] = None if how == "null" else 7
    error = refused(encoded(document))

    assert [refusal.field for refusal in error.refusals] == [".".join(path)]
    assert ".".join(path) in error.message
    assert SEE_SCHEMA in (error.suggested_action or "")


@pytest.mark.parametrize("path", [("request_id",), ("action",), ("source", "kind")], ids=".".join)
@pytest.mark.parametrize("blank", ["", " ", "\t\r\n", "\u2003\u3000\x85"], ids=repr)
def test_a_needed_text_is_not_blank(path: tuple[str, ...], blank: str) -> None:
    document = asks("status")
    (document["source"] if path[1:] else document)[path[-1]] = blank

    assert fields(encoded(document)) == [".".join(path)]


@pytest.mark.parametrize(
    "version", ["millracer.ops.v0.1", "millracer.ops.v0.4", "", "MILLRACER.OPS.V0.2", 2, ["x"]]
)
def test_another_schema_version_is_refused(version: object) -> None:
    error = refused(encoded(asks("status", schema_version=version)))

    assert (error.field, error.request_id, error.action) == ("schema_version", "req-1", "status")
    assert "millracer.ops.v0.2" in error.message
    assert "millracer.ops.v0.3" in (error.suggested_action or "")
    assert error.version is OpsVersion.V02


@pytest.mark.parametrize(
    "fields",
    [
        {"source": "cli"},
        {"action": "show_run", "input": {"payload": {"id": 7}}},
        {"action": "select_workspace", "input": {"payload": {"workspace_id": 7}}},
        {"action": None},
    ],
    ids=str,
)
def test_a_refused_field_of_v03_names_the_schema_of_v03(fields: dict[str, Json]) -> None:
    document = {**asks("status", schema_version="millracer.ops.v0.3"), **fields}
    error = refused(encoded(document))

    assert {each.suggested_action for each in error.refusals} == {
        "see `millracer schema ops-request-v0.3`"
    }


def test_an_unusable_target_of_v03_names_the_schema_of_v03() -> None:
    fields = {"schema_version": "millracer.ops.v0.3", "options": {"cwd": 7}}
    (refusal,) = read_ops_request(encoded(asks("status", **fields))).unusable_targets

    assert refusal.suggested_action == "see `millracer schema ops-request-v0.3`"


#: Values that the reference ignores, and the path that the warning names.
IGNORED = [
    ({"client_name": 7}, "client_name"),
    ({"client_version": ["1"]}, "client_version"),
    ({"idempotency_key": 7}, "idempotency_key"),
    ({"idempotency_key": ""}, "idempotency_key"),
    ({"idempotency_key": " "}, "idempotency_key"),
    ({"workspace_ref": {"display_name": {}}}, "workspace_ref.display_name"),
    ({"workspace_ref": {"runtime_kind": True}}, "workspace_ref.runtime_kind"),
    ({"workspace_ref": {"mode": 1.5}}, "workspace_ref.mode"),
    ({"workspace_ref": {"environment": 0}}, "workspace_ref.environment"),
    ({"workspace_ref": {"workspace_id": 7, "root_path": "/w"}}, "workspace_ref.workspace_id"),
    ({"workspace_ref": {"workspace_id": "w", "root_path": 7}}, "workspace_ref.root_path"),
    ({"source": {"kind": "x", "trace_ref": 7}}, "source.trace_ref"),
    ({"actor": "me"}, "actor"),
    ({"actor": {}}, "actor"),
    ({"actor": {"kind": "human", "metadata": []}}, "actor.metadata"),
    ({"route_preference": 1}, "route_preference"),
    ({"intake_preference": []}, "intake_preference"),
    ({"input": "do it"}, "input"),
    ({"input": {"text": 7}}, "input.text"),
    ({"input": {"kind": 7}}, "input.kind"),
    ({"input": {"payload": "x"}}, "input.payload"),
    ({"input": {"payload": {"session_id": 7}}}, "input.payload.session_id"),
    ({"input": {"session_id": 7}}, "input.session_id"),
    ({"scoped_work_item": "ITEM-1"}, "scoped_work_item"),
    ({"scoped_work_item": {}}, "scoped_work_item"),
    ({"scoped_work_item": {"item_id": " "}}, "scoped_work_item"),
    ({"scoped_work_item": {"id": 7}}, "scoped_work_item"),
    ({"scoped_work_item": {"id": "x", "title": 7}}, "scoped_work_item.title"),
    ({"scoped_work_item": {"id": "x", "constraints": "a"}}, "scoped_work_item.constraints"),
    ({"scoped_work_item": {"id": "x", "constraints": [7]}}, "scoped_work_item.constraints"),
    ({"expected_evidence": "run-1"}, "expected_evidence"),
    ({"expected_evidence": ["run-1", None]}, "expected_evidence"),
    ({"context_refs": {"a": 1}}, "context_refs"),
    ({"context_refs": [7]}, "context_refs"),
    ({"options": []}, "options"),
    ({"options": {"route": "home"}}, "options.route"),
    ({"options": {"skill": ["/s", 7]}}, "options.skill"),
    ({"metadata": []}, "metadata"),
    ({"metadata": {"session_id": 7}}, "metadata.session_id"),
]


@pytest.mark.parametrize(("given", "field"), IGNORED, ids=str)
def test_an_optional_value_that_cannot_be_used_is_ignored_and_reported(
    given: dict[str, Json], field: str
) -> None:
    read = read_ops_request(encoded(asks("status", **given)))

    assert [each.field for each in read.ignored] == [field]
    assert [each.warning.code for each in read.ignored] == ["value_ignored"]
    assert field in read.ignored[0].warning.text
    assert read.unusable_targets == ()
    assert read.unknown == ()


@pytest.mark.parametrize(
    "checks", ["pytest -q", ["pytest -q"], [[]], [["pytest", 7]], [[" "]], [["make"], None]]
)
def test_a_check_that_cannot_be_used_is_refused_and_not_ignored(checks: Json) -> None:
    read = read_ops_request(encoded(asks("status", options={"checks": checks})))

    assert [each.field for each in read.unusable_targets] == ["options.checks"]


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("options.check", {"options": {"check": [["true"]]}}),
        ("checks", {"checks": [["true"]]}),
        ("check", {"check": "true"}),
        ("input.payload.checks", {"input": {"payload": {"task": "t", "checks": [["true"]]}}}),
        ("input.check", {"input": {"text": "t", "check": ["true"]}}),
    ],
)
def test_a_demand_for_checks_under_a_wrong_name_is_refused_and_not_ignored(
    path: str, fields: dict[str, Json]
) -> None:
    with pytest.raises(InvalidOpsRequest) as raised:
        read_ops_request(encoded(asks("enqueue", **{"input": {"text": "t"}, **fields})))

    assert raised.value.field == path
    assert "options.checks" in (raised.value.suggested_action or "")


def test_a_callers_own_metadata_may_have_any_name() -> None:
    read = read_ops_request(encoded(asks("status", metadata={"checks": [["true"]]})))

    assert read.unknown == ()


def test_of_a_list_the_usable_entries_are_kept() -> None:
    read = read_ops_request(
        encoded(
            asks(
                "status",
                expected_evidence=["run-1", None, [], " run-2"],
                context_refs=[{}, "a.md"],
                scoped_work_item={"id": "x", "constraints": [7, "one", None]},
                options={"skill": ["/s", 7]},
            )
        )
    ).request

    assert read.expected_evidence == ("run-1", "run-2")
    assert read.context_refs == ("a.md",)
    assert read.scoped_work_item is not None
    assert read.scoped_work_item.constraints == ["one"]
    assert read.options is not None
    assert read.options.skill == ("/s",)


@pytest.mark.parametrize(
    ("scope", "unclear"),
    [
        ({"item_id": "I"}, False),
        ({"item_id": "", "id": "I"}, False),
        ({"item_id": None, "id": "I"}, False),
        ({"title": "no id"}, True),
        ({"item_id": " "}, True),
        ({"item_id": 7}, True),
        ("ITEM-1", True),
        ([1], True),
        ({}, False),
        ("", False),
        (None, False),
    ],
    ids=str,
)
def test_a_scope_without_a_usable_id_is_unclear_unless_it_is_empty(
    scope: Json, *, unclear: bool
) -> None:
    assert (
        read_ops_request(encoded(asks("enqueue", scoped_work_item=scope))).scope_is_unclear
        is unclear
    )


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"workspace_ref": []}, "workspace_ref"),
        ({"source": "cli"}, "source"),
        ({"source": {"kind": 7}}, "source.kind"),
    ],
    ids=str,
)
def test_a_required_field_of_another_type_is_refused_by_its_path(
    given: dict[str, Json], field: str
) -> None:
    error = refused(encoded(asks("status", **given)))

    assert [refusal.field for refusal in error.refusals] == [field]
    assert error.refusals[0].suggested_action == SEE_SCHEMA
    assert (error.request_id, error.action) == ("req-1", "status")


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"workspace_ref": {"workspace_id": 7}}, "workspace_ref.workspace_id"),
        ({"workspace_ref": {"workspace_id": 7, "root_path": " "}}, "workspace_ref.workspace_id"),
        ({"workspace_ref": {"root_path": ["/w"]}}, "workspace_ref.root_path"),
        ({"options": {"cwd": 7}}, "options.cwd"),
        ({"options": {"resume": 7}}, "options.resume"),
    ],
    ids=str,
)
def test_an_unusable_target_is_reported_for_the_actions_that_need_one(
    given: dict[str, Json], field: str
) -> None:
    read = read_ops_request(encoded(asks("status", **given)))

    assert [each.field for each in read.unusable_targets] == [field]
    assert read.unusable_targets[0].code == "invalid_request"
    assert read.unusable_targets[0].suggested_action == SEE_SCHEMA


@pytest.mark.parametrize(
    ("action", "payload", "wrong"),
    [
        ("select_workspace", {"workspace_id": 7, "mode": {}}, ["workspace_id"]),
        ("register_workspace", {}, ["workspace_id", "root_path"]),
        ("register_workspace", {"workspace_id": "a", "root_path": " "}, ["root_path"]),
        ("register_workspace", {"workspace_id": "a b", "root_path": "/w"}, ["workspace_id"]),
        ("register_workspace", {"workspace_id": " a", "root_path": "/w"}, ["workspace_id"]),
        ("register_workspace", {"workspace_id": ".a", "root_path": "/w"}, ["workspace_id"]),
        ("register_workspace", {"workspace_id": "x" * 129, "root_path": "/w"}, ["workspace_id"]),
        ("forget_workspace", {}, ["workspace_id"]),
        ("forget_session", {"session_id": " "}, ["session_id"]),
        ("forget_session", {"session_id": 7}, ["session_id"]),
    ],
    ids=str,
)  # fmt: skip
def test_a_required_field_of_a_payload_is_refused_by_its_path(
    action: str, payload: dict[str, Json], wrong: list[str]
) -> None:
    nested = fields(encoded(asks(action, input={"payload": payload})))
    flat = fields(encoded(asks(action, input={"kind": "structured_action", **payload})))

    assert nested == [f"input.payload.{name}" for name in wrong]
    assert flat == [f"input.{name}" for name in wrong]


@pytest.mark.parametrize(
    ("action", "payload", "wrong"),
    [
        ("enqueue", {"task": 7, "text": "t"}, ["task"]),
        ("select_workspace", {"workspace_id": "w", "root_path": False}, ["root_path"]),
        ("select_workspace", {"workspace_id": "w", "mode": {}}, ["mode"]),
        ("register_workspace", {"workspace_id": "a", "root_path": "/w", "tags": [7]}, ["tags"]),
        (
            "register_workspace",
            {"workspace_id": "a", "root_path": "/w", "is_default": "yes"},
            ["is_default"],
        ),
        ("inspect_session", {"session_id": 7}, ["session_id"]),
        ("list_sessions", {"session_id": 7}, ["session_id"]),
        ("self_destruct", {"session_id": 7}, ["session_id"]),
    ],
    ids=str,
)
def test_an_optional_field_of_a_payload_is_ignored_and_reported(
    action: str, payload: dict[str, Json], wrong: list[str]
) -> None:
    nested = read_ops_request(encoded(asks(action, input={"payload": payload})))
    flat = read_ops_request(encoded(asks(action, input=payload)))

    assert [each.field for each in nested.ignored] == [f"input.payload.{each}" for each in wrong]
    assert [each.field for each in flat.ignored] == [f"input.{each}" for each in wrong]


@pytest.mark.parametrize("name", sorted(FORBIDDEN_OPTIONS))
@pytest.mark.parametrize("value", ["sh -c true", None, 7])
def test_no_request_chooses_a_program(name: str, value: object) -> None:
    error = refused(encoded(asks("enqueue", input={"text": "t"}, options={name: value})))

    assert error.field == f"options.{name}"
    assert f"options.{name}" in (error.suggested_action or "")


def test_every_refused_field_is_reported_at_once() -> None:
    document = asks(" ", request_id=7, client_name=7, source={"kind": None})

    assert sorted(fields(encoded(document)), key=str) == ["action", "request_id", "source.kind"]


def test_a_long_list_of_unusable_entries_is_one_ignored_value() -> None:
    read = read_ops_request(encoded(asks("status", expected_evidence=[7] * 100_000)))

    assert [each.field for each in read.ignored] == ["expected_evidence"]


def test_an_ignored_value_leaves_numbers_of_any_size_where_they_are() -> None:
    raw = encoded(asks("status", client_name=7, metadata={"x": "HUGE", "y": 10**400}))
    read = read_ops_request(raw.replace(b'"HUGE"', b"1e999"))

    assert [each.field for each in read.ignored] == ["client_name"]


@pytest.mark.parametrize(
    ("named", "echoed"),
    [
        ({}, (None, None)),
        ({"request_id": " req-1 ", "action": " go\n"}, ("req-1", "go")),
        ({"request_id": 7, "action": ["status"]}, (None, None)),
        ({"request_id": "", "action": " "}, (None, None)),
        ({"request_id": None, "action": "x"}, (None, "x")),
    ],
)
def test_a_requests_own_names_are_echoed_as_far_as_they_are_text(
    named: dict[str, Json], echoed: tuple[str | None, str | None]
) -> None:
    error = refused(encoded(named))

    assert (error.request_id, error.action) == echoed


def test_a_refused_request_still_names_its_session() -> None:
    error = refused(encoded({"client_name": "ui", "metadata": {"session_id": " s "}}))

    assert (error.client_name, error.session_id) == ("ui", "s")
    assert refused(encoded({"metadata": {"session_id": 7}})).session_id is None
    assert refused(encoded({"metadata": "s"})).session_id is None


@given(raw_requests() | json_values().map(encoded))
@example(b'{"request_id":"a","request_id":"\\ud800"}')
@example(b"{\0}\0")
def test_any_bytes_are_read_or_refused_with_a_way_on(raw: bytes) -> None:
    error = refusal_of(raw)
    refusals = () if error is None else error.refusals

    assert error is None or 1 <= len(refusals) <= 20
    for refusal in refusals:
        assert refusal.code == "invalid_request"
        assert refusal.message
        assert refusal.suggested_action
        assert refusal.field is None or refusal.message.startswith(f"field {refusal.field}: ")
    if error is not None:
        for echoed in (error.request_id, error.action, error.client_name, error.session_id):
            assert echoed is None or echoed.encode()


@given(st.text(st.characters(codec="utf-8")), st.text(st.characters(codec="utf-8")))
def test_ids_are_echoed_from_whatever_else_is_wrong(request_id: str, action: str) -> None:
    error = refused(json.dumps({"request_id": request_id, "action": action}).encode())

    assert (error.request_id, error.action) == (request_id.strip() or None, action.strip() or None)
