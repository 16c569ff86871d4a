"""What a good request is read as: absent and blank, both spellings, payloads, unknown fields."""

import pytest
from hypothesis import given

from millracer.domain.operations import ACTIONS
from millracer.domain.requests import (
    ScopedWork,
)
from millracer.domain.run.options import RUN_OPTIONS
from millracer.operations.ops.preferences import preference_warnings
from millracer.schemas.ops.payloads import EnqueuePayload, payload_of
from millracer.schemas.ops.preferences import chosen_intake, chosen_route
from millracer.schemas.ops.request import ReadRequest, read_ops_request
from millracer.schemas.ops.store_payloads import (
    ForgetSessionPayload,
    RegisterWorkspacePayload,
    SelectWorkspacePayload,
)
from millracer.schemas.run.options import OpsOptions
from tests.support.ops_requests import Json, asks, drawn_fields, encoded, valid_requests
from tests.support.option_values import as_json, value_of

BLANK = " \t\n\u2003"
#: Each option as JSON gives it, and as it is read.
OPTIONS = {
    **{each.name: (as_json(value_of(each)), value_of(each)) for each in RUN_OPTIONS},
    "millrace_mode": (" learning_pi ", "learning_pi"),
    "skill": ([" a ", "", "b"], ("a", "b")),
    "poll_interval_seconds": (5, 5.0),
    "resume": (" task-1 ", "task-1"),
}


def read(action: str = "status", **fields: Json) -> ReadRequest:
    return read_ops_request(encoded(asks(action, **fields)))


@pytest.mark.parametrize("action", ACTIONS)
def test_valid_requests_have_every_field_of_the_actions(action: str) -> None:
    fields = payload_of(action).model_fields
    always, ever = drawn_fields(action)

    assert {name for name, field in fields.items() if field.is_required()} <= always
    assert set(fields) <= ever


@given(valid_requests())
def test_any_valid_request_reads_back_equal_from_its_own_dump(document: dict[str, Json]) -> None:
    first = read_ops_request(encoded(document))
    dumped = first.request.model_dump(mode="json")

    assert read_ops_request(encoded(dumped)) == first


@given(valid_requests(unknown=False))
def test_a_request_of_known_fields_has_no_unknown_ones(document: dict[str, Json]) -> None:
    assert read_ops_request(encoded(document)).unknown == ()


def test_a_request_has_the_options_of_the_table_and_resume() -> None:
    assert set(OpsOptions.model_fields) == set(OPTIONS)


@pytest.mark.parametrize("name", OPTIONS)
def test_an_option_is_read_in_both_spellings(name: str) -> None:
    given, expected = OPTIONS[name]

    for spelled in (name, name.replace("_", "-")):
        request = read("enqueue", input={"text": "t"}, options={spelled: given})
        assert request.request.options is not None
        assert getattr(request.request.options, name) == expected
        assert request.unknown == ()


@pytest.mark.parametrize("name", OPTIONS)
def test_an_option_that_is_null_is_absent(name: str) -> None:
    options = read(options={name.replace("_", "-"): None}).request.options

    assert options is not None
    assert not getattr(options, name)


def test_of_an_option_in_both_spellings_the_one_of_the_models_counts() -> None:
    request = read(options={"keep-daemon": True, "keep_daemon": False})

    assert request.request.options is not None
    assert request.request.options.keep_daemon is False
    assert request.unknown == ("options.keep-daemon",)


@pytest.mark.parametrize("blank", [None, "", BLANK], ids=repr)
def test_null_and_blank_texts_are_absent(blank: str | None) -> None:
    names = ("workspace_id", "root_path", "display_name", "runtime_kind", "mode", "environment")
    request = read(
        "select_workspace",
        client_name=blank,
        client_version=blank,
        route_preference=blank,
        intake_preference=blank,
        workspace_ref=dict.fromkeys(names, blank),
        source={"kind": "x", "surface": blank, "trace_ref": blank},
        actor={"kind": "x", "actor_id": blank},
        metadata={"session_id": blank},
        options={"mode": blank, "cwd": blank, "millrace-mode": blank},
        input={"payload": dict.fromkeys(("workspace_id", "root_path", "mode"), blank)},
    )
    payload = request.payload_as(SelectWorkspacePayload)

    asked = request.request
    assert (asked.client_name, asked.client_version) == (None, None)
    assert (asked.route_preference, asked.intake_preference) == (None, None)
    assert {getattr(asked.workspace_ref, name) for name in names} == {None}
    assert {asked.source.surface, asked.source.trace_ref} == {None}
    assert asked.actor is not None
    assert asked.actor.actor_id is None
    assert request.session_id is None
    assert asked.options is not None
    assert (asked.options.cwd, asked.options.millrace_mode) == (None, None)
    assert (payload.workspace_id, payload.root_path, payload.mode) == (None, None, None)


@pytest.mark.parametrize(
    ("word", "chosen", "is_ignored"),
    [
        ("auto", "auto", False),
        (" direct\n", "direct", False),
        ("millrace", "millrace", False),
        ("status_only", "auto", True),
        ("inspect_only", "auto", True),
        ("Direct", "auto", True),
        ("unheard-of", "auto", True),
        (" ", None, False),
        (None, None, False),
    ],
)
def test_a_route_preference_chooses_a_route_or_auto(
    word: str | None, chosen: str | None, *, is_ignored: bool
) -> None:
    request = read("enqueue", route_preference=word)

    assert chosen_route(request.request.route_preference) == chosen
    assert [each.code for each in preference_warnings(request)] == (
        ["preference_ignored"] * is_ignored
    )


@pytest.mark.parametrize(
    ("word", "chosen", "is_ignored"),
    [
        ("auto", "auto", False),
        ("probe", "probe", False),
        ("idea", "idea", False),
        (" task\n", "task", False),
        ("none", "auto", True),
        ("status_only", "auto", True),
        ("spec", "auto", True),
        ("", None, False),
    ],
)
def test_an_intake_preference_chooses_a_kind_or_auto(
    word: str, chosen: str | None, *, is_ignored: bool
) -> None:
    request = read("enqueue", intake_preference=word)

    assert chosen_intake(request.request.intake_preference) == chosen
    assert [each.code for each in preference_warnings(request)] == (
        ["preference_ignored"] * is_ignored
    )


def test_a_byte_order_mark_is_passed_over() -> None:
    raw = encoded(asks("status", client_name="ü"))

    assert read_ops_request(b"\xef\xbb\xbf" + raw) == read_ops_request(raw)


def test_parts_that_are_null_are_absent() -> None:
    parts = (
        *("actor", "route_preference", "intake_preference", "scoped_work_item", "options"),
        *("expected_evidence", "context_refs", "metadata", "idempotency_key", "input"),
    )
    with_nulls = read(**dict.fromkeys(parts))

    assert with_nulls.unknown == ()
    for name in parts:
        assert not getattr(with_nulls.request, name)


def test_texts_are_stripped_and_blank_entries_of_lists_left_out() -> None:
    request = read(
        " status\n",
        request_id=" req-1\t",
        client_name=" ui ",
        expected_evidence=[" run-1 ", "", BLANK],
        context_refs=["", " docs/a.md"],
        source={"kind": " cli "},
    ).request

    assert (request.request_id, request.action, request.client_name) == ("req-1", "status", "ui")
    assert request.source.kind == "cli"
    assert request.expected_evidence == ("run-1",)
    assert request.context_refs == ("docs/a.md",)


def test_what_names_or_is_work_is_kept_exactly_as_given() -> None:
    request = read(
        "enqueue",
        idempotency_key=" key ",
        input={"text": "  do\n"},
        scoped_work_item={"id": " ITEM-1 ", "title": "", "constraints": [" a", ""]},
    )

    assert request.request.idempotency_key == " key "
    assert request.task == "  do\n"
    assert request.request.scoped_work_item is not None
    assert request.request.scoped_work_item.to_scope() == ScopedWork(
        item_id=" ITEM-1 ", title="", constraints=(" a", "")
    )


def test_of_two_ids_of_an_item_item_id_counts() -> None:
    request = read(scoped_work_item={"id": "other", "item_id": "ITEM-1"})

    assert request.request.scoped_work_item is not None
    assert request.request.scoped_work_item.item_id == "ITEM-1"
    assert request.unknown == ("scoped_work_item.id",)


@pytest.mark.parametrize(
    ("given", "task"),
    [
        ({"text": "a"}, "a"),
        ({"task": "a"}, "a"),
        ({"payload": {"task": "a"}}, "a"),
        ({"payload": {"text": "a"}}, "a"),
        ({"text": "a", "payload": {"task": "b", "text": "c"}}, "a"),
        ({"payload": {"task": "b", "text": "c"}}, "b"),
        ({"text": " ", "payload": {"task": "\n", "text": "c"}}, "c"),
        ({"text": None, "task": "b"}, "b"),
        ({"text": " ", "payload": {}}, None),
        ({}, None),
        (None, None),
    ],
    ids=str,
)
def test_the_task_is_the_first_text_that_is_not_blank(given: Json, task: str | None) -> None:
    assert read("enqueue", input=given).task == task


def test_only_an_enqueue_has_a_task_in_its_payload() -> None:
    assert read("status", input={"payload": {"task": "x"}}).task is None


@pytest.mark.parametrize("nested", [True, False])
def test_a_payload_may_stand_in_the_input_itself(*, nested: bool) -> None:
    fields = {"workspace_id": "w", "root_path": "/w", "default_mode": "m", "is_default": None}
    request = read("register_workspace", input={"payload": fields} if nested else fields)
    payload = request.payload_as(RegisterWorkspacePayload)

    assert (payload.workspace_id, payload.root_path) == ("w", "/w")
    assert (payload.default_mode, payload.is_default) == ("m", None)
    assert request.payload_path == ("input.payload." if nested else "input.")
    assert request.unknown == ()


def test_a_payload_is_not_read_as_another_actions() -> None:
    with pytest.raises(TypeError, match="ForgetSessionPayload"):
        read("enqueue").payload_as(ForgetSessionPayload)

    assert read("enqueue").payload_as(EnqueuePayload).task is None


@pytest.mark.parametrize(
    ("fields", "session_id"),
    [
        ({}, None),
        ({"metadata": {"session_id": " m "}}, "m"),
        ({"input": {"payload": {"session_id": "p"}}}, "p"),
        ({"input": {"session_id": "p"}}, "p"),
        ({"input": {"session_id": "p"}, "metadata": {"session_id": "m"}}, "p"),
        ({"input": {"session_id": " "}, "metadata": {"session_id": "m"}}, "m"),
    ],
)
def test_the_session_is_named_by_the_payload_or_the_metadata(
    fields: dict[str, Json], session_id: str | None
) -> None:
    for action in (*ACTIONS, "self_destruct"):
        fields_of_action = payload_of(action).model_fields.values()
        if not any(each.is_required() for each in fields_of_action):
            assert read(action, **fields).session_id == session_id


@pytest.mark.parametrize("action", ACTIONS)
def test_every_action_is_known(action: str) -> None:
    needed: Json = {"workspace_id": "w", "root_path": "/w", "session_id": "s"}
    needed |= {"work_item_id": "i", "run_id": "r", "host": "h"}
    needed |= {"work_item_ids": ["i"], "older_than_seconds": 9}

    assert read(action, input=needed).action == action


@pytest.mark.parametrize("action", ["STATUS", "stat us", "rm -rf /", "enqueue;"])
def test_an_unknown_action_is_read_all_the_same(action: str) -> None:
    request = read(action, input={"payload": {"whatever": 1, "session_id": "s"}})

    assert (request.action, request.request.action, request.session_id) == (None, action, "s")
    assert request.unknown == ()


@pytest.mark.parametrize(
    ("fields", "unknown"),
    [
        ({"verb": 1}, ("verb",)),
        ({"": 1, "a.b": {"c": 1}}, ("", "a.b")),
        ({"input.x": 1, "metadata.x": 1}, ("input.x", "metadata.x")),
        ({"workspace_ref": {"path": "/w"}}, ("workspace_ref.path",)),
        ({"source": {"kind": "x", "name": {}}}, ("source.name",)),
        ({"actor": {"kind": "x", "age": 7}}, ("actor.age",)),
        ({"actor": {"kind": "x", "metadata": {"free": 1}}}, ()),
        ({"scoped_work_item": {"id": "x", "url": "u"}}, ("scoped_work_item.url",)),
        ({"options": {"verbose": True, "Route": 1}}, ("options.verbose", "options.Route")),
        ({"metadata": {"free": {"as": "air"}}}, ()),
        ({"input": {"note": 1}}, ("input.note",)),
        ({"input": {"payload": {"note": 1}}}, ("input.payload.note",)),
        ({"input": {"note": 1, "payload": {"id": 1}}}, ("input.note", "input.payload.id")),
        ({"input": {"payload": {}, "task": "x"}}, ("input.task",)),
    ],
    ids=str,
)
def test_an_unread_field_is_reported_by_its_path(
    fields: dict[str, Json], unknown: tuple[str, ...]
) -> None:
    assert read("enqueue", **fields).unknown == unknown


def test_of_very_many_unknown_fields_some_are_reported() -> None:
    unknown = read(**{f"part{number}": 1 for number in range(5_000)}).unknown

    assert unknown == tuple(f"part{number}" for number in range(100))
