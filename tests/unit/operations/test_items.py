"""`list`, `show`, `logs` and `trace` through the ops gateway, as a caller gets them."""

from __future__ import annotations

from typing import Any

import pytest

from millracer.cancellation import Cancellation, Wait
from millracer.domain.requests import IntakeKind
from millracer.domain.work.changes import Changes, FileChange, FileStatus
from millracer.domain.work.items import ItemState
from millracer.domain.work.transcript import EntryKind, Transcript, TranscriptEntry
from millracer.domain.workspaces import RegisteredWorkspace
from millracer.operations.items.follow_logs import follow_logs
from millracer.testing.backend import ScriptedBackend
from millracer.testing.steps import nothing_new, stage_runs
from tests.support.gateway import Desk, codes, said

WORK = {"root_path": "/shop"}


@pytest.fixture
def desk() -> Desk:
    desk = Desk()
    millrace = desk.tools.backends
    millrace.holds("p1-probe", ItemState.DONE, kind=IntakeKind.PROBE)
    millrace.derives("p1-probe", "p1-probe-fix", ItemState.BLOCKED).runner_failure = "no API key"
    millrace.texts["p1-probe"] = "Find out why"
    millrace.stages.begin("p1-probe", "recon", "run-1")
    millrace.stages.begin("p1-probe-fix", "builder", "run-2")
    millrace.stages.end("p1-probe")
    millrace.stages.end("p1-probe-fix", "BLOCKED")
    millrace.stages.transcripts["request-2"] = Transcript(
        entries=(
            TranscriptEntry(kind=EntryKind.TEXT, text="I look."),
            TranscriptEntry(kind=EntryKind.TOOL, text="ls", tool="bash", failed=True),
        ),
        raw="{}",
        is_complete=True,
    )
    return desk


def asked(desk: Desk, action: str, **payload: Any) -> dict[str, Any]:
    result = desk.ask(action, workspace_ref=WORK, input={"payload": payload})

    assert codes(result)[1] == []
    document: dict[str, Any] = said(result)["result"]
    return document


def test_a_list_has_ended_items_too_and_can_be_restricted(desk: Desk) -> None:
    listed = asked(desk, "list_items")["items"]
    blocked = asked(desk, "list_items", states=["blocked"])["items"]

    assert [(each["work_item_id"], each["state"]) for each in listed] == [
        ("p1-probe-fix", "blocked"),
        ("p1-probe", "done"),
    ]
    assert [each["work_item_id"] for each in blocked] == ["p1-probe-fix"]


def test_an_unknown_state_is_refused_with_the_known_ones(desk: Desk) -> None:
    result = desk.ask("list_items", workspace_ref=WORK, input={"payload": {"states": ["finished"]}})

    (error,) = result.errors
    assert (error.code, error.field) == ("invalid_request", "states")
    assert "blocked" in (error.suggested_action or "")


def test_all_workspaces_are_listed_with_their_ids(desk: Desk) -> None:
    desk.store.register_workspace(RegisteredWorkspace(workspace_id="other", root_path="/other"))

    listed = asked(desk, "list_items", all_workspaces=True)["items"]

    assert {(each["workspace"], each["workspace_id"]) for each in listed} == {
        ("/shop", None),
        ("/other", "other"),
    }


def test_an_item_is_shown_with_its_lineage_stages_and_what_is_missing(desk: Desk) -> None:
    item = asked(desk, "show_work_item", work_item_id="p1-probe")["item"]

    assert (item["work_item_id"], item["state"], item["task"]) == (
        "p1-probe",
        "done",
        "Find out why",
    )
    assert item["scoped_completion"] is False
    assert item["missing_evidence"]
    assert [each["parent_id"] for each in item["lineage"]] == [None, "p1-probe"]
    assert item["failure"] == "no API key"
    assert [(each["stage"], each["result"]) for each in item["stages"]] == [
        ("recon", "RECON_COMPLETE"),
        ("builder", "BLOCKED"),
    ]
    assert item["stages"][1]["tokens"]["total"] == 12


def test_a_proven_item_is_shown_as_completed() -> None:
    desk = Desk()
    desk.tools.backends.holds("t1", ItemState.DONE, proven=True)
    desk.tools.repositories.starts.append(("t1", True))
    desk.tools.repositories.finals.append("t1")
    desk.tools.repositories.measured = Changes(
        files=(FileChange(path="a.py", status=FileStatus.ADDED, added=3, removed=0),)
    )

    item = asked(desk, "show_work_item", work_item_id="t1")["item"]

    assert item["scoped_completion"] is True
    assert item["evidence"]
    assert item["missing_evidence"] == []
    assert [(each["path"], each["added"]) for each in item["changes"]["files"]] == [("a.py", 3)]


@pytest.mark.parametrize(
    ("state", "is_known"),
    [
        (state, state.is_live or state is ItemState.BLOCKED)
        for state in ItemState
        if state != "absent"
    ],
)
def test_an_ended_item_without_a_recorded_end_does_not_have_the_files_of_now(
    desk: Desk, state: ItemState, *, is_known: bool
) -> None:
    desk.tools.backends.holds("t1", state)
    desk.tools.repositories.starts.append(("t1", True))

    shown = asked(desk, "show_work_item", work_item_id="t1")["item"]["changes"]
    diff = desk.ask("diff", workspace_ref=WORK, input={"payload": {"work_item_id": "t1"}})

    assert (shown["unknown"] is None) is is_known
    assert codes(diff)[1] == ([] if is_known else ["changes_unknown"])


def test_a_cancellation_records_the_end_of_the_work(desk: Desk) -> None:
    desk.tools.backends.holds("t1", ItemState.QUEUED)
    desk.tools.repositories.starts.append(("t1", True))

    desk.ask("cancel", workspace_ref=WORK, input={"payload": {"work_item_id": "t1"}})

    assert desk.tools.repositories.finals == ["t1"]
    assert asked(desk, "show_work_item", work_item_id="t1")["item"]["changes"]["unknown"] is None


def test_logs_hold_each_stage_and_raw_text_only_on_request(desk: Desk) -> None:
    stages = asked(desk, "logs", work_item_id="p1-probe")["stages"]
    (builder,) = asked(desk, "logs", work_item_id="p1-probe", stage="builder", raw=True)["stages"]

    assert [each["stage"]["stage"] for each in stages] == ["recon", "builder"]
    assert [(each["is_complete"], each["raw"]) for each in stages] == [(False, None), (True, None)]
    assert [(each["kind"], each["tool"], each["failed"]) for each in builder["entries"]] == [
        ("text", None, False),
        ("tool", "bash", True),
    ]
    assert builder["raw"] == "{}"


def test_a_stage_that_did_not_run_is_refused_with_those_that_did(desk: Desk) -> None:
    payload = {"work_item_id": "p1-probe", "stage": "checker"}

    (error,) = desk.ask("logs", workspace_ref=WORK, input={"payload": payload}).errors

    assert (error.code, error.field) == ("invalid_request", "stage")
    assert "builder" in (error.suggested_action or "")


def test_a_trace_has_each_fact_with_its_source_and_millraces_own_traces(desk: Desk) -> None:
    trace = asked(desk, "trace", work_item_id="p1-probe")

    assert all(fact["source"] and fact["statement"] for fact in trace["facts"])
    assert {fact["work_item_id"] for fact in trace["facts"]} == {"p1-probe", "p1-probe-fix"}
    assert [run["run_id"] for run in trace["runs"]] == ["run-2", "run-1"]


@pytest.mark.parametrize("action", ["show_work_item", "logs", "trace", "retry"])
@pytest.mark.parametrize("name", ["p1-p", "nothing"])
def test_a_name_of_no_or_several_items_is_wrong_use(desk: Desk, action: str, name: str) -> None:
    answer = desk.answer(action, workspace_ref=WORK, input={"payload": {"work_item_id": name}})

    assert codes(answer.result)[1] == ["invalid_request"]
    assert answer.exit_code == 2


def test_following_logs_yields_each_stage_when_it_ends_until_the_item_does() -> None:
    millrace = ScriptedBackend()
    millrace.holds("t1", ItemState.ACTIVE)
    millrace.will_show(
        stage_runs("builder", item_id="t1"),
        stage_runs("checker", item_id="t1"),
        stage_runs("updater", item_id="t1"),
    )
    wait = Wait(Cancellation())
    item_status = millrace.look_up("t1", wait)
    seen = []

    for log in follow_logs(item_status, None, millrace, wait):
        seen.append(log.report.stage)
        if log.report.stage == "checker":
            millrace.items["t1"].state = ItemState.DONE
            millrace.stages.end_item("t1", ItemState.DONE, proven=True)
            millrace.will_show(nothing_new())

    assert seen == ["builder", "checker", "updater"]
    assert "close_observer" in millrace.calls
