from dataclasses import replace
from datetime import UTC, datetime

from millracer.domain.requests import (
    Decision,
    Finalizer,
    IntakePreference,
    Limits,
    RequestBody,
    Route,
    RoutePreference,
    RunRequest,
    ScopedWork,
)
from millracer.domain.work.items import ItemState, ItemStatus
from millracer.domain.work.runtime import (
    CommandReply,
    CommandState,
    ControlReceipt,
    ModeValidation,
    RunningDaemon,
    RuntimeEvent,
    RuntimeEventKind,
    RuntimeStatus,
)
from millracer.domain.workspaces import (
    DEFAULT_WORKSPACE,
    LOCAL_SESSION,
    RECENT_REQUESTS,
    RegisteredWorkspace,
)
from millracer.errors import RunWarning
from millracer.millrace.wire.text_output import AddReceipt

NOW = datetime(2026, 1, 2, tzinfo=UTC)


def test_every_place_is_live_set_aside_or_neither() -> None:
    live = {state for state in ItemState if state.is_live}
    set_aside = {state for state in ItemState if state.is_set_aside}

    assert set(map(str, live)) == {"mailbox", "inbox", "queued", "active"}
    assert set(map(str, set_aside)) == {
        "cancelled",
        "superseded",
        "archived",
        "invalid",
        "refused",
    }


def test_a_request_is_careful_by_default() -> None:
    request = RunRequest(task="t", request_id="r")

    assert not request.request_id_named
    assert not request.keep_daemon
    assert request.notify_terminal_stages
    assert (request.route, request.intake) == (RoutePreference.AUTO, IntakePreference.AUTO)
    assert request.finalizer is Finalizer.PI
    assert request.limits == Limits(
        daemon_timeout_seconds=7200.0, pi_timeout_seconds=3600.0, max_daemon_restarts=1
    )


def test_the_body_is_the_request_and_nothing_of_how() -> None:
    scope = ScopedWork(item_id="i")
    request = RunRequest(
        task="t", request_id="r", scope=scope, context_refs=("a", "b"), mode="lad_pi"
    )

    assert request.body == RequestBody(task="t", scope=scope, context_refs=("a", "b"))


def test_an_unset_field_is_empty() -> None:
    decision = Decision(route=Route.DIRECT, why="w")
    item_status = ItemStatus(item_id="i", state=ItemState.DONE, source="s", observed_at=NOW)

    assert (decision.custom_loop_needed, decision.notes, item_status.detail) == (False, "", "")


def test_a_warning_prints_with_its_code() -> None:
    assert str(RunWarning("mode_unknown", "no mode")) == "mode_unknown: no mode"


def test_what_is_queued_counts_over_all_planes() -> None:
    status = RuntimeStatus(
        process_running=True,
        lock="active",
        active_run_count=0,
        active_stage=None,
        active_item_id=None,
        active_item_kind=None,
        queue_depths={"execution": 2, "planning": 3},
        paused=False,
        pause_sources="none",
        stop_requested=False,
        mode_id=None,
        raw={},
        source="millrace status",
        observed_at=NOW,
    )

    assert status.queued == 5
    assert replace(status, queue_depths={}).queued == 0


def test_an_event_may_begin_a_stage_end_one_or_neither() -> None:
    began, ended, other = (
        RuntimeEvent(kind=said, occurred_at=NOW)
        for said in (
            RuntimeEventKind.STAGE_STARTED,
            RuntimeEventKind.STAGE_ENDED,
            RuntimeEventKind.OTHER,
        )
    )

    assert [event.begins_stage for event in (began, ended, other)] == [True, False, False]
    assert [event.ends_stage for event in (began, ended, other)] == [False, True, False]


def test_a_daemon_an_answer_and_a_receipt_claim_nothing_that_was_not_said() -> None:
    daemon = RunningDaemon(pid=1, started=0.0, owned=True)

    assert (daemon.booting, daemon.kept, AddReceipt().duplicate) == (False, False, False)
    assert CommandReply(state=CommandState.WAITING).detail == ""
    assert ControlReceipt(applied=True).detail == ""
    assert ModeValidation(ok=True, mode_id="m").detail == ""


def test_a_session_remembers_twenty_requests_and_names_are_fixed() -> None:
    assert (RECENT_REQUESTS, LOCAL_SESSION, DEFAULT_WORKSPACE) == (20, "local", "default")
    assert not RegisteredWorkspace(workspace_id="w", root_path="/w").is_default
