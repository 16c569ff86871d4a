"""What the gateway does around every action: dispatch, sessions, records, errors, exit codes."""

import json
from typing import Any

import pytest

from millracer.cancellation import Cancelled, CancelReason
from millracer.domain.fleet.waiting import DispatchStatus
from millracer.domain.operations import ACTIONS, OpsVersion, actions_of
from millracer.domain.work.items import ItemState
from millracer.domain.workspaces import Session
from millracer.errors import ExitCode, MillracerError, RunWarning, StoreUnavailable, ToolNotFound
from millracer.schemas.ops.request import InvalidOpsRequest, read_ops_request
from millracer.schemas.ops.result import OpsStatus
from tests.fakes.directories import NamedDirectories
from tests.fakes.failing_store import FailingStore
from tests.fakes.tools import ScriptedTools
from tests.support.fleet_scene import FleetScene
from tests.support.gateway import Desk, asked, codes, said

WORK = {"root_path": "/shop"}
ITEM = {"payload": {"work_item_id": "t1"}}
FLEET = {"runtime_kind": "fleet", "workspace_id": "shop"}
#: For each action, what makes it succeed on `prepared`.
FIELDS: dict[str, dict[str, Any]] = {
    "status": {"workspace_ref": WORK},
    "enqueue": {
        "workspace_ref": WORK,
        "input": {"text": "Answer"},
        "route_preference": "direct",
    },
    "list_items": {"workspace_ref": WORK},
    "show_work_item": {"workspace_ref": WORK, "input": ITEM},
    "logs": {"workspace_ref": WORK, "input": ITEM},
    "trace": {"workspace_ref": WORK, "input": ITEM},
    "retry": {"workspace_ref": WORK, "input": ITEM},
    "start": {"workspace_ref": WORK},
    "watch": {"workspace_ref": WORK, "input": ITEM},
    "submit": {"workspace_ref": WORK, "input": {"text": "Answer"}},
    "diff": {"workspace_ref": WORK, "input": ITEM},
    "cancel": {"workspace_ref": WORK, "input": ITEM},
    "pause": {"workspace_ref": WORK},
    "resume": {"workspace_ref": WORK},
    "stop": {"workspace_ref": WORK},
    "models": {"workspace_ref": WORK},
    "queue_status": {"workspace_ref": WORK},
    "list_runs": {"workspace_ref": WORK},
    "history": {"workspace_ref": WORK},
    "show_run": {"workspace_ref": WORK, "input": {"payload": {"run_id": "run-1"}}},
    "diagnose": {"workspace_ref": WORK},
    "fleet_submit": {"workspace_ref": FLEET, "input": {"text": "Answer"}},
    "fleet_list": {},
    "fleet_show": {"input": {"payload": {"work_item_id": "two"}}},
    "fleet_wait": {"input": {"payload": {"work_item_ids": ["one"]}}},
    "fleet_cancel": {"input": {"payload": {"work_item_id": "three"}}},
    "fleet_retry": {"input": {"payload": {"work_item_id": "two"}}},
    "fleet_hosts": {},
    "fleet_drain": {"input": {"payload": {"host": "ci-1"}}},
    "fleet_workspaces": {},
    "fleet_forget": {"workspace_ref": {"workspace_id": "api"}},
    "fleet_pause": {"workspace_ref": FLEET},
    "fleet_resume": {"workspace_ref": FLEET},
    "fleet_schedules": {},
    "fleet_prune": {"input": {"payload": {"older_than_seconds": 60}}},
    "list_workspaces": {},
    "select_workspace": {"input": {"payload": {"root_path": "/shop"}}},
    "register_workspace": {"input": {"payload": {"workspace_id": "alpha", "root_path": "/shop"}}},
    "forget_workspace": {"input": {"payload": {"workspace_id": "alpha"}}},
    "list_sessions": {},
    "inspect_session": {},
    "forget_session": {"input": {"payload": {"session_id": "ui"}}},
}
ON_STORE = [action for action, each in ACTIONS.items() if each.on_store]


def sessions(desk: Desk) -> dict[str, Session]:
    return {session.session_id: session for session in desk.store.list_sessions()}


def unreadable(raw: bytes) -> InvalidOpsRequest:
    with pytest.raises(InvalidOpsRequest) as caught:
        read_ops_request(raw)
    return caught.value


# dispatch


@pytest.mark.parametrize("action", [action for action in ACTIONS if action != "watch"])
def test_every_action_is_answered_with_its_own_route_and_no_claim_of_completion(
    action: str,
) -> None:
    desk = Desk()
    desk.ask("register_workspace", **FIELDS["register_workspace"])
    desk.tools.pi.will_say("Forty-two.")
    desk.tools.backends.holds("t1", ItemState.BLOCKED)
    desk.tools.backends.stages.begin("t1", "builder", "run-1")
    desk.tools.repositories.starts.append(("t1", True))
    for text in ("one", "two", "three"):
        desk.fleet.add(text, request_id=text)
    desk.fleet.end(desk.fleet.begin(), "blocked")
    desk.fleet.fleet.end_dispatch(desk.fleet.begin().item_id, DispatchStatus.SET_ASIDE)
    if action == "fleet_wait":  # the exit code is that of the outcome
        desk.fleet = FleetScene()
        desk.fleet.add("one")
        desk.fleet.end(desk.fleet.begin())

    answer = desk.answer(action, client_name="ui", **FIELDS[action])

    assert codes(answer.result)[1] == []
    assert (answer.result.status, answer.exit_code) == (OpsStatus.SUCCEEDED, ExitCode.COMPLETED)
    assert (answer.result.request_id, answer.result.action) == ("req-1", action)
    other = "millrace" if ACTIONS[action].writes else "status_only"
    expected = "inspect_only" if action in ON_STORE else other
    routes = {"enqueue": "direct"}
    assert answer.result.route == routes.get(action, expected)
    assert answer.result.completion.scoped_completion is False
    delegated = action == "enqueue"
    assert answer.result.completion.verification_status == (
        "unverified" if delegated else "not_applicable"
    )
    assert (answer.result.raw_compat is not None) is delegated


@pytest.mark.parametrize("action", ["explode", "STATUS", "status ; rm -rf /", "run", "état"])
def test_an_unknown_action_reaches_no_tool_and_lists_the_known_ones(action: str) -> None:
    desk = Desk()

    answer = desk.answer(action, workspace_ref=WORK, input={"text": "Do it"})

    assert (answer.result.status, answer.exit_code) == ("failed", 1)
    (error,) = answer.result.errors
    assert error.code == "unsupported_action"
    known = [each.strip() for each in (error.suggested_action or "").split("of")[1].split(",")]
    assert known == list(actions_of(OpsVersion.V02))
    assert answer.result.action == action
    assert answer.result.route is None
    assert (desk.tools.opened, desk.tools.pi.prompts) == ([], [])


def test_a_long_action_is_not_repeated_in_full() -> None:
    result = Desk().ask("x" * 100_000)

    assert len(result.errors[0].message) < 500


@pytest.mark.parametrize("action", ACTIONS)
def test_an_unknown_runtime_is_refused_for_every_action(action: str) -> None:
    desk = Desk()
    fields = {**FIELDS[action], "workspace_ref": {**WORK, "runtime_kind": "kubernetes"}}

    answer = desk.answer(action, **fields)

    assert codes(answer.result) == ([], ["unsupported_runtime"])
    assert (answer.result.status, answer.exit_code) == ("failed", 1)
    assert answer.result.workspace_ref.runtime_kind == "kubernetes"
    assert desk.tools.opened == []


@pytest.mark.parametrize("action", [name for name, each in ACTIONS.items() if each.on_fleet])
def test_an_action_on_a_fleet_reaches_no_workspace_here(action: str) -> None:
    desk = Desk()
    fields = {**FIELDS[action], "workspace_ref": {**WORK, "runtime_kind": "local"}}

    assert codes(desk.answer(action, **fields).result) == ([], ["unsupported_runtime"])
    desk.answer(action, **FIELDS[action])
    assert desk.tools.opened == []


def test_an_action_on_a_workspace_does_not_reach_the_fleet() -> None:
    result = Desk().ask("status", workspace_ref={**WORK, "runtime_kind": "fleet"})

    assert codes(result) == ([], ["unsupported_runtime"])
    assert "fleet_" in (result.errors[0].suggested_action or "")


def test_the_local_runtime_may_be_named() -> None:
    answer = Desk().answer("status", workspace_ref={**WORK, "runtime_kind": "local"})

    assert answer.exit_code == 0


def test_an_action_on_the_store_opens_no_tool() -> None:
    desk = Desk()
    for action in ON_STORE:
        desk.ask(action, client_name="ui", **FIELDS[action])

    assert desk.tools.opened == []


# which session


@pytest.mark.parametrize(
    ("fields", "command", "session_id"),
    [
        (
            {
                "client_name": "client",
                "metadata": {"session_id": "metadata"},
                "input": {"payload": {"session_id": "payload"}},
            },
            "command",
            "payload",
        ),
        ({"input": {"session_id": "beside"}, "client_name": "client"}, "command", "beside"),
        (
            {"client_name": "client", "metadata": {"session_id": "metadata"}},
            "command",
            "metadata",
        ),
        ({"client_name": "client"}, "command", "client"),
        ({"client_name": " ", "metadata": {"session_id": ""}}, "command", "command"),
        ({}, "local", "local"),
    ],
)
@pytest.mark.parametrize("action", ["status", "list_workspaces", "explode"])
def test_the_session_is_named_by_payload_metadata_client_command(
    fields: dict[str, Any], command: str, session_id: str, action: str
) -> None:
    desk = Desk(session_id=command)

    result = desk.ask(action, **fields)

    assert result.session_ref == session_id
    assert list(sessions(desk)) == [session_id]


def test_a_session_keeps_its_first_clients_name() -> None:
    desk = Desk()
    desk.ask("list_workspaces", client_name="ui", metadata={"session_id": "s"})
    desk.ask("list_workspaces", client_name="other", metadata={"session_id": "s"})

    assert sessions(desk)["s"].client_name == "ui"


# what is recorded


def test_each_request_is_recorded_with_the_codes_of_its_warnings() -> None:
    desk = Desk()
    desk.ask("list_workspaces", request_id="one", nonsense=1, more={"a": 2})
    desk.ask("explode", request_id="two")

    session = sessions(desk)["local"]
    assert session.recent_request_ids == ("one", "two")
    assert session.last_warning_codes == ()

    desk.ask("list_workspaces", request_id="three", nonsense=1, more={"a": 2})

    assert sessions(desk)["local"].last_warning_codes == ("unknown_field",)


def test_what_an_action_and_the_store_warn_of_is_recorded_too() -> None:
    store = FailingStore()
    desk = Desk(store=store)
    desk.ask("register_workspace", **FIELDS["register_workspace"])
    store.pending_notices = (RunWarning("session_store_corrupt", "set aside"),)

    result = desk.ask("register_workspace", extra=1, **FIELDS["register_workspace"])

    reported = ["unknown_field", "workspace_replaced", "session_store_corrupt"]
    assert codes(result)[0] == reported
    assert list(sessions(desk)["local"].last_warning_codes) == reported


def test_an_unknown_field_is_reported_by_its_path() -> None:
    result = Desk().ask("list_workspaces", input={"payload": {"colour": 1}}, nonsense=1)

    assert [(warning.code, warning.field) for warning in result.warnings] == [
        ("unknown_field", "nonsense"),
        ("unknown_field", "input.payload.colour"),
    ]


@pytest.mark.parametrize("action", ["inspect_session", "forget_session"])
def test_a_session_does_not_come_to_be_by_being_looked_for(action: str) -> None:
    desk = Desk()

    result = desk.ask(action, input={"payload": {"session_id": "never"}})

    assert said(result)["result"] == {"session": None}
    assert sessions(desk) == {}


def test_a_session_that_is_read_remembers_it() -> None:
    desk = Desk()
    desk.ask("list_workspaces", client_name="ui", request_id="one")

    result = desk.ask("inspect_session", client_name="ui", request_id="two")

    assert said(result)["result"]["session"]["recent_request_ids"] == ["one"]
    assert sessions(desk)["ui"].recent_request_ids == ("one", "two")


def test_a_forgotten_session_is_gone() -> None:
    desk = Desk()
    desk.ask("list_workspaces", client_name="ui")

    result = desk.ask("forget_session", input={"payload": {"session_id": "ui"}})

    assert said(result)["result"]["session"]["session_id"] == "ui"
    assert sessions(desk) == {}


def test_a_command_that_does_not_remember_records_nothing() -> None:
    desk = Desk(remembers=False)

    desk.ask("list_workspaces")

    assert sessions(desk) == {}


@pytest.mark.parametrize(
    ("document", "session_id", "recorded"),
    [
        ({"request_id": "bad-1", "client_name": "ui"}, "ui", ("bad-1",)),
        (
            {"request_id": "bad-1", "client_name": "ui", "metadata": {"session_id": "s"}},
            "s",
            ("bad-1",),
        ),
        ({"request_id": "bad-1"}, "local", ("bad-1",)),
        ({"request_id": 7}, "local", ()),
    ],
)
def test_a_request_that_is_refused_is_recorded_as_far_as_it_can_be_read(
    document: dict[str, Any], session_id: str, recorded: tuple[str, ...]
) -> None:
    desk = Desk()

    answer = desk.gateway().refuse_unreadable(unreadable(json.dumps(document).encode()))

    assert (answer.result.status, answer.exit_code) == ("failed", 2)
    assert answer.result.session_ref == session_id
    assert sessions(desk)[session_id].recent_request_ids == recorded


def test_a_refused_request_names_every_field_that_is_wrong() -> None:
    error = unreadable(b'{"request_id": "bad-1", "action": "status", "workspace_ref": 3}')

    result = Desk().gateway().refuse_unreadable(error).result

    assert (result.request_id, result.action) == ("bad-1", "status")
    assert {each.field for each in result.errors} == {"schema_version", "workspace_ref", "source"}
    assert {each.code for each in result.errors} == {"invalid_request"}


def test_what_cannot_be_read_at_all_has_neither_id_nor_action() -> None:
    result = Desk().gateway().refuse_unreadable(unreadable(b"{")).result

    assert (result.request_id, result.action) == (None, None)
    assert result.completion.verification_status == "unverified"


# a store that cannot be used


@pytest.mark.parametrize("action", ["status", "enqueue"])
def test_a_locked_store_is_a_warning_where_the_work_needs_none(action: str) -> None:
    store = FailingStore()
    store.lock()
    desk = Desk(store=store)
    desk.tools.pi.will_say("Forty-two.")

    answer = desk.answer(action, **FIELDS[action])

    assert answer.exit_code == 0
    assert codes(answer.result) == (["session_store_unavailable"], [])
    assert store.asked == ["find_session"]


@pytest.mark.parametrize("action", ON_STORE)
def test_a_locked_store_fails_what_needs_it_and_is_waited_for_once(action: str) -> None:
    store = FailingStore()
    store.lock()
    desk = Desk(store=store)

    answer = desk.answer(action, **FIELDS[action])

    assert (answer.result.status, answer.exit_code) == ("failed", 1)
    assert codes(answer.result) == (["session_store_unavailable"], ["session_store_unavailable"])
    assert len(store.asked) == 1


def test_a_registered_id_is_not_a_guess_where_the_store_is_locked() -> None:
    store = FailingStore()
    store.lock()
    desk = Desk(store=store, workspace="/shop")

    result = desk.ask("status", workspace_ref={"workspace_id": "alpha"})

    assert codes(result)[1] == ["session_store_unavailable"]
    assert (desk.tools.opened, len(store.asked)) == ([], 1)


def test_a_store_that_fails_at_the_record_only_is_a_warning() -> None:
    store = FailingStore()
    store.lock(after_calls=1)

    answer = Desk(store=store).answer("status", workspace_ref=WORK)

    assert answer.exit_code == 0
    assert store.asked == ["find_session", "record_request"]
    assert codes(answer.result)[0] == ["session_store_unavailable"]


# errors and cancellation


@pytest.mark.parametrize(
    ("error", "exit_code"),
    [
        (MillracerError("a bug"), 1),
        (MillracerError("not so", code="invalid_request"), 2),
        (MillracerError("not so", code="invalid_input"), 2),
        (MillracerError("not so", code="usage"), 2),
        (MillracerError("no stream", code="unsupported_transport"), 1),
        (StoreUnavailable("locked"), 1),
        (ToolNotFound("pi", "gone", detail="pi: not found", suggested_action="install it"), 1),
    ],
)
def test_a_request_can_be_refused_for_any_error(error: MillracerError, exit_code: int) -> None:
    desk = Desk()

    answer = desk.gateway().refuse(asked("status", workspace_ref=WORK), error)

    (reported,) = answer.result.errors
    assert (reported.code, reported.message) == (error.code, error.message)
    assert reported.suggested_action == error.suggested_action
    assert reported.detail == (getattr(error, "detail", "") or None)
    assert reported.recoverable is (error.code != "internal_error")
    assert answer.exit_code == exit_code
    assert answer.result.completion.outcome == "unknown"
    assert desk.tools.opened == []


def test_a_refused_request_is_recorded() -> None:
    desk = Desk()

    desk.gateway().refuse(asked("status"), MillracerError("no stream", code="no_stream"))

    assert sessions(desk)["local"].recent_request_ids == ("req-1",)


@pytest.mark.parametrize(
    ("reason", "exit_code"), [(CancelReason.INTERRUPTED, 130), (CancelReason.TERMINATED, 143)]
)
@pytest.mark.parametrize("action", ["status", "enqueue"])
def test_a_cancelled_request_says_so_and_is_recorded(
    action: str, reason: CancelReason, exit_code: int
) -> None:
    desk = Desk(tools=ScriptedTools(run_error=Cancelled(reason)))
    desk.cancellation.cancel(reason)

    answer = desk.answer(action, **FIELDS[action])

    assert (answer.result.status, answer.exit_code) == ("cancelled", exit_code)
    assert codes(answer.result)[1] == ["cancelled"]
    assert answer.result.workspace_ref.root_path == "/shop"
    assert answer.result.completion.scoped_completion is False
    assert sessions(desk)["local"].recent_request_ids == ("req-1",)


def test_a_bug_is_not_swallowed() -> None:
    desk = Desk(tools=ScriptedTools(run_error=ZeroDivisionError()))

    with pytest.raises(ZeroDivisionError):
        desk.ask("enqueue", **FIELDS["enqueue"])


# the envelope


def test_a_requests_workspace_is_echoed_where_none_is_taken() -> None:
    ref = {
        "workspace_id": "alpha",
        "root_path": "relative",
        "display_name": "Alpha",
        "mode": "lad_pi",
        "environment": "staging",
        "runtime_kind": "local",
    }

    assert said(Desk().ask("list_sessions", workspace_ref=ref))["workspace_ref"] == ref


def test_an_unresolved_workspace_is_failed_and_says_how_to_name_one() -> None:
    desk = Desk(directories=NamedDirectories())

    answer = desk.answer("status")

    assert (answer.result.status, answer.exit_code) == ("failed", 1)
    assert codes(answer.result)[1] == ["workspace_unresolved"]
    assert said(answer.result)["result"] == {}


def test_a_result_carries_what_it_has_and_nothing_else() -> None:
    document = said(Desk().ask("explode"))

    assert set(document) == {
        "schema_version", "request_id", "status", "action", "workspace_ref", "started_at",
        "finished_at", "warnings", "errors", "result", "completion", "session_ref",
    }  # fmt: skip
    assert document["schema_version"] == "millracer.ops.v0.2"
    assert document["started_at"] == document["finished_at"] == "2026-01-02T03:04:05Z"


def test_a_path_that_differs_from_where_the_id_is_registered_is_reported() -> None:
    desk = Desk()
    desk.ask("register_workspace", **FIELDS["register_workspace"])

    other = desk.ask("status", workspace_ref={"workspace_id": "alpha", "root_path": "/here"})
    same = desk.ask("status", workspace_ref={"workspace_id": "alpha", "root_path": "/shop"})

    assert [warning.code for warning in other.warnings] == ["root_path_ignored"]
    assert other.workspace_ref.root_path == "/shop"
    assert same.warnings == []
