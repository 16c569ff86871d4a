"""Status and enqueue: what they ask of Millrace and pi, and what they answer."""

from dataclasses import replace
from typing import Any

import pytest

from millracer.cancellation import CancelReason
from millracer.domain.checks import WorkVerification
from millracer.domain.requests import (
    Finalizer,
    IntakeKind,
    IntakePreference,
    Route,
    RoutePreference,
    RunRequest,
    ScopedWork,
)
from millracer.domain.run.completion import MissingEvidence
from millracer.domain.run.evidence import ItemFact, LineageItem, StageFact
from millracer.domain.run.options import RunOptions
from millracer.domain.run.outcome import Outcome
from millracer.domain.run.progress import EventKind
from millracer.domain.run.result import DecidingEvent, ErrorRecord, RunResult, Versions
from millracer.domain.work.items import ItemState
from millracer.domain.workspaces import RegisteredWorkspace, Selection
from millracer.errors import (
    ExitCode,
    RunWarning,
    ToolNotFound,
    ToolTimeout,
    ToolUnsupported,
    UsageError,
    WorkspaceUnusable,
)
from millracer.schemas.base import render
from millracer.testing.backend import ScriptedBackend
from millracer.testing.clock import FrozenClock
from millracer.testing.steps import item_ends, stage_runs
from tests.fakes.directories import NamedDirectories
from tests.fakes.tools import ScriptedTools
from tests.support.gateway import Desk, codes, said

NOW = FrozenClock().now()
WORK = {"root_path": "/shop"}
TASK: dict[str, Any] = {"workspace_ref": WORK, "input": {"text": "Make the widget blue"}}
DELEGATED: dict[str, Any] = {
    **TASK,
    "route_preference": "millrace",
    "intake_preference": "task",
    "options": {"finalizer": "summary"},
}
DONE = ItemFact(
    item_id="item-1",
    work_kind="task",
    state=ItemState.DONE,
    source="millrace queue show item-1",
    observed_at=NOW,
)
UPDATED = StageFact(
    run_id="run-7",
    item_id="item-1",
    work_kind="task",
    stage="updater",
    terminal_result="UPDATE_COMPLETE",
    run_status="complete",
    source="millrace runs trace run-7 --format json",
    observed_at=NOW,
)
GAP = MissingEvidence("the item done", "millrace queue show item-1, pi's turn", "blocked")


def ended(outcome: Outcome = Outcome.COMPLETED, **fields: Any) -> RunResult:
    proven = outcome is Outcome.COMPLETED
    plain: dict[str, Any] = {
        "request_id": "req-1",
        "workspace": "/shop",
        "outcome": outcome,
        "output": "The report.",
        "versions": Versions(millracer="0"),
        "timings": {},
        "route": Route.MILLRACE,
        "intake_kind": IntakeKind.TASK,
        "work_item_id": "item-1",
        "proof": (DONE, UPDATED) if proven else (),
        "scoped_completion": proven,
        "event": DecidingEvent(EventKind.SCOPED_COMPLETE, "proven", NOW, "item-1", "run-7"),
    }
    return RunResult(**{**plain, **fields})


def desk_with(result: RunResult, **fields: Any) -> Desk:
    return Desk(tools=ScriptedTools(result=result), **fields)


def run_asked(desk: Desk, **fields: Any) -> RunRequest:
    """Return the run request of an `enqueue`."""
    desk.tools.result = desk.tools.result or ended()
    answer = desk.answer("enqueue", **{**TASK, **fields})
    assert answer.result.errors == []
    return desk.tools.requests[-1]


# how a run ended


@pytest.mark.parametrize(
    ("outcome", "status", "exit_code"),
    [
        ("completed", "succeeded", 0),
        ("blocked", "blocked", 0),
        ("incomplete", "incomplete", 0),
        ("timed_out", "timed_out", 7),
        ("budget_exhausted", "incomplete", 0),
        ("cancelled", "cancelled", 130),
        ("crashed", "failed", 1),
        ("restart_needed", "failed", 1),
        ("failed", "failed", 1),
    ],
)
def test_every_outcome_has_its_status_and_exit_code(
    outcome: str, status: str, exit_code: int
) -> None:
    answer = desk_with(ended(Outcome(outcome))).answer("enqueue", **TASK)

    assert (answer.result.status, answer.exit_code) == (status, exit_code)
    assert answer.result.completion.outcome == outcome
    assert answer.result.completion.scoped_completion is (outcome == "completed")
    assert answer.result.route == "millrace"


def test_every_outcome_is_named_above() -> None:
    assert len(Outcome) == 9


@pytest.mark.parametrize(
    ("reason", "exit_code"), [(CancelReason.INTERRUPTED, 130), (CancelReason.TERMINATED, 143)]
)
def test_a_cancelled_run_names_its_signal(reason: CancelReason, exit_code: int) -> None:
    result = ended(Outcome.CANCELLED, cancel_reason=reason)

    assert desk_with(result).answer("enqueue", **TASK).exit_code == exit_code


@pytest.mark.parametrize(
    ("code", "exit_code"),
    [("invalid_request", 2), ("usage", 2), ("mode_conflict", 1), ("pi_failed", 1)],
)
def test_a_failed_run_reports_its_error_and_whether_the_request_was_at_fault(
    code: str, exit_code: int
) -> None:
    error = ErrorRecord(code, "It broke.", "mend it", "its own words")

    answer = desk_with(ended(Outcome.FAILED, errors=(error,))).answer("enqueue", **TASK)

    (reported,) = answer.result.errors
    assert (reported.code, reported.message, reported.suggested_action, reported.detail) == (
        code, "It broke.", "mend it", "its own words",
    )  # fmt: skip
    assert reported.related_ref == "item-1"
    assert answer.exit_code == exit_code


def test_a_direct_answer_succeeds_without_a_scoped_completion() -> None:
    desk = Desk()
    desk.tools.pi.will_say("Forty-two.")

    answer = desk.answer("enqueue", **TASK, route_preference="direct")

    document = said(answer.result)
    assert (document["status"], answer.exit_code, document["route"]) == ("succeeded", 0, "direct")
    assert document["completion"] == {
        "outcome": "completed",
        "scoped_completion": False,
        "evidence_summary": [],
        "missing_evidence": [],
        "verification_status": "unverified",
        "terminal_outcome_ref": None,
    }
    assert document["result"]["output"] == "Forty-two."
    assert "evidence_refs" not in document


def test_a_delegated_task_is_completed_with_its_proof_through_the_orchestrator() -> None:
    desk = Desk()
    desk.tools.backends.will_show(stage_runs("builder"), stage_runs("updater"), item_ends())

    result = desk.ask("enqueue", **DELEGATED, expected_evidence=["UPDATE_COMPLETE"])

    assert (result.status, result.completion.verification_status) == ("succeeded", "verified")
    assert result.completion.scoped_completion
    assert result.completion.terminal_outcome_ref == "run-1"
    (item_id,) = desk.tools.backends.enqueued
    assert {proof.work_item_id for proof in result.completion.evidence_summary} == {item_id}
    assert result.completion.missing_evidence == []
    assert "millrace runs trace run-1 --format json --workspace /workspace" in result.evidence_refs
    assert (desk.tools.in_use, desk.tools.backends.watchers) == (0, 0)


def test_raw_compat_is_the_run_result_itself() -> None:
    document = said(desk_with(ended(Outcome.BLOCKED)).ask("enqueue", **TASK))

    raw = document["raw_compat"]
    assert (raw["schema_version"], raw["outcome"]) == ("millracer.run.v1", "blocked")
    assert raw["request_id"] == document["request_id"]
    assert (raw["output"], raw["event"]) == (
        document["result"]["output"], document["result"]["event"],
    )  # fmt: skip


def test_a_run_is_described_by_what_it_was_and_what_it_left() -> None:
    result = desk_with(
        ended(task_path="/shop/.millracer/intake/item-1.md", status={"queue": 0}, scope=None)
    ).ask("enqueue", **TASK)

    document = said(result)
    assert document["result"]["task"] == "Make the widget blue"
    assert document["result"]["task_path"] == "/shop/.millracer/intake/item-1.md"
    assert document["result"]["status"] == {"queue": 0}
    assert document["intake_kind"] == "task"
    assert document["completion"]["terminal_outcome_ref"] == "run-7"
    assert document["evidence_refs"] == [
        "millrace queue show item-1",
        "millrace runs trace run-7 --format json",
        "/shop/.millracer/intake/item-1.md",
    ]


def test_a_run_without_a_deciding_run_names_none() -> None:
    result = desk_with(ended(Outcome.FAILED, event=None)).ask("enqueue", **TASK)

    assert result.completion.terminal_outcome_ref is None


def test_a_runs_warnings_are_reported_and_remembered() -> None:
    desk = desk_with(ended(warnings=(RunWarning("daemon_kept", "it runs on"),)))

    result = desk.ask("enqueue", **TASK)

    (warning,) = result.warnings
    assert (warning.code, warning.message) == ("daemon_kept", "it runs on")
    (session,) = desk.store.list_sessions()
    assert session.last_warning_codes == ("daemon_kept",)


def test_evidence_refs_are_files_and_commands_and_not_where_nothing_was() -> None:
    member = LineageItem(
        item_id="item-2",
        work_kind="task",
        state=ItemState.BLOCKED,
        how="recon",
        source="millrace queue show item-2",
        parent_id="item-1",
    )
    nothing = MissingEvidence("a work item", "nowhere", "nothing")

    result = desk_with(
        ended(Outcome.BLOCKED, missing_evidence=(GAP, nothing), lineage=(member,))
    ).ask("enqueue", **TASK)

    assert result.evidence_refs == ["millrace queue show item-2"]


# evidence


@pytest.mark.parametrize(
    ("verification", "outcome", "expected"),
    [
        (WorkVerification.CONTRADICTED, Outcome.INCOMPLETE, "contradicted"),
        (WorkVerification.UNVERIFIED, Outcome.INCOMPLETE, "unverified"),
        (WorkVerification.VERIFIED, Outcome.COMPLETED, "verified"),
    ],
)
def test_failed_checks_contradict_the_work(
    verification: WorkVerification, outcome: Outcome, expected: str
) -> None:
    result = desk_with(ended(outcome, verification=verification)).ask("enqueue", **TASK)

    assert result.completion.verification_status == expected


def test_missing_evidence_is_reported_with_where_it_was_looked_for() -> None:
    result = desk_with(ended(Outcome.BLOCKED, missing_evidence=(GAP,))).ask("enqueue", **TASK)

    (missing,) = result.completion.missing_evidence
    assert all(part in missing for part in (GAP.needed, GAP.looked_in, GAP.found))
    assert result.completion.verification_status == "unverified"


@pytest.mark.parametrize(
    "name",
    [
        "scoped_complete",
        "item-1",
        "run-7",
        "updater",
        "UPDATE_COMPLETE",
        "millrace queue show item-1",
        "millrace runs trace run-7 --format json",
    ],
)
def test_expected_evidence_that_a_proof_is_named_by_is_met(name: str) -> None:
    result = desk_with(ended()).ask("enqueue", **TASK, expected_evidence=[name])

    assert result.completion.missing_evidence == []
    assert result.completion.verification_status == "verified"
    assert codes(result) == ([], [])


@pytest.mark.parametrize(
    "name", ["run", "item", "update_complete", "arbiter_complete", "all tests pass"]
)
def test_expected_evidence_that_no_proof_is_named_by_is_missing_and_completion_unverified(
    name: str,
) -> None:
    answer = desk_with(ended()).answer("enqueue", **TASK, expected_evidence=["run-7", name])

    completion = answer.result.completion
    assert completion.missing_evidence == [f"expected evidence: {name}"]
    assert completion.verification_status == "unverified"
    assert completion.scoped_completion
    assert (answer.result.status, answer.exit_code) == ("succeeded", 0)
    assert codes(answer.result) == (["expected_evidence_missing"], [])
    assert repr(name) in answer.result.warnings[0].message


def test_a_direct_answer_meets_no_expectation() -> None:
    desk = Desk()
    desk.tools.pi.will_say("Forty-two.")

    result = desk.ask("enqueue", **TASK, route_preference="direct", expected_evidence=["updater"])

    assert result.completion.missing_evidence == ["expected evidence: updater"]


def test_preferences_that_choose_nothing_are_auto_and_are_reported() -> None:
    desk = Desk()
    desk.tools.pi.will_say("Forty-two.")
    none = {"route_preference": "inspect_only", "intake_preference": "none"}

    answer = desk.answer("enqueue", **TASK, **none, options={"route": "direct"})

    assert (answer.result.status, answer.result.route) == ("succeeded", "direct")
    assert codes(answer.result) == (["preference_ignored"] * 2, [])


@pytest.mark.parametrize("scope", ["ITEM-1", {"title": "no id"}, {"id": 7}], ids=str)
def test_a_run_whose_scoped_item_is_unknown_is_never_completed(scope: Any) -> None:
    desk = Desk()
    desk.tools.backends.will_show(stage_runs("updater"), item_ends())

    answer = desk.answer("enqueue", **DELEGATED, scoped_work_item=scope)

    assert (answer.result.status, answer.exit_code) == ("incomplete", 0)
    assert not answer.result.completion.scoped_completion
    assert answer.result.completion.missing_evidence
    assert answer.result.completion.evidence_summary == []
    assert codes(answer.result)[0] == ["value_ignored"]
    assert answer.result.raw_compat is not None
    assert answer.result.raw_compat.outcome == "incomplete"


def test_an_item_named_by_its_id_is_completed_despite_an_unusable_scope() -> None:
    desk = Desk()
    desk.tools.backends.will_show(stage_runs("updater"), item_ends())
    first = desk.ask("enqueue", **DELEGATED, scoped_work_item="ITEM-1").raw_compat
    assert first is not None

    again = desk.ask(
        "enqueue",
        workspace_ref=WORK,
        options={"resume": first.work_item_id, "finalizer": "summary"},
        scoped_work_item="ITEM-1",
    )

    assert (again.status, again.completion.scoped_completion) == ("succeeded", True)


@pytest.mark.parametrize("action", ["enqueue", "status"])
@pytest.mark.parametrize("ref", [{"root_path": 7}, {"workspace_id": []}], ids=str)
def test_work_in_a_workspace_whose_name_cannot_be_used_is_refused(
    action: str, ref: dict[str, Any]
) -> None:
    desk = Desk(workspace="/shop")

    answer = desk.answer(action, input={"text": "t"}, workspace_ref=ref)

    assert (answer.exit_code, codes(answer.result)[1]) == (2, ["invalid_request"])
    assert answer.result.errors[0].field == f"workspace_ref.{next(iter(ref))}"
    assert desk.tools.opened == []
    assert desk.ask("list_sessions", workspace_ref=ref).status == "succeeded"


# the request of a run


@pytest.mark.parametrize(
    ("given", "task"),
    [
        ({"text": "  Two\r\n\tlines \n"}, "  Two\r\n\tlines \n"),
        ({"payload": {"task": " t "}}, " t "),
        ({"payload": {"text": " t "}}, " t "),
        ({"task": " beside "}, " beside "),
        ({"text": "first", "payload": {"task": "second"}}, "first"),
        ({"text": " \n", "payload": {"task": "second", "text": "third"}}, "second"),
    ],
)
def test_the_task_is_kept_exactly(given: dict[str, Any], task: str) -> None:
    desk = desk_with(ended())

    assert run_asked(desk, input=given).task == task
    assert said(desk.ask("enqueue", **{**TASK, "input": given}))["result"]["task"] == task


@pytest.mark.parametrize("given", [None, {}, {"text": " \n"}, {"payload": {"task": ""}}])
def test_no_task_is_an_invalid_request_and_opens_nothing(given: dict[str, Any] | None) -> None:
    desk = Desk()

    answer = desk.answer("enqueue", workspace_ref=WORK, input=given)

    assert (answer.exit_code, desk.tools.opened) == (ExitCode.USAGE, [])
    assert [(error.code, error.field) for error in answer.result.errors] == [
        ("invalid_input", "input.text")
    ]


def test_resume_continues_an_item_and_takes_no_task() -> None:
    desk = desk_with(ended())

    request = run_asked(desk, input=None, options={"resume": "item-9"})
    assert (request.resume, request.task) == ("item-9", "")

    answer = desk.answer("enqueue", **TASK, options={"resume": "item-9"})
    assert answer.exit_code == ExitCode.USAGE
    assert [error.field for error in answer.result.errors] == ["options.resume"]
    assert len(desk.tools.requests) == 1


def test_resume_of_an_existing_item_continues_it() -> None:
    millrace = ScriptedBackend()
    millrace.holds("item-9", ItemState.DONE, proven=True)
    desk = Desk(tools=ScriptedTools(backends=millrace))

    result = desk.ask(
        "enqueue", workspace_ref=WORK, options={"resume": "item-9", "finalizer": "summary"}
    )

    assert (result.status, result.completion.scoped_completion) == ("succeeded", True)
    assert millrace.enqueued == []


def test_identity_scope_and_references_reach_the_run() -> None:
    request = run_asked(
        desk_with(ended()),
        request_id="req-77",
        idempotency_key=" key ",
        scoped_work_item={"id": "ITEM-1", "title": "Fix it", "constraints": ["one only"]},
        context_refs=["docs/a.md", " ", "https://example.org/b"],
    )

    assert (request.request_id, request.request_id_named) == ("req-77", True)
    assert request.idempotency_key == " key "
    assert request.scope == ScopedWork(item_id="ITEM-1", title="Fix it", constraints=("one only",))
    assert request.context_refs == ("docs/a.md", "https://example.org/b")


def test_without_them_a_run_is_named_by_its_request_id_alone() -> None:
    request = run_asked(desk_with(ended()))

    assert (request.idempotency_key, request.scope, request.context_refs) == (None, None, ())


@pytest.mark.parametrize(
    ("first", "again", "same"),
    [
        ({}, {}, True),
        ({}, {"request_id": "req-2"}, False),
        ({}, {"input": {"text": "Another"}}, False),
        ({"idempotency_key": "k"}, {"idempotency_key": "k", "request_id": "req-2"}, True),
        ({"idempotency_key": "k"}, {"idempotency_key": "l"}, False),
        (
            {"scoped_work_item": {"item_id": "I"}},
            {"scoped_work_item": {"item_id": "I"}, "request_id": "req-2"},
            True,
        ),
    ],
)
def test_the_same_identity_is_the_same_work(
    first: dict[str, Any], again: dict[str, Any], *, same: bool
) -> None:
    desk = Desk()
    desk.tools.backends.will_show(stage_runs("updater"), item_ends())
    if not same:
        desk.tools.backends.will_show(stage_runs("updater"), item_ends())

    one = desk.ask("enqueue", **{**DELEGATED, **first})
    two = desk.ask("enqueue", **{**DELEGATED, **again})

    assert one.raw_compat is not None
    assert two.raw_compat is not None
    assert (one.raw_compat.work_item_id == two.raw_compat.work_item_id) is same
    assert len(desk.tools.backends.enqueued) == (1 if same else 2)


def test_a_key_that_comes_back_with_another_text_is_a_conflict() -> None:
    desk = Desk()
    desk.tools.backends.will_show(stage_runs("updater"), item_ends())
    desk.ask("enqueue", **DELEGATED, idempotency_key="k")

    answer = desk.answer(
        "enqueue", **{**DELEGATED, "input": {"text": "Another"}}, idempotency_key="k"
    )

    assert (answer.result.status, answer.exit_code) == ("failed", 1)
    assert codes(answer.result)[1] == ["idempotency_conflict"]
    assert len(desk.tools.backends.enqueued) == 1


def test_a_scoped_item_comes_back_as_it_was_given() -> None:
    scope = {"item_id": "ITEM-1", "title": "Fix it", "source_queue": "Q.md", "spec_path": "s.md",
             "completion_ref": "done-1", "constraints": ["one only"]}  # fmt: skip

    document = said(desk_with(ended()).ask("enqueue", **TASK, scoped_work_item=scope))

    assert document["scoped_work_item"] == scope


# who says how


@pytest.mark.parametrize(
    ("preference", "option", "command", "taken"),
    [
        (None, None, "millrace", "millrace"),
        (None, "direct", "millrace", "direct"),
        (None, "auto", "millrace", "auto"),
        ("auto", None, "millrace", "auto"),
        ("auto", "direct", "millrace", "direct"),
        ("millrace", "direct", "auto", "millrace"),
        ("direct", "millrace", "millrace", "direct"),
    ],
)
def test_the_route_is_the_requests_then_the_options_then_the_commands(
    preference: str | None, option: str | None, command: str, taken: str
) -> None:
    desk = desk_with(ended(), options=RunOptions(route=RoutePreference(command)))

    request = run_asked(desk, route_preference=preference, options={"route": option})

    assert request.route == taken


@pytest.mark.parametrize(
    ("preference", "option", "command", "taken"),
    [
        (None, None, "idea", "idea"),
        (None, "probe", "idea", "probe"),
        ("auto", None, "idea", "auto"),
        ("auto", "probe", "idea", "probe"),
        ("task", "probe", "auto", "task"),
    ],
)
def test_the_intake_is_the_requests_then_the_options_then_the_commands(
    preference: str | None, option: str | None, command: str, taken: str
) -> None:
    desk = desk_with(ended(), options=RunOptions(intake=IntakePreference(command)))

    request = run_asked(desk, intake_preference=preference, options={"intake": option})

    assert request.intake == taken


@pytest.mark.parametrize(
    ("request_mode", "option", "command", "session", "workspace", "expected"),
    [
        ("m1", "m2", "m3", "m4", "m5", ("m1", None, "m1")),
        (None, "m2", "m3", "m4", "m5", ("m2", None, "m2")),
        (None, None, "m3", "m4", "m5", ("m3", None, "m3")),
        (None, None, None, "m4", "m5", (None, "m4", "m4")),
        (None, None, None, None, "m5", (None, "m5", "m5")),
        (None, None, None, None, None, (None, "m6", "m6")),
    ],
)
def test_the_mode_is_named_by_request_options_command_session_workspace_file(  # noqa: PLR0913 - one a place
    *,
    request_mode: str | None,
    option: str | None,
    command: str | None,
    session: str | None,
    workspace: str | None,
    expected: tuple[str | None, str | None, str | None],
) -> None:
    desk = desk_with(ended(), options=RunOptions(millrace_mode=command))
    desk.files["/shop"] = {"millrace_mode": "m6"}
    desk.store.register_workspace(
        RegisteredWorkspace(workspace_id="alpha", root_path="/shop", default_mode=workspace)
    )
    chosen = Selection(workspace_id="alpha", root_path="/shop", mode=session)
    desk.store.select("ui", chosen, client_name="ui")

    result = desk.ask(
        "enqueue",
        client_name="ui",
        workspace_ref={"mode": request_mode},
        options={"millrace_mode": option},
        input=TASK["input"],
    )

    (request,) = desk.tools.requests
    assert (request.mode, request.session_mode, result.workspace_ref.mode) == expected


def test_options_and_the_command_line_reach_the_tools_and_the_run() -> None:
    desk = desk_with(ended(), options=RunOptions(provider="p", model="m"))

    request = run_asked(
        desk, options={"model": "other", "daemon_timeout_seconds": 5, "finalizer": "summary"}
    )

    (root_path, options), *_ = desk.tools.opened
    assert root_path == "/shop"
    assert (options.provider, options.model) == ("p", "other")
    assert request.limits.daemon_timeout_seconds == 5
    assert request.finalizer is Finalizer.SUMMARY


def test_a_request_goes_before_the_file_of_the_workspace_it_is_about() -> None:
    desk = desk_with(ended(), options=RunOptions(provider="p"))
    desk.files["/shop"] = {"model": "file", "thinking": "low"}
    desk.files["/elsewhere"] = {"thinking": "off", "provider": "other"}

    run_asked(desk, options={"model": "request"})

    (_, options), *_ = desk.tools.opened
    assert (options.provider, options.model, options.thinking) == ("p", "request", "low")


# where


def test_a_selected_workspace_is_worked_in_and_named_with_the_rule() -> None:
    desk = desk_with(ended())
    desk.store.select("ui", Selection(workspace_id="alpha", root_path="/shop"), client_name="ui")

    result = desk.ask("enqueue", client_name="ui", input=TASK["input"])

    assert desk.tools.opened[0][0] == "/shop"
    assert said(result)["result"]["resolution"] == {
        "rule": "active_session", "root_path": "/shop", "workspace_id": "alpha",
    }  # fmt: skip
    assert said(result)["workspace_ref"] == {
        "runtime_kind": "local", "workspace_id": "alpha", "root_path": "/shop",
    }  # fmt: skip


@pytest.mark.parametrize("action", ["status", "enqueue"])
def test_a_directory_that_is_none_is_missing_and_opens_nothing(action: str) -> None:
    desk = Desk()

    answer = desk.answer(action, **{**TASK, "workspace_ref": {"root_path": "/gone"}})

    assert codes(answer.result)[1] == ["workspace_missing"]
    assert (answer.result.status, answer.exit_code) == ("failed", 1)
    assert (desk.tools.opened, desk.tools.backends.calls) == ([], [])
    assert said(answer.result)["result"]["resolution"]["rule"] == "request_root_path"
    assert answer.result.workspace_ref.root_path == "/gone"


def test_a_directory_that_is_not_a_workspace_yet_can_be_given_work() -> None:
    desk = desk_with(ended(), directories=NamedDirectories(plain={"/shop"}))

    assert desk.answer("enqueue", **TASK).exit_code == 0


@pytest.mark.parametrize(
    ("error", "code", "exit_code"),
    [
        (UsageError("no such skill"), "usage", 2),
        (WorkspaceUnusable("cannot be written"), "workspace_unusable", 1),
    ],
)
def test_tools_that_cannot_be_opened_are_an_error_of_the_request(
    error: Any, code: str, exit_code: int
) -> None:
    answer = Desk(tools=ScriptedTools(refusal=error)).answer("enqueue", **TASK)

    assert (codes(answer.result)[1], answer.exit_code) == ([code], exit_code)


# status


def test_status_is_millraces_own_with_the_rule_beside_it() -> None:
    desk = Desk()
    desk.tools.backends.paused = True

    answer = desk.answer("status", workspace_ref={**WORK, "mode": "lad_pi"})

    document = said(answer.result)
    assert answer.exit_code == 0
    assert document["result"] == {
        "process_running": False,
        "runtime_ownership_lock": "absent",
        "resolution": {
            "rule": "request_root_path", "root_path": "/shop", "workspace_id": None,
        },
    }  # fmt: skip
    assert document["completion"]["verification_status"] == "not_applicable"
    assert document["evidence_refs"] == ["millrace status --format json --workspace /workspace"]
    assert document["workspace_ref"]["mode"] == "lad_pi"
    assert document["workspace_ref"]["root_path"] == "/shop"
    assert desk.tools.backends.calls == ["check_supported", "read_status"]


def test_status_asks_no_pi_and_no_orchestrator() -> None:
    desk = Desk()

    desk.ask("status", workspace_ref=WORK)

    assert (desk.tools.requests, desk.tools.pi.begun) == ([], 0)


def test_status_does_not_initialise() -> None:
    desk = Desk()

    answer = desk.answer("status", workspace_ref={"root_path": "/here"})

    assert (codes(answer.result)[1], answer.exit_code) == (["workspace_uninitialised"], 1)
    assert desk.tools.backends.calls == ["check_supported"]


@pytest.mark.parametrize("call", ["check_supported", "read_status"])
@pytest.mark.parametrize(
    ("error", "status", "route", "exit_code"),
    [
        (ToolNotFound("millrace", "gone", suggested_action="install it"), "failed", None, 1),
        (ToolUnsupported("millrace", "0.17 is too old"), "failed", None, 1),
        (ToolTimeout("millrace", "no answer in 60 s"), "timed_out", "status_only", 7),
    ],
)
def test_a_millrace_in_the_way_is_reported_with_its_code(
    error: Any, call: str, status: str, route: str | None, exit_code: int
) -> None:
    desk = Desk()
    desk.tools.backends.will_fail(call, error)

    answer = desk.answer("status", workspace_ref=WORK)

    assert (answer.result.status, answer.exit_code) == (status, exit_code)
    assert answer.result.route == route
    (reported,) = answer.result.errors
    assert (reported.code, reported.message, reported.suggested_action) == (
        error.code, error.message, error.suggested_action,
    )  # fmt: skip
    assert answer.result.workspace_ref.root_path == "/shop"
    assert said(answer.result)["result"]["resolution"]["root_path"] == "/shop"


def test_status_is_bounded_in_time() -> None:
    desk = Desk()
    remaining: list[float] = []
    millrace = _Timed(remaining)
    desk.tools.backends = millrace

    desk.ask("status", workspace_ref=WORK)

    assert 0 < remaining[0] <= 60


class _Timed(ScriptedBackend):
    def __init__(self, remaining: list[float]) -> None:
        super().__init__()
        self._remaining = remaining

    def read_status(self, wait: Any) -> Any:
        self._remaining.append(wait.remaining)
        return super().read_status(wait)


def test_any_text_of_a_run_can_be_printed() -> None:
    desk = desk_with(replace(ended(), output="Ünïcode \ud800 \0 text"))

    assert render(desk.ask("enqueue", **TASK)).isascii()
