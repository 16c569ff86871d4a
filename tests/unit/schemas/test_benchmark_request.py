import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millracer.domain.requests import IntakePreference, ScopedWork
from millracer.errors import InvalidRequest
from millracer.schemas.benchmark_request import parse_benchmark_request


def parse(**payload: object) -> object:
    return parse_benchmark_request(json.dumps(payload).encode())


@pytest.mark.parametrize("name", ["task", "prompt", "instructions"])
def test_the_task_has_three_names(name: str) -> None:
    request = parse_benchmark_request(json.dumps({name: "  Fix it\n"}).encode())

    assert request.task == "  Fix it\n"


def test_an_empty_task_gives_way_to_the_next_name() -> None:
    assert parse_benchmark_request(b'{"task": " ", "prompt": "Fix it"}').task == "Fix it"


def test_a_byte_order_mark_is_passed_over() -> None:
    assert parse_benchmark_request(b'\xef\xbb\xbf{"task": "Fix it"}').task == "Fix it"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "utf-16-be"])
def test_another_encoding_is_named(encoding: str) -> None:
    with pytest.raises(InvalidRequest, match=f"is {encoding[:6].upper()}, not UTF-8") as caught:
        parse_benchmark_request('{"task": "Fix it"}'.encode(encoding))

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
    request = parse_benchmark_request(json.dumps({"task": "t", name: SCOPE}).encode())

    assert request.scope == ScopedWork(
        item_id="ITEM-1",
        title="Fix",
        source_queue="Q.md",
        spec_path="s.md",
        completion_ref="submit-1",
        constraints=("one", " two "),
    )


def test_scope_and_kind_may_stand_in_metadata() -> None:
    request = parse_benchmark_request(
        json.dumps(
            {
                "task": "t",
                "metadata": {"scoped_work_item": {"item_id": "I"}, "intake_kind": "probe"},
                "workspace": "/w",
                "unknown": 1,
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
        (b'{"task": "t", "intake_kind": "epic"}', "intake_kind"),
        (b'{"task": "t", "metadata": {"intake_kind": "epic"}}', "metadata.intake_kind"),
        (b'{"task": "t", "scope": {"title": "no id"}}', "scope.item_id"),
        (b'{"task": "t", "scope": {"id": " "}}', "scope.id"),
        (b'{"task": "t", "scope": {"id": "I", "constraints": "one"}}', "scope.constraints"),
        (b'{"task": "t", "work_item": []}', "work_item"),
        (b'{"task": "t", "metadata": {"scoped_work_item": {}}}', "metadata.scoped_work_item"),
    ],
)
def test_what_cannot_be_used_is_refused_by_name(raw: bytes, field: str | None) -> None:
    with pytest.raises(InvalidRequest) as refused:
        parse_benchmark_request(raw)
    assert (refused.value.field or "").startswith(field or "")
    assert field is None or field.split(".", maxsplit=1)[0] in refused.value.message


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(st.dictionaries(st.sampled_from(["task", "scope", "metadata", "workspace"]), JSON))
def test_any_object_is_read_or_refused(payload: dict[str, object]) -> None:
    refused, request = None, None
    try:
        request = parse_benchmark_request(json.dumps(payload).encode())
    except InvalidRequest as error:
        refused = error

    assert refused is not None or (request is not None and request.task.strip())
