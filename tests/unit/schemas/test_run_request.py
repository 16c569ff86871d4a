import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millracer.domain.requests import IntakePreference, ScopedWork
from millracer.errors import InvalidRequest
from millracer.schemas.names import SchemaName
from millracer.schemas.run_request import TaskRequest, parse_run_request
from tests.support.ops_world import VALIDATORS


def read(**payload: object) -> TaskRequest:
    return parse_run_request(json.dumps(payload).encode())


@pytest.mark.parametrize("name", ["task", "prompt", "instructions"])
def test_the_task_has_three_names(name: str) -> None:
    request = parse_run_request(json.dumps({name: "  Fix it\n"}).encode())

    assert request.task == "  Fix it\n"


def test_an_empty_task_gives_way_to_the_next_name() -> None:
    assert parse_run_request(b'{"task": " ", "prompt": "Fix it"}').task == "Fix it"


def test_a_byte_order_mark_is_passed_over() -> None:
    assert parse_run_request(b'\xef\xbb\xbf{"task": "Fix it"}').task == "Fix it"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "utf-16-be"])
def test_another_encoding_is_named(encoding: str) -> None:
    with pytest.raises(InvalidRequest, match=f"is {encoding[:6].upper()}, not UTF-8") as caught:
        parse_run_request('{"task": "Fix it"}'.encode(encoding))

    assert "UTF-8" in str(caught.value.suggested_action)


SCOPE = {
    "id": "ITEM-1",
    "title": "Fix",
    "source_queue": "Q.md",
    "spec_path": "s.md",
    "completion_ref": "submit-1",
    "constraints": ["one", " two "],
}


@pytest.mark.parametrize("name", ["scoped_work_item", "work_item", "scope"])
def test_the_scope_has_three_names_and_keeps_every_field(name: str) -> None:
    request = parse_run_request(json.dumps({"task": "t", name: SCOPE}).encode())

    assert request.scope == ScopedWork(
        item_id="ITEM-1",
        title="Fix",
        source_queue="Q.md",
        spec_path="s.md",
        completion_ref="submit-1",
        constraints=("one", " two "),
    )


def test_scope_and_kind_may_stand_in_metadata() -> None:
    request = parse_run_request(
        json.dumps(
            {
                "task": "t",
                "metadata": {"scoped_work_item": {"item_id": "I"}, "intake_kind": "probe"},
                "workspace": "/w",
            }
        ).encode()
    )

    assert request.scope == ScopedWork(item_id="I")
    assert request.intake is IntakePreference.PROBE
    assert request.workspace == "/w"


@pytest.mark.parametrize(
    ("raw", "field"),
    [
        (b"", None),
        (b"not json", None),
        (b"[]", None),
        (b"\xff", None),
        (b"{}", "task"),
        (b'{"task": 3}', "task"),
        (b'{"task": ""}', "task"),
        (b'{"task": "t", "workspace": 3}', "workspace"),
        (b'{"task": "t", "workspace": " "}', "workspace"),
    ],
)
def test_a_request_without_a_task_or_with_an_unusable_workspace_is_refused(
    raw: bytes, field: str | None
) -> None:
    with pytest.raises(InvalidRequest) as refused:
        parse_run_request(raw)
    assert (refused.value.field or "").startswith(field or "")
    assert field is None or field.split(".", maxsplit=1)[0] in refused.value.message


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"prompt": 3}, "value_ignored"),
        ({"intake_kind": "epic"}, "preference_ignored"),
        ({"intake_kind": 3}, "value_ignored"),
        ({"metadata": {"intake_kind": "epic"}}, "preference_ignored"),
        ({"metadata": []}, "value_ignored"),
        ({"scope": {}}, "value_ignored"),
        ({"scope": {"id": "I", "constraints": "one"}}, "value_ignored"),
        ({"scope": {"id": "I", "title": 7}}, "value_ignored"),
    ],
    ids=str,
)
def test_a_value_that_cannot_be_used_is_ignored_and_reported(
    given: dict[str, object], code: str
) -> None:
    request = read(task="t", **given)

    assert [warning.code for warning in request.warnings] == [code]
    assert request.intake is None
    assert not request.scope_is_unclear


def test_an_unknown_field_is_reported_and_one_in_metadata_is_the_callers() -> None:
    request = read(task="t", metadata={"mine": 1}, colour=7, Workspace="/w")

    assert [warning.code for warning in request.warnings] == ["unknown_field"] * 2
    assert ["colour" in warning.text for warning in request.warnings] == [True, False]


@pytest.mark.parametrize(
    ("given", "valid"),
    [
        ({"task": "t", "scope": SCOPE, "metadata": {"scoped_work_item": SCOPE}}, True),
        ({"task": " ", "prompt": "Fix it", "workspace": None}, True),
        ({"task": "\u2003"}, False),
        ({"scope": SCOPE}, False),
        ({"task": "t", "workspace": 3}, False),
        ({"task": "t", "scope": {}}, False),
    ],
    ids=str,
)
def test_the_schema_accepts_what_is_read_whole(given: dict[str, object], *, valid: bool) -> None:
    read_whole = True
    try:
        read_whole = not read(**given).warnings
    except InvalidRequest:
        read_whole = False

    assert (VALIDATORS[SchemaName.RUN_REQUEST].is_valid(given), read_whole) == (valid, valid)


@pytest.mark.parametrize(
    ("given", "item_id"),
    [
        ({"scope": {"title": "no id"}}, None),
        ({"scope": {"id": " "}}, None),
        ({"work_item": "ITEM-1"}, None),
        ({"metadata": {"scoped_work_item": {"title": "no id"}}}, None),
        ({"work_item": "ITEM-1", "scope": {"id": "I"}}, "I"),
        ({"scoped_work_item": {"id": "A"}, "scope": {"id": "B"}}, "A"),
    ],
    ids=str,
)
def test_an_unusable_scope_or_a_second_one_is_unclear(
    given: dict[str, object], item_id: str | None
) -> None:
    request = read(task="t", **given)

    assert request.scope_is_unclear
    assert [warning.code for warning in request.warnings] == ["value_ignored"]
    assert (None if request.scope is None else request.scope.item_id) == item_id


def test_the_same_scope_under_two_names_is_clear() -> None:
    request = read(task="t", scope=SCOPE, work_item=SCOPE)

    assert (request.scope_is_unclear, request.warnings) == (False, ())


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(st.dictionaries(st.sampled_from(["task", "scope", "metadata", "workspace"]), JSON))
def test_any_object_is_read_or_refused(payload: dict[str, object]) -> None:
    refused, request = None, None
    try:
        request = parse_run_request(json.dumps(payload).encode())
    except InvalidRequest as error:
        refused = error

    assert refused is not None or (request is not None and request.task.strip())
