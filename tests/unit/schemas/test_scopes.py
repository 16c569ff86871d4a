"""A key that probably names a scoped item is never dropped: it is used, or the scope is unclear."""

from __future__ import annotations

import json
from typing import Any

import pytest

from millracer.domain.requests import IntakePreference, ScopedWork
from millracer.schemas.ops.request import ReadRequest, read_ops_request
from millracer.schemas.run_request import TaskRequest, parse_run_request
from tests.support.ops_requests import asks, encoded

V03 = "millracer.ops.v0.3"
#: Every field in camel case, and what it is read as.
CAMEL_CASE = {
    "itemId": "W-7",
    "title": "One widget",
    "sourceQueue": "Q.md",
    "specPath": "s.md",
    "completionRef": "done-7",
    "constraints": ["only this"],
}
WORK = ScopedWork(
    item_id="W-7",
    title="One widget",
    source_queue="Q.md",
    spec_path="s.md",
    completion_ref="done-7",
    constraints=("only this",),
)
NAMES = ["scoped_work_item", "work_item", "scope", "scopedWorkItem", "workItem"]


def legacy(**fields: Any) -> TaskRequest:
    return parse_run_request(json.dumps({"task": "t", **fields}).encode())


def ops(**fields: Any) -> ReadRequest:
    return read_ops_request(encoded(asks("enqueue", **fields)))


READERS = {
    "legacy": legacy,
    "v0.2": ops,
    "v0.3": lambda **fields: ops(schema_version=V03, **fields),
}


@pytest.fixture(params=READERS.values(), ids=READERS)
def read(request: pytest.FixtureRequest) -> Any:
    """Return the reader of one kind of request."""
    return request.param


@pytest.mark.parametrize("name", NAMES)
def test_a_scope_is_used_under_each_name_and_in_camel_case(read: Any, name: str) -> None:
    found = read(**{name: CAMEL_CASE})

    assert (found.scope, found.scope_is_unclear) == (WORK, False)


def test_a_scope_in_metadata_is_used(read: Any) -> None:
    found = read(metadata={"scoped_work_item": {"id": "W-7"}})

    assert (found.scope, found.scope_is_unclear) == (ScopedWork(item_id="W-7"), False)


def test_of_two_scopes_the_first_is_used_and_the_run_is_unclear(read: Any) -> None:
    found = read(scoped_work_item={"item_id": "W-7"}, workItem={"item_id": "W-8"})

    assert (found.scope.item_id, found.scope_is_unclear) == ("W-7", True)
    assert warned(found) == ["value_ignored"]


def test_the_same_scope_under_two_names_is_clear(read: Any) -> None:
    found = read(scope={"id": "W-7"}, scopedWorkItem={"itemId": "W-7"})

    assert (found.scope.item_id, found.scope_is_unclear, warned(found)) == ("W-7", False, [])


@pytest.mark.parametrize("name", [*NAMES, "WorkItem", "scoped-work-item", "Scope", "work-item-ref"])
@pytest.mark.parametrize("value", [{"title": "no id"}, ["W-7"], "W-7"], ids=str)
def test_an_unusable_scope_or_one_under_a_similar_key_makes_the_run_unclear(
    read: Any, name: str, value: object
) -> None:
    found = read(**{name: value})

    assert (found.scope, found.scope_is_unclear) == (None, True)
    assert warned(found) == ["value_ignored"]


def test_a_usable_scope_under_a_similar_key_makes_the_run_unclear(read: Any) -> None:
    found = read(**{"scoped-work-item": {"id": "W-7"}})

    assert (found.scope, found.scope_is_unclear) == (None, True)


@pytest.mark.parametrize("metadata", [{"workItem": {"id": "W-7"}}, {"Scope": {"id": "W-7"}}])
def test_a_scope_in_metadata_under_a_similar_key_makes_the_run_unclear(
    read: Any, metadata: dict[str, object]
) -> None:
    assert read(metadata=metadata).scope_is_unclear


@pytest.mark.parametrize(
    "fields",
    [
        {"scope": None},
        {"workItem": None},
        {"scoped-work-item": None},
        {"metadata": {"scope": "front end", "work_item_id": "W-7"}},
        {"workItems": [{"id": "W-7"}]},
    ],
    ids=str,
)
def test_what_names_no_scope_leaves_the_run_clear(read: Any, fields: dict[str, object]) -> None:
    found = read(**fields)

    assert (found.scope, found.scope_is_unclear) == (None, False)


def test_the_kind_of_intake_may_be_in_camel_case() -> None:
    assert legacy(intakeKind="probe").intake is IntakePreference.PROBE
    assert legacy(intake_kind="task", intakeKind="probe").intake is IntakePreference.TASK


def test_a_work_item_ref_is_used_in_v03_and_makes_a_v02_request_unclear() -> None:
    ref = {"id": "W-7", "kind": "task", "queue_path": "q", "root_spec_id": "s"}

    latest = ops(schema_version=V03, work_item_ref=ref)
    assert (latest.scope, latest.scope_is_unclear) == (ScopedWork(item_id="W-7"), False)
    assert latest.unknown == ()
    earlier = ops(work_item_ref=ref)
    assert (earlier.scope, earlier.scope_is_unclear) == (None, True)


def warned(found: TaskRequest | ReadRequest) -> list[str]:
    if isinstance(found, TaskRequest):
        return [each.code for each in found.warnings]
    return [each.warning.code for each in found.ignored]
