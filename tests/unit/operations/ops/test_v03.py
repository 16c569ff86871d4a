"""What version v0.3 of ops adds: actions, authority, paths of refused fields, and its results."""

from __future__ import annotations

from typing import Any

import pytest

from millracer.domain.doctor_report import Check, CheckLevel, CheckName, Finding
from millracer.domain.operations import ACTIONS, OpsVersion, actions_of
from millracer.domain.requests import RoutePreference
from millracer.domain.run.options import RunOptions
from millracer.domain.work.items import ItemState
from millracer.errors import ExitCode
from millracer.schemas.ops.payloads import payload_of
from millracer.schemas.ops.request import InvalidOpsRequest, read_ops_request
from millracer.schemas.ops.result_v03 import OpsResultV03
from millracer.testing.steps import item_ends, stage_runs
from tests.support.gateway import Desk, asked, codes, said
from tests.support.ops_requests import asks, encoded

V02, V03 = "millracer.ops.v0.2", "millracer.ops.v0.3"
WORK = {"workspace_ref": {"root_path": "/shop"}}
ITEM = {"input": {"payload": {"work_item_id": "t1"}}}
LATEST = sorted(set(ACTIONS) - set(actions_of(OpsVersion.V02)))
#: A usable value and an unusable one for each required field of a payload.
VALUES: dict[str, Any] = {"work_item_id": "t1", "run_id": "run-1", "workspace_id": "w"}
VALUES |= {"root_path": "/shop", "session_id": "s", "host": "h"}
VALUES |= {"work_item_ids": ["t1"], "older_than_seconds": 9}
#: Unusable for a text; a list or a number is usable for these.
UNUSABLE = [7, " ", None, ["x"]]
USABLE = {("work_item_ids", "['x']"), ("older_than_seconds", "7")}
REQUIRED = [
    (action, name)
    for action in ACTIONS
    for name, field in payload_of(action).model_fields.items()
    if field.is_required()
]


@pytest.mark.parametrize("action", ACTIONS)
def test_a_result_has_the_version_of_its_request(action: str) -> None:
    payload = {"payload": {**VALUES, "states": []}}
    result = Desk().ask(action, schema_version=V03, **WORK, input=payload)

    assert isinstance(result, OpsResultV03)
    assert said(result)["schema_version"] == V03


@pytest.mark.parametrize("action", LATEST)
def test_an_action_of_v03_is_unsupported_in_v02(action: str) -> None:
    desk = Desk()
    result = desk.ask(action, schema_version=V02, **WORK, **ITEM)

    assert codes(result)[1] == ["unsupported_action"]
    assert (said(result)["schema_version"], desk.tools.opened) == (V02, [])


def test_an_unreadable_request_has_a_result_of_its_version() -> None:
    for version, expected in ((V03, V03), (V02, V02), ("v9", V02), (None, V02)):
        with pytest.raises(InvalidOpsRequest) as refused:
            read_ops_request(encoded(asks("status", schema_version=version, source=7)))
        result = Desk().gateway().refuse_unreadable(refused.value).result
        assert result.schema_version == expected


@pytest.mark.parametrize(
    "action", ["record_completion_evidence", "record_health_report", "inspect_release"]
)
def test_an_action_of_the_reference_that_is_lacking_is_unsupported_with_the_reason(
    action: str,
) -> None:
    (error,) = Desk().ask(action, schema_version=V03, **WORK).errors
    (before,) = Desk().ask(action, schema_version=V02, **WORK).errors

    assert error.code == before.code == "unsupported_action"
    assert error.message.startswith(f"{before.message}: ")
    assert "watch" in (error.suggested_action or "")


@pytest.mark.parametrize(
    ("action", "name", "value"),
    [
        (action, name, value)
        for action, name in REQUIRED
        for value in UNUSABLE
        if (name, str(value)) not in USABLE
    ],
)
def test_an_unusable_required_field_of_a_payload_is_named(
    action: str, name: str, value: object
) -> None:
    payload = {**VALUES, name: value}
    with pytest.raises(InvalidOpsRequest) as refused:
        asked(action, schema_version=V03, **WORK, input={"payload": payload})

    assert [each.field for each in refused.value.refusals] == [f"input.payload.{name}"]


@pytest.mark.parametrize(
    ("action", "field", "value"),
    [
        ("show_work_item", "work_item_id", "nothing"),
        ("logs", "work_item_id", "nothing"),
        ("list_runs", "work_item_id", "nothing"),
        ("show_run", "run_id", "nothing"),
        ("list_items", "states", ["lost"]),
        ("models", "choices", ["no-provider"]),
    ],
)
def test_a_value_that_an_operation_refuses_is_named_by_its_path(
    action: str, field: str, value: object
) -> None:
    desk = Desk()
    result = desk.ask(action, schema_version=V03, **WORK, input={"payload": {field: value}})

    (error,) = result.errors
    assert error.code == "invalid_request"
    assert error.field in {f"input.payload.{field}", "stage_model"}


@pytest.mark.parametrize("name", ["work_item_id", "item_id", "id"])
def test_an_item_is_named_by_any_of_the_references_keys(name: str) -> None:
    desk = Desk()
    desk.tools.backends.holds("t1", ItemState.BLOCKED)

    assert codes(desk.ask("show_work_item", **WORK, input={name: "t1"}))[1] == []


def test_authority_is_copied_and_answered_by_a_warning() -> None:
    desk = Desk()
    given = {"scopes": ["work_item:enqueue"], "reason": "why", "metadata": {"ticket": 7}}
    result = said(desk.ask("status", schema_version=V03, **WORK, requested_authority=given))

    assert result["requested_authority"] == given
    assert [(each["code"], each["field"]) for each in result["warnings"]] == [
        ("authority_not_enforced", "requested_authority")
    ]
    (session,) = desk.store.list_sessions()
    assert session.last_warning_codes == ("authority_not_enforced",)
    without = said(Desk().ask("status", schema_version=V03, **WORK))
    assert (without.get("requested_authority"), without["warnings"]) == (None, [])


def test_a_work_item_comes_back_under_both_names() -> None:
    desk = Desk()
    desk.tools.backends.will_show(stage_runs("updater"), item_ends())
    result = said(
        desk.ask(
            "enqueue",
            schema_version=V03,
            **WORK,
            input={"text": "Do it"},
            options={"route": "millrace", "intake": "task", "finalizer": "summary"},
            work_item_ref={"id": "W-7"},
        )
    )

    assert result["completion"]["scoped_completion"]
    assert result["work_item_ref"] == result["scoped_work_item"]
    assert result["work_item_ref"]["item_id"] == "W-7"


def test_a_watch_follows_the_item_and_takes_no_resume() -> None:
    desk = Desk()
    desk.tools.backends.holds("t1", ItemState.DONE, proven=True)
    options = {"finalizer": "summary"}
    result = desk.ask("watch", **WORK, **ITEM, options=options, route_preference="direct")

    assert (result.status, result.completion.scoped_completion) == ("succeeded", True)
    assert codes(result)[0].count("preference_ignored") == 1
    (request,) = desk.tools.requests
    assert (request.resume, request.task) == ("t1", "")
    refused = desk.answer("watch", **WORK, **ITEM, options={"resume": "t2"})
    assert refused.exit_code == ExitCode.USAGE
    assert [each.field for each in refused.result.errors] == ["options.resume"]
    assert len(desk.tools.requests) == 1


@pytest.mark.parametrize(
    ("fields", "warnings"),
    [
        ({}, []),
        ({"route_preference": "millrace", "intake_preference": "idea"}, []),
        ({"route_preference": "direct"}, ["preference_ignored"]),
        ({"route_preference": "status_only"}, ["preference_ignored"]),
        ({"intake_preference": "epic"}, ["preference_ignored"]),
        ({"options": {"cwd": None, "intake": "idea"}}, []),
        ({"options": {"max_tokens": 7, "finalizer": "summary"}}, ["value_ignored"] * 2),
        ({"expected_evidence": ["updater"]}, ["value_ignored"]),
        ({"expected_evidence": []}, []),
    ],
    ids=str,
)
def test_a_submission_is_queued_once_and_warns_of_what_it_ignores(
    fields: dict[str, Any], warnings: list[str]
) -> None:
    desk = Desk()
    first = desk.ask("submit", **WORK, input={"text": "Do it"}, **fields)
    again = desk.ask("submit", **WORK, input={"text": "Do it"}, **fields)

    assert codes(first) == (warnings, [])
    assert len(desk.tools.backends.enqueued) == 1
    ids = {said(each)["result"]["work_item_id"] for each in (first, again)}
    assert len(ids) == 1
    assert said(again)["result"]["found"]
    assert desk.tools.requests == []


def test_the_options_of_a_request_apply_to_its_action() -> None:
    desk = Desk(options=RunOptions(route=RoutePreference.AUTO))
    desk.ask("models", **WORK, options={"provider": "stub", "thinking": "low"})

    assert {options.provider for _, options in desk.tools.opened} == {"stub"}


def test_a_run_is_listed_for_its_item_and_shown_with_its_trace() -> None:
    desk = Desk()
    desk.tools.backends.holds("t1", ItemState.BLOCKED)
    desk.tools.backends.holds("t2", ItemState.BLOCKED)
    desk.tools.backends.stages.begin("t1", "builder", "run-1")
    desk.tools.backends.stages.begin("t2", "builder", "run-2")

    everything = said(desk.ask("list_runs", **WORK))["result"]["runs"]
    own = said(desk.ask("list_runs", **WORK, **ITEM))["result"]["runs"]
    shown = said(desk.ask("show_run", **WORK, input={"run_id": "run-2"}))["result"]

    assert {run["run_id"] for run in everything} == {"run-1", "run-2"}
    assert [(run["run_id"], run["work_item_ids"]) for run in own] == [("run-1", ["t1"])]
    assert (shown["run"]["run_id"], shown["trace"]["run_id"]) == ("run-2", "run-2")


def test_a_diagnosis_fails_with_one_error_for_each_failed_check() -> None:
    desk = Desk()
    desk.tools.checks = [
        Check(name=CheckName.PI, finding=Finding(level=level, message="no pi", next_command=step))
        for level, step in (
            (CheckLevel.OK, None),
            (CheckLevel.WARNING, "millracer setup"),
            (CheckLevel.FAIL, "millracer setup"),
            (CheckLevel.FAIL, None),
        )
    ]
    answer = desk.answer("diagnose", **WORK, input={"payload": {"with_turn": True}})

    assert (answer.result.status, answer.exit_code) == ("failed", ExitCode.INTERNAL_ERROR)
    assert codes(answer.result)[1] == ["check_failed"] * 2
    assert answer.result.errors[0].suggested_action == "millracer setup"
    assert answer.result.errors[1].suggested_action
    assert [check["name"] for check in said(answer.result)["result"]["checks"]][-1] == "pi_turn"
