"""The ops actions on a fleet: their completion, status and workspace."""

from __future__ import annotations

import pytest

from millracer.schemas.ops.request import InvalidOpsRequest
from tests.support.gateway import Desk, codes, said

FLEET = {"runtime_kind": "fleet", "workspace_id": "shop"}


def test_a_submission_names_its_item_and_claims_nothing() -> None:
    desk = Desk()
    result = desk.ask(
        "fleet_submit",
        workspace_ref=FLEET,
        input={"text": "Fix it", "payload": {"priority": 7, "not_before": "2030-01-02T03:04:05Z"}},
        idempotency_key="k",
        options={"max_tokens": 7, "route": "auto", "finalizer": "summary"},
        work_item_ref={"item_id": "ITEM-1"},
    )

    document = said(result)
    item = document["result"]["item"]
    assert (item["priority"], item["not_before"]) == (7, "2030-01-02T03:04:05Z")
    assert (document["status"], document["route"]) == ("succeeded", "millrace")
    assert document["workspace_ref"] == FLEET
    assert document["work_item_ref"]["item_id"] == "ITEM-1"
    assert document["completion"]["scoped_completion"] is False
    stored = desk.fleet.fleet.find_item(item["work_item_id"])
    assert stored is not None
    assert stored.request["options"] == {"max_tokens": 7, "finalizer": "summary"}
    assert stored.request["idempotency_key"] == "k"


@pytest.mark.parametrize(
    ("outcome", "status", "exit_code"),
    [("completed", "succeeded", 0), ("blocked", "blocked", 0), ("timed_out", "timed_out", 7)],
)
def test_an_awaited_submission_has_the_status_of_its_run(
    outcome: str, status: str, exit_code: int
) -> None:
    desk = Desk()
    fields = {
        "workspace_ref": FLEET,
        "input": {"text": "Fix it", "payload": {"wait": True}},
        "idempotency_key": "k",
    }
    desk.fleet.add("Fix it", idempotency_key="k")
    desk.fleet.end(desk.fleet.begin(), outcome, status=status)

    answer = desk.answer("fleet_submit", **fields)

    assert (answer.result.status, answer.exit_code) == (status, exit_code)
    assert answer.result.completion.outcome == outcome
    assert answer.result.completion.scoped_completion is (outcome == "completed")


def test_a_shown_item_succeeds_however_it_ended() -> None:
    desk = Desk()
    item_id = desk.fleet.add()
    desk.fleet.end(desk.fleet.begin(), "failed", errors=[{"code": "millrace_not_found"}])

    answer = desk.answer("fleet_show", input={"payload": {"work_item_id": item_id}})

    assert (answer.result.status, answer.exit_code) == ("succeeded", 0)
    assert answer.result.completion.outcome == "failed"
    assert said(answer.result)["result"]["item"]["why"] == ""


def test_the_result_of_another_version_proves_only_what_the_database_says() -> None:
    desk = Desk()
    item_id = desk.fleet.add()
    completion = {"outcome": "completed", "scoped_completion": True, "from_the_future": 1}
    desk.fleet.end(desk.fleet.begin(), completion=completion)

    result = desk.ask("fleet_show", input={"payload": {"work_item_id": item_id}})

    assert codes(result) == (["result_of_other_version"], [])
    assert result.completion.scoped_completion is True
    assert said(result)["result"]["result"]["completion"]["from_the_future"] == 1


@pytest.mark.parametrize(
    ("action", "fields", "field"),
    [
        ("fleet_submit", {"workspace_ref": FLEET}, "input.text"),
        ("fleet_submit", {"input": {"text": "Fix it"}}, "input.workspace_id"),
        (
            "fleet_submit",
            {"workspace_ref": FLEET, "input": {"text": "x"}, "options": {"cwd": "/srv"}},
            "options.cwd",
        ),
        ("fleet_pause", {}, "workspace_ref.workspace_id"),
        ("fleet_show", {"input": {"payload": {"work_item_id": "x"}}}, "input.payload.work_item_id"),
        ("fleet_list", {"input": {"payload": {"state": "lost"}}}, "input.payload.state"),
        (
            "fleet_pause",
            {"workspace_ref": FLEET, "input": {"payload": {"for_seconds": -1}}},
            "input.payload.for_seconds",
        ),
        (
            "fleet_submit",
            {"workspace_ref": FLEET, "input": {"text": "x", "payload": {"not_before": "soon"}}},
            "input.payload.not_before",
        ),
    ],
)
def test_bad_input_is_refused_with_its_path(
    action: str, fields: dict[str, object], field: str
) -> None:
    desk = Desk()
    try:
        answer = desk.answer(action, **fields)
    except InvalidOpsRequest as error:
        answer = desk.gateway().refuse_unreadable(error)

    assert [(each.code, each.field) for each in answer.result.errors] == [
        ("invalid_request", field)
    ]
    assert answer.exit_code == 2
