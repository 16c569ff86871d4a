import json
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from threading import Event, Thread

import pytest

from millracer.cancellation import Cancellation, CancelReason, Wait
from millracer.domain.requests import (
    Finalizer,
    IntakeKind,
    IntakePreference,
    Limits,
    RoutePreference,
    RunRequest,
    ScopedWork,
)
from millracer.domain.run.lifecycle import EDGES, SUBMISSION_EDGES
from millracer.domain.run.outcome import Outcome
from millracer.domain.run.progress import PROGRESS_KINDS, ProgressEvent
from millracer.domain.run.result import RunResult, exit_code_of
from millracer.domain.work.identity import work_item_for
from millracer.domain.work.items import ItemState
from millracer.domain.work.runtime import RuntimeEventKind
from millracer.errors import (
    DaemonDied,
    ProtocolError,
    RunWarning,
    ToolError,
    ToolFailed,
    ToolNotFound,
    ToolTimeout,
    ToolUnsupported,
    WorkspaceUnusable,
)
from millracer.run.orchestrator import Orchestrator
from millracer.run.prompts import DECISION_MARK, DIRECT_MARK, NOTICE_MARK, REPORT_MARK
from millracer.run.submitter import Submitter
from millracer.testing.agent import ScriptedAgent
from millracer.testing.backend import ScriptedBackend
from millracer.testing.clock import FrozenClock
from millracer.testing.repository import ScriptedRepository
from millracer.testing.steps import (
    Step,
    daemon_dies,
    daemon_is_stopped,
    due_poll,
    item_ends,
    item_goes,
    nothing_new,
    stage_ends,
    stage_runs,
    then,
    time_runs_out,
    workspace_paused,
)

SCOPE = ScopedWork(item_id="ITEM-1", title="Fix it", source_queue="QUEUE.md")
DELEGATE = json.dumps({"decision": "millrace", "intake_kind": "task", "why": "worth a check"})
DONE = (stage_runs("builder"), stage_runs("updater"), item_ends())


class Scene:
    """One orchestrator on fakes."""

    def __init__(
        self,
        *answers: str,
        is_initialised: bool = True,
        repository: ScriptedRepository | None = None,
    ) -> None:
        self.pi = ScriptedAgent(*answers)
        self.millrace = ScriptedBackend(is_initialised=is_initialised)
        self.repository = repository or ScriptedRepository()
        self.cancellation = Cancellation()
        self.heard: list[ProgressEvent] = []
        self.orchestrator = Orchestrator(
            millrace=self.millrace,
            pi=self.pi,
            clock=FrozenClock(),
            unique=lambda: "unique",
            repository=self.repository,
            listeners=(self.heard.append,),
        )

    def run(self, request: RunRequest) -> RunResult:
        result = self.orchestrator.run(request, self.cancellation)
        assert self.millrace.watchers == 0
        assert self.millrace.unused_steps == 0
        assert self.pi.unused_turns == 0
        return result

    @property
    def added(self) -> str:
        (item_id,) = self.millrace.enqueued
        return item_id


def asked(**fields: object) -> RunRequest:
    plain: dict[str, object] = {
        "task": "Make the widget blue",
        "request_id": "req-1",
        "route": RoutePreference.MILLRACE,
        "intake": IntakePreference.TASK,
        "finalizer": Finalizer.SUMMARY,
    }
    return RunRequest(**{**plain, **fields})


def codes(result: RunResult) -> list[str]:
    return [warning.code for warning in result.warnings]


def test_a_delegated_task_is_completed_with_its_proof() -> None:
    scene = Scene()
    scene.millrace.will_show(*DONE)

    result = scene.run(asked())

    assert result.outcome is Outcome.COMPLETED
    assert result.scoped_completion
    assert result.work_item_id == scene.added
    assert {fact.item_id for fact in result.proof} == {scene.added}
    assert result.event is not None
    assert (result.event.kind, result.event.run_id) == ("scoped_complete", "run-1")
    assert result.missing_evidence == ()
    assert scene.millrace.started == ["default_pi"]
    assert len(scene.millrace.stopped) == 1


def test_the_status_in_the_result_is_read_after_the_daemon_was_left() -> None:
    scene = Scene()
    scene.millrace.will_show(due_poll(), *DONE)

    result = scene.run(asked())

    assert result.outcome is Outcome.COMPLETED
    assert result.status == {"process_running": False, "runtime_ownership_lock": "absent"}


def test_a_status_that_was_read_during_the_work_is_not_in_the_result() -> None:
    scene = Scene()
    scene.millrace.will_show(due_poll(), *DONE)
    scene.millrace.while_leaving = lambda: scene.millrace.will_fail(
        "read_status", ToolFailed("millrace", "no", suggested_action="wait")
    )

    result = scene.run(asked())

    assert result.outcome is Outcome.COMPLETED
    assert result.status is None


def test_every_state_of_a_table_has_exactly_one_step() -> None:
    scene = Scene()
    submitter = Submitter(
        millrace=scene.millrace, models=ScriptedAgent(), clock=FrozenClock(), unique=lambda: "u"
    )

    assert set(scene.orchestrator._effects) == {edge.source for edge in EDGES}
    assert set(submitter._effects) == {edge.source for edge in SUBMISSION_EDGES}


def test_done_without_the_run_that_did_it_is_incomplete_and_says_what_is_missing() -> None:
    scene = Scene()
    scene.millrace.will_show(item_ends(proven=False))

    result = scene.run(asked())

    assert result.outcome is Outcome.INCOMPLETE
    assert not result.scoped_completion
    assert "updater" in result.missing_evidence[0].needed


def test_a_blocked_task_is_blocked_and_never_retried_nor_done_directly() -> None:
    scene = Scene()
    scene.millrace.will_show(stage_runs("builder"), item_ends(ItemState.BLOCKED))

    result = scene.run(asked())

    assert result.outcome is Outcome.BLOCKED
    assert len(scene.millrace.enqueued) == 1
    assert scene.pi.prompts == []
    assert [step.action for step in result.next_steps] == ["retry", "cancel"]


@pytest.mark.parametrize(
    "state",
    [
        ItemState.CANCELLED,
        ItemState.SUPERSEDED,
        ItemState.ARCHIVED,
        ItemState.INVALID,
        ItemState.REFUSED,
    ],
)
def test_an_item_that_was_set_aside_ends_the_watch_incomplete_with_the_reason(
    state: ItemState,
) -> None:
    scene = Scene()
    scene.millrace.will_show(item_goes(state, "an operator's word"))

    result = scene.run(asked())

    assert result.outcome is Outcome.INCOMPLETE
    assert result.event is not None
    assert result.event.kind == "idle_no_work"
    assert str(state) in result.event.reason
    assert "an operator's word" in result.event.reason
    assert len(scene.millrace.enqueued) == 1


def test_pi_decides_once_and_explains_at_the_end() -> None:
    scene = Scene(DELEGATE, "All done.")
    scene.millrace.will_show(*DONE)

    result = scene.run(asked(route=RoutePreference.AUTO, finalizer=Finalizer.PI))

    assert result.output == "All done."
    assert result.decision is not None
    assert result.decision.why == "worth a check"
    decision, report = scene.pi.prompts
    assert decision.startswith(DECISION_MARK)
    assert report.startswith(REPORT_MARK)
    assert "Outcome: completed" in report


def test_a_direct_answer_is_completed_without_scoped_completion() -> None:
    scene = Scene('{"decision": "direct", "why": "small"}', "It is blue now.")

    result = scene.run(asked(route=RoutePreference.AUTO))

    assert result.outcome is Outcome.COMPLETED
    assert not result.scoped_completion
    assert result.proof == ()
    assert result.output == "It is blue now."
    assert result.work_item_id is None
    assert scene.pi.prompts[1].startswith(DIRECT_MARK)
    assert scene.millrace.calls == ["check_supported"]


def test_what_the_caller_points_to_reaches_pi_on_the_direct_route() -> None:
    scene = Scene("hm", '{"decision": "direct"}', "Done.")

    scene.run(asked(route=RoutePreference.AUTO, context_refs=("docs/colours.md",)))

    assert len(scene.pi.prompts) == 3
    assert all('"docs/colours.md"' in prompt for prompt in scene.pi.prompts)


@pytest.mark.parametrize("kind", IntakePreference)
def test_what_the_caller_points_to_reaches_millrace_in_every_kind(kind: IntakePreference) -> None:
    scene = Scene()
    scene.millrace.will_show(item_goes(ItemState.CANCELLED))

    scene.run(asked(intake=kind, context_refs=("docs/colours.md",)))

    (document,) = scene.millrace.documents
    assert "\n- docs/colours.md\n" in document.text


@pytest.mark.parametrize("kind", [ToolNotFound, ToolUnsupported])
def test_an_unusable_millrace_is_refused_before_pi_is_asked(kind: type[ToolError]) -> None:
    scene = Scene()
    scene.millrace.will_fail("check_supported", kind("millrace", "m", suggested_action="set up"))

    result = scene.run(asked(route=RoutePreference.AUTO))

    assert result.outcome is Outcome.FAILED
    assert [error.code for error in result.errors] == [kind("millrace", "m").code]
    assert scene.pi.prompts == []
    assert "--route direct" in (result.errors[0].suggested_action or "")
    is_found = kind is ToolUnsupported
    assert result.versions.millrace == (scene.millrace.version if is_found else None)
    assert (scene.millrace.version is not None) is is_found


def test_an_unreadable_decision_is_requested_once_more_and_then_fails() -> None:
    scene = Scene("hm", "let me think about it")

    result = scene.run(asked(route=RoutePreference.AUTO))

    assert result.outcome is Outcome.FAILED
    assert [error.code for error in result.errors] == ["decision_unreadable"]
    assert result.errors[0].suggested_action is not None
    assert "--route" in result.errors[0].suggested_action
    assert scene.millrace.calls == ["check_supported"]


def test_a_decision_readable_at_the_second_try_counts() -> None:
    scene = Scene("hm", '{"decision": "direct"}', "Done.")

    assert scene.run(asked(route=RoutePreference.AUTO)).output == "Done."


def test_a_decision_turn_out_of_time_is_timed_out() -> None:
    scene = Scene()
    scene.pi.will_fail(ToolTimeout("pi", "the turn did not end in time"))

    result = scene.run(asked(route=RoutePreference.AUTO))

    assert result.outcome is Outcome.TIMED_OUT
    assert result.event is not None
    assert result.event.kind == "timed_out"


def test_a_forced_direct_run_needs_no_millrace() -> None:
    scene = Scene("Done.", is_initialised=False)

    result = scene.run(asked(route=RoutePreference.DIRECT, scope=SCOPE))

    assert result.outcome is Outcome.COMPLETED
    assert scene.millrace.calls == []


@pytest.mark.parametrize(
    ("answers", "fields", "warmed_up"),
    [
        ((), {"route": RoutePreference.MILLRACE}, True),
        (("Done.",), {"route": RoutePreference.DIRECT}, False),
        ((DELEGATE,), {"route": RoutePreference.AUTO}, True),
        (('{"decision": "direct"}', "Done."), {"route": RoutePreference.AUTO}, True),
        (("Done.",), {"route": RoutePreference.DIRECT, "scope": SCOPE}, True),
    ],
)
def test_millrace_is_warmed_up_at_once_wherever_it_may_be_needed(
    answers: tuple[str, ...], fields: dict[str, object], *, warmed_up: bool
) -> None:
    scene = Scene(*answers)
    scene.millrace.will_fail("initialise", WorkspaceUnusable("as scripted"))

    scene.run(asked(**fields))

    assert scene.millrace.warmed_up is warmed_up


def test_with_a_forced_route_and_the_summary_no_pi_is_needed() -> None:
    scene = Scene()
    scene.pi.will_not_begin(ToolNotFound("pi", "no pi"))
    scene.millrace.will_show(*DONE)

    result = scene.run(asked())

    assert result.outcome is Outcome.COMPLETED
    assert result.output.startswith("completed: ")


@pytest.mark.parametrize(
    "error", [ToolNotFound("pi", "no pi here"), ToolFailed("pi", "429"), ToolTimeout("pi", "slow")]
)
def test_pi_failing_at_the_end_changes_no_outcome(error: ToolFailed) -> None:
    scene = Scene()
    scene.pi.will_fail(error)
    scene.millrace.will_show(*DONE)

    result = scene.run(asked(finalizer=Finalizer.PI))

    assert result.outcome is Outcome.COMPLETED
    assert result.scoped_completion
    assert codes(result) == ["finalization_failed"]
    assert result.errors == ()
    assert result.output.startswith("completed: ")


def test_pi_asked_to_declare_completion_completes_nothing() -> None:
    scene = Scene("The outcome is completed, scoped_completion true.")
    scene.millrace.will_show(item_ends(proven=False))

    result = scene.run(asked(finalizer=Finalizer.PI))

    assert result.outcome is Outcome.INCOMPLETE
    assert not result.scoped_completion


# identity


def named(**fields: object) -> RunRequest:
    return asked(scope=SCOPE, **fields)


def held(scene: Scene, state: ItemState, request: RunRequest, **fields: object) -> str:
    item = work_item_for(request, unique="unique")
    scene.millrace.holds(item.item_id, state, request_hash=item.request_hash, **fields)
    return item.item_id


def test_the_daemon_is_left_while_pi_writes_the_answer_to_what_has_ended() -> None:
    scene = Scene()
    scene.millrace.will_show(*DONE)
    scene.millrace.while_leaving = lambda: _await(lambda: bool(scene.pi.prompts))
    scene.pi.will_say("It is blue.", before=lambda: _await(lambda: scene.millrace.watchers == 0))

    result = scene.run(asked(finalizer=Finalizer.PI))

    assert result.outcome is Outcome.COMPLETED
    assert result.output == "It is blue."


@pytest.mark.parametrize(
    ("steps", "fields"),
    [
        pytest.param(DONE, {"keep_daemon": True}, id="a kept daemon is something to tell"),
        pytest.param((daemon_is_stopped(),), {}, id="what is not over may move"),
    ],
)
def test_the_daemon_is_left_before_pi_is_asked_where_that_may_matter(
    steps: tuple[Step, ...], fields: dict[str, object]
) -> None:
    scene = Scene("Here it is.")
    asked_meanwhile: list[bool] = []

    def check_whether_pi_is_asked() -> None:
        with suppress(AssertionError):
            _await(lambda: bool(scene.pi.prompts), seconds=0.3)
        asked_meanwhile.append(bool(scene.pi.prompts))

    scene.millrace.while_leaving = check_whether_pi_is_asked
    scene.millrace.will_show(*steps)

    scene.run(asked(finalizer=Finalizer.PI, **fields))

    assert asked_meanwhile == [False]


def test_a_bug_in_the_way_out_beside_pi_is_not_lost() -> None:
    scene = Scene("It is blue.")
    bugs = [ZeroDivisionError("a bug")]

    def fail_once() -> None:
        if bugs:
            raise bugs.pop()

    scene.millrace.while_leaving = fail_once
    scene.millrace.will_show(*DONE)

    with pytest.raises(ZeroDivisionError):
        scene.orchestrator.run(asked(finalizer=Finalizer.PI), scene.cancellation)


def _await(is_so: Callable[[], bool], *, seconds: float = 20.0) -> None:
    limit = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < limit, "it did not happen meanwhile"
        time.sleep(0.005)


def test_a_named_item_that_is_done_is_judged_and_nothing_runs() -> None:
    scene = Scene()
    item_id = held(scene, ItemState.DONE, named(), proven=True)

    result = scene.run(named(finalizer=Finalizer.PI, route=RoutePreference.AUTO))

    assert result.outcome is Outcome.COMPLETED
    assert result.work_item_id == item_id
    assert codes(result) == ["already_completed"]
    assert scene.pi.begun == 0
    assert scene.pi.prompts == []
    assert scene.millrace.enqueued == []
    assert scene.millrace.started == []


def test_a_named_item_that_is_blocked_stays_blocked() -> None:
    scene = Scene()
    held(scene, ItemState.BLOCKED, named())

    result = scene.run(named())

    assert result.outcome is Outcome.BLOCKED
    assert scene.millrace.enqueued == []


def test_the_reason_why_a_blocked_item_has_no_worker_is_reported() -> None:
    scene = Scene()
    held(scene, ItemState.BLOCKED, named())
    for item in scene.millrace.items.values():
        item.runner_failure = "No API key found for the provider."

    result = scene.run(named())

    assert result.outcome is Outcome.BLOCKED
    assert codes(result) == ["stage_runner_failed"]
    text = result.warnings[0].text
    assert text.startswith("updater: No API key found for the provider; ")
    assert "`millracer doctor --workspace /workspace`" in text


@pytest.mark.parametrize(
    "state", [ItemState.MAILBOX, ItemState.INBOX, ItemState.QUEUED, ItemState.ACTIVE]
)
def test_a_named_item_that_is_live_is_watched_on_and_not_added_again(state: ItemState) -> None:
    scene = Scene()
    held(scene, state, named())
    scene.millrace.will_show(*DONE)

    result = scene.run(named(route=RoutePreference.AUTO))

    assert result.outcome is Outcome.COMPLETED
    assert scene.millrace.enqueued == []
    assert scene.millrace.documents == []


def test_the_same_name_with_another_body_is_a_conflict() -> None:
    scene = Scene()
    held(scene, ItemState.DONE, named(), proven=True)

    result = scene.run(named(task="Make the widget red"))

    assert result.outcome is Outcome.FAILED
    assert [error.code for error in result.errors] == ["idempotency_conflict"]
    assert not result.scoped_completion


def test_what_millrace_holds_fixes_route_and_kind() -> None:
    scene = Scene()
    held(scene, ItemState.QUEUED, named(), kind=IntakeKind.TASK)
    scene.millrace.will_show(*DONE)

    result = scene.run(named(intake=IntakePreference.PROBE, route=RoutePreference.DIRECT))

    assert result.outcome is Outcome.COMPLETED
    assert result.intake_kind is IntakeKind.TASK
    assert codes(result) == ["kind_fixed", "kind_fixed"]


def test_another_run_that_enqueued_first_is_joined() -> None:
    scene = Scene()
    scene.millrace.will_do("lock_item", lambda: held(scene, ItemState.QUEUED, named()))
    scene.millrace.will_show(*DONE)

    result = scene.run(named())

    assert result.outcome is Outcome.COMPLETED
    assert scene.millrace.enqueued == []


def test_an_add_of_unknown_fate_is_looked_up_and_not_repeated() -> None:
    scene = Scene()
    scene.millrace.will_fail("add", ToolTimeout("millrace", "slow"), after=True)
    scene.millrace.will_show(*DONE)

    result = scene.run(asked())

    assert result.outcome is Outcome.COMPLETED
    assert len(scene.millrace.enqueued) == 1


def test_an_add_that_timed_out_without_effect_fails() -> None:
    scene = Scene()
    scene.millrace.will_fail("add", ToolTimeout("millrace", "slow"))

    result = scene.run(asked())

    assert result.outcome is Outcome.FAILED
    assert scene.millrace.enqueued == []


def test_resume_continues_an_item_without_a_decision() -> None:
    scene = Scene()
    scene.millrace.holds("some-item", ItemState.QUEUED)
    scene.millrace.will_show(*DONE)

    result = scene.run(asked(task="", resume="some-item", route=RoutePreference.AUTO))

    assert result.outcome is Outcome.COMPLETED
    assert result.work_item_id == "some-item"
    assert scene.pi.prompts == []


def test_resume_of_an_unknown_item_is_an_invalid_request() -> None:
    result = Scene().run(asked(task="", resume="no-such-item"))

    assert [error.code for error in result.errors] == ["invalid_request"]


def test_an_unnamed_task_is_new_work_and_millrace_is_not_asked_about_it() -> None:
    scene = Scene()
    scene.millrace.will_show(item_ends())

    scene.run(asked())

    assert scene.millrace.calls.index("add") < scene.millrace.calls.index("look_up")


# mode


def test_the_callers_mode_wins_over_pis() -> None:
    answer = json.dumps({"decision": "millrace", "intake_kind": "task", "mode": "learning_pi"})
    scene = Scene(answer)
    scene.millrace.will_show(*DONE)

    scene.run(asked(route=RoutePreference.AUTO, mode="default_codex", session_mode="other"))

    assert scene.millrace.started == ["default_codex"]


def test_the_sessions_mode_wins_over_pis() -> None:
    answer = json.dumps({"decision": "millrace", "intake_kind": "task", "mode": "learning_pi"})
    scene = Scene(answer)
    scene.millrace.will_show(*DONE)

    scene.run(asked(route=RoutePreference.AUTO, session_mode="default_codex"))

    assert scene.millrace.started == ["default_codex"]


def test_a_mode_of_pis_that_does_not_validate_gives_way_with_a_warning() -> None:
    answer = json.dumps({"decision": "millrace", "intake_kind": "task", "mode": "no_such"})
    scene = Scene(answer)
    scene.millrace.rejects_mode("no_such")
    scene.millrace.will_show(*DONE)

    result = scene.run(asked(route=RoutePreference.AUTO))

    assert codes(result) == ["mode_unavailable"]
    assert scene.millrace.started == ["default_pi"]


def test_a_callers_mode_that_does_not_validate_fails_before_anything_is_queued() -> None:
    scene = Scene()
    scene.millrace.rejects_mode("no_such")

    result = scene.run(asked(mode="no_such"))

    assert [error.code for error in result.errors] == ["workspace_unusable"]
    assert scene.millrace.enqueued == []


def test_a_running_daemons_mode_is_taken_and_nothing_is_validated() -> None:
    scene = Scene()
    scene.millrace.has_daemon(mode_id="learning_lad_pi")
    scene.millrace.will_show(*DONE)

    result = scene.run(asked())

    assert result.outcome is Outcome.COMPLETED
    assert codes(result) == ["mode_of_daemon"]
    assert scene.millrace.validated == []
    assert scene.millrace.started == []
    assert scene.millrace.stopped == []


def test_a_running_daemon_in_another_mode_than_named_is_a_conflict() -> None:
    scene = Scene()
    scene.millrace.has_daemon(mode_id="learning_lad_pi")

    result = scene.run(asked(mode="default_pi"))

    assert [error.code for error in result.errors] == ["mode_conflict"]
    assert scene.millrace.enqueued == []


def test_an_alias_of_the_running_daemons_mode_is_not_a_conflict() -> None:
    scene = Scene()
    scene.millrace.has_daemon(mode_id="lad_pi")
    scene.millrace.will_show(*DONE)

    result = scene.run(asked(mode="default_pi"))

    assert result.outcome is Outcome.COMPLETED
    assert codes(result) == []


def test_a_needed_custom_loop_is_a_warning_and_the_run_continues() -> None:
    answer = json.dumps({"decision": "millrace", "intake_kind": "task", "custom_loop_needed": True})
    scene = Scene(answer)
    scene.millrace.will_show(*DONE)

    result = scene.run(asked(route=RoutePreference.AUTO))

    assert result.outcome is Outcome.COMPLETED
    assert codes(result) == ["custom_loop_needed"]


# the daemon


def test_a_daemon_that_died_is_repaired_and_started_once_more() -> None:
    scene = Scene()
    scene.millrace.will_show(stage_runs("builder"), daemon_dies(), *DONE)

    result = scene.run(asked())

    assert result.outcome is Outcome.COMPLETED
    assert result.restarts == 1
    assert len(scene.millrace.started) == 2
    assert [event.kind for event in result.progress_events].count("restart_needed") == 1


@pytest.mark.parametrize(
    ("before", "outcome"),
    [(stage_runs("builder"), Outcome.CRASHED), (nothing_new(), Outcome.RESTART_NEEDED)],
)
def test_a_daemon_that_dies_too_often_ends_the_run_with_the_item_safe(
    before: object, outcome: Outcome
) -> None:
    scene = Scene()
    scene.millrace.will_show(before, daemon_dies(), before, daemon_dies())

    result = scene.run(asked())

    assert result.outcome is outcome
    assert result.restarts == 1
    assert scene.millrace.items[scene.added].state is ItemState.QUEUED
    assert [step.action for step in result.next_steps] == ["continue", "cancel"]


def test_without_restarts_a_dead_daemon_ends_the_run() -> None:
    scene = Scene()
    scene.millrace.will_show(daemon_dies())

    result = scene.run(asked(limits=Limits(max_daemon_restarts=0)))

    assert result.outcome is Outcome.RESTART_NEEDED
    assert len(scene.millrace.started) == 1


def test_a_daemon_stopped_by_another_command_is_not_restarted() -> None:
    scene = Scene()
    scene.millrace.will_show(stage_runs("builder"), daemon_is_stopped())

    result = scene.run(asked())

    assert result.outcome is Outcome.RESTART_NEEDED
    assert len(scene.millrace.started) == 1
    assert result.next_steps[0].command.startswith(f"millracer watch {scene.added} ")


def test_a_kept_daemon_is_left_and_said() -> None:
    scene = Scene()
    scene.millrace.will_show(*DONE)

    result = scene.run(asked(keep_daemon=True))

    assert scene.millrace.stopped == []
    assert codes(result) == ["daemon_kept"]


def test_the_time_limit_ends_the_wait_and_the_item_stays_safe() -> None:
    scene = Scene()
    scene.millrace.will_show(stage_runs("builder"), time_runs_out())

    result = scene.run(asked(limits=Limits(daemon_timeout_seconds=0.3)))

    assert result.outcome is Outcome.TIMED_OUT
    assert scene.millrace.items[scene.added].state is ItemState.QUEUED
    assert result.next_steps[0].command.startswith(f"millracer watch {scene.added} ")
    assert len(scene.millrace.stopped) == 1


def test_a_pause_is_reported_and_named_when_time_runs_out() -> None:
    scene = Scene()
    scene.millrace.will_show(workspace_paused(), time_runs_out())

    result = scene.run(asked(limits=Limits(daemon_timeout_seconds=0.3)))

    assert [event.kind for event in result.progress_events] == ["paused"]
    assert result.event is not None
    assert "millracer resume" in result.event.reason


def test_the_end_of_another_item_says_nothing_about_the_requested_one() -> None:
    scene = Scene()
    scene.millrace.will_show(stage_runs("updater", item_id="another-item"), due_poll(), *DONE)

    result = scene.run(asked())

    assert result.outcome is Outcome.COMPLETED
    assert all(event.item_id == scene.added for event in result.progress_events)


def test_an_item_that_vanished_ends_the_watch_incomplete() -> None:
    scene = Scene()
    scene.millrace.will_show(then(scene.millrace.items.clear), *[nothing_new() for _ in range(4)])

    result = scene.run(asked())

    assert result.outcome is Outcome.INCOMPLETE
    assert result.event is not None
    assert "no longer knows" in result.event.reason


def test_one_failed_question_does_not_end_the_watch() -> None:
    scene = Scene()
    scene.millrace.will_do(
        "lease",
        lambda: scene.millrace.will_fail("look_up", ToolFailed("millrace", "moved meanwhile")),
    )
    scene.millrace.will_show(nothing_new(), *DONE)

    assert scene.run(asked()).outcome is Outcome.COMPLETED


def test_a_probe_whose_own_end_came_is_incomplete_and_says_so() -> None:
    scene = Scene()
    scene.millrace.will_show(item_ends(proven=False), *[nothing_new() for _ in range(4)])

    result = scene.run(asked(intake=IntakePreference.PROBE))

    assert result.outcome is Outcome.INCOMPLETE
    assert not result.scoped_completion
    assert "probe" in result.missing_evidence[0].needed


# cancelling


def cancelling(scene: Scene) -> Callable[[], None]:
    return lambda: scene.cancellation.cancel(CancelReason.INTERRUPTED)


def test_cancelling_while_watching_stops_an_owned_daemon_and_leaves_the_item_safe() -> None:
    scene = Scene()
    scene.millrace.will_show(stage_runs("builder"), then(cancelling(scene)))

    result = scene.run(asked(finalizer=Finalizer.PI))

    assert result.outcome is Outcome.CANCELLED
    assert result.cancel_reason is CancelReason.INTERRUPTED
    assert scene.pi.prompts == []
    assert len(scene.millrace.stopped) == 1
    assert result.next_steps[0].action == "continue"


def test_cancelling_during_the_add_reports_where_the_item_is() -> None:
    scene = Scene()
    scene.millrace.will_do("add", cancelling(scene), after=True)

    result = scene.run(asked())

    assert result.outcome is Outcome.CANCELLED
    assert result.work_item_id == scene.added


def test_cancelling_the_decision_queues_nothing() -> None:
    scene = Scene()
    scene.pi.will_hang(before=cancelling(scene))

    result = scene.run(asked(route=RoutePreference.AUTO))

    assert result.outcome is Outcome.CANCELLED
    assert scene.millrace.enqueued == []
    assert result.missing_evidence


def test_cancelling_the_closing_turn_keeps_the_proven_outcome() -> None:
    scene = Scene()
    scene.pi.will_hang(before=cancelling(scene))
    scene.millrace.will_show(*DONE)

    result = scene.run(asked(finalizer=Finalizer.PI))

    assert result.outcome is Outcome.COMPLETED
    assert codes(result) == ["finalization_failed"]


# failures


def test_an_unusable_workspace_fails_with_the_reason() -> None:
    scene = Scene()
    scene.millrace.will_fail("initialise", WorkspaceUnusable("not writable"))

    result = scene.run(asked())

    assert [error.code for error in result.errors] == ["workspace_unusable"]
    assert scene.pi.prompts == []


def test_a_bug_propagates_after_everything_owned_was_ended() -> None:
    scene = Scene()
    scene.millrace.will_show(stage_runs("builder"))
    scene.millrace.will_do(
        "lease", lambda: scene.millrace.will_fail("read_status", ZeroDivisionError("a bug"))
    )

    with pytest.raises(ZeroDivisionError):
        scene.orchestrator.run(asked(), scene.cancellation)
    assert scene.millrace.watchers == 0
    assert len(scene.millrace.stopped) == 1


def test_timings_cover_the_states_that_were_passed() -> None:
    scene = Scene()
    scene.millrace.will_show(*DONE)

    result = scene.run(asked())

    assert list(result.timings) == ["decide", "intake", "enqueue", "monitor", "finalize"]


def test_progress_is_numbered_in_order_and_reported_as_it_happens() -> None:
    scene = Scene()
    scene.millrace.will_show(*DONE)

    result = scene.run(asked())

    reported = [event for event in scene.heard if event.is_listed]
    assert tuple(reported) == result.progress_events
    numbers = [event.number for event in scene.heard if event.type in PROGRESS_KINDS]
    assert numbers == list(range(1, len(numbers) + 1))
    assert [event.stage for event in result.progress_events] == ["builder", "updater"]


def test_the_next_step_names_a_workspace_with_blanks_safely() -> None:
    scene = Scene()
    scene.millrace._workspace = "/work space"
    scene.millrace.will_show(time_runs_out())

    result = scene.run(asked(limits=Limits(daemon_timeout_seconds=0.3)))

    assert "--workspace '/work space'" in result.next_steps[0].command


def test_two_orchestrators_run_in_one_process() -> None:
    scenes = [Scene(), Scene()]
    results: list[RunResult] = []
    for scene in scenes:
        scene.millrace.will_show(*DONE)
    threads = [
        Thread(
            target=lambda w=scene, n=number: results.append(w.run(replace(asked(), task=f"T{n}")))
        )
        for number, scene in enumerate(scenes)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)

    assert [result.outcome for result in results] == [Outcome.COMPLETED, Outcome.COMPLETED]


@pytest.mark.parametrize(
    ("intake", "has_daemon", "place"),
    [
        (IntakePreference.TASK, False, "queued"),
        (IntakePreference.IDEA, False, "inbox"),
        (IntakePreference.TASK, True, "mailbox"),
    ],
)
def test_a_run_that_fails_right_after_the_add_says_where_the_item_waits(
    intake: IntakePreference, place: str, *, has_daemon: bool
) -> None:
    scene = Scene()
    if has_daemon:
        scene.millrace.has_daemon()
    scene.millrace.will_fail("lease", ToolFailed("millrace", "broken"))

    result = scene.run(asked(intake=intake))

    assert result.outcome is Outcome.FAILED
    assert result.work_item_id == scene.added
    assert [entry.found for entry in result.missing_evidence] == [place]
    assert [step.action for step in result.next_steps] == ["continue", "cancel"]


def test_a_delegated_result_names_the_millrace_that_did_it() -> None:
    scene = Scene()
    scene.millrace.will_show(*DONE)

    assert scene.run(asked()).versions.millrace == "0.21.1"


# what the first review and the random runs found


def test_an_item_that_was_blocked_during_the_stop_is_blocked() -> None:
    scene = Scene()
    scene.millrace.will_show(stage_runs("builder"), time_runs_out())
    scene.millrace.will_do(
        "gather_evidence",
        lambda: setattr(scene.millrace.items[scene.added], "state", ItemState.BLOCKED),
        after=True,
    )

    result = scene.run(asked(limits=Limits(daemon_timeout_seconds=0.3)))

    assert result.outcome is Outcome.BLOCKED


def test_an_item_that_was_done_during_the_stop_is_completed() -> None:
    scene = Scene()

    def done() -> None:
        item = scene.millrace.items[scene.added]
        item.state, item.proven = ItemState.DONE, True

    scene.millrace.will_show(stage_runs("builder"), time_runs_out())
    scene.millrace.will_do("gather_evidence", done, after=True)

    result = scene.run(asked(limits=Limits(daemon_timeout_seconds=0.3)))

    assert result.outcome is Outcome.COMPLETED
    assert result.scoped_completion


def test_a_daemon_that_dies_while_it_boots_is_started_once_more() -> None:
    scene = Scene()
    scene.millrace.will_fail("start", DaemonDied("millrace", "it said nothing"))
    scene.millrace.will_show(*DONE)

    result = scene.run(asked())

    assert result.outcome is Outcome.COMPLETED
    assert result.restarts == 1


def test_a_daemon_that_says_why_it_does_not_start_fails_the_run() -> None:
    scene = Scene()
    scene.millrace.will_fail("start", ToolFailed("millrace", "error: no such runner"))

    result = scene.run(asked())

    assert result.outcome is Outcome.FAILED
    assert result.next_steps[0].action == "continue"


def test_a_daemon_that_cannot_be_started_again_ends_the_run_as_its_death_did() -> None:
    scene = Scene()
    scene.millrace.will_show(
        stage_runs("builder"),
        then(lambda: scene.millrace.will_fail("start", ToolFailed("millrace", "lock is held"))),
        daemon_dies(),
    )

    result = scene.run(asked())

    assert result.outcome is Outcome.CRASHED
    assert codes(result) == ["restart_failed"]


def test_an_add_whose_answer_cannot_be_read_is_looked_up() -> None:
    scene = Scene()
    scene.millrace.will_fail("add", ProtocolError("millrace", "no receipt"), after=True)
    scene.millrace.will_show(*DONE)

    assert scene.run(asked()).outcome is Outcome.COMPLETED


def test_a_daemon_left_by_a_killed_command_is_stopped_though_nothing_is_watched() -> None:
    scene = Scene()
    held(scene, ItemState.DONE, named(), proven=True)
    left = scene.millrace.has_daemon(owned=True)

    result = scene.run(named())

    assert codes(result) == ["already_completed"]
    assert scene.millrace.stopped == [left.pid]


def test_a_lock_that_is_not_given_in_time_is_the_time_limit() -> None:
    scene = Scene()
    scene.millrace.will_do(
        "lease",
        lambda: scene.millrace.will_fail("control", ToolTimeout("millrace", "held")),
        after=True,
    )

    result = scene.run(asked(limits=Limits(daemon_timeout_seconds=1e-9)))

    assert result.outcome is Outcome.TIMED_OUT


def test_pi_hears_of_a_stage_that_settles_something_before_the_run_ends() -> None:
    scene = Scene("Noted.", "All done.")
    asked_notice = scene.pi.prompts

    def wait_for_notice() -> None:
        limit = time.monotonic() + 30
        while not asked_notice and time.monotonic() < limit:
            time.sleep(0.01)

    ended = replace(
        stage_runs("recon"),
        events=tuple(
            replace(
                event,
                kind=RuntimeEventKind.STAGE_ENDED,
                terminal_result="RECON_TO_EXECUTION",
                is_milestone=True,
            )
            for event in stage_runs("recon").events
        ),
    )
    scene.millrace.will_show(ended, then(wait_for_notice), *DONE)

    result = scene.run(asked(finalizer=Finalizer.PI))

    assert result.output == "All done."
    assert [prompt.split()[0] for prompt in scene.pi.prompts] == [NOTICE_MARK, REPORT_MARK]
    assert [event.kind for event in result.progress_events].count("stage_notified") == 1


def test_evidence_that_cannot_be_read_makes_a_time_limit_no_failure() -> None:
    scene = Scene()
    scene.millrace.will_show(stage_runs("builder"), time_runs_out())
    scene.millrace.will_fail("gather_evidence", ToolFailed("millrace", "no answer"))

    result = scene.run(asked(limits=Limits(daemon_timeout_seconds=0.3)))

    assert result.outcome is Outcome.TIMED_OUT
    assert codes(result) == ["evidence_unavailable"]


def test_an_ended_item_whose_evidence_cannot_be_read_is_a_failure_and_not_completed() -> None:
    scene = Scene()
    scene.millrace.will_show(item_ends())
    for _ in range(2):
        scene.millrace.will_fail("gather_evidence", ToolFailed("millrace", "no answer"))

    result = scene.run(asked())

    assert result.outcome is Outcome.FAILED
    assert not result.scoped_completion


@pytest.mark.parametrize("is_alive", [True, False])
def test_a_run_says_at_once_that_the_daemon_it_joins_may_be_dead(*, is_alive: bool) -> None:
    scene = Scene()
    scene.millrace.has_daemon_out_of_sight(is_alive=is_alive)
    heard: list[str] = []
    scene.millrace.will_show(
        Step(also=lambda: heard.extend(event.kind for event in scene.heard)), *DONE
    )

    result = scene.run(asked())

    assert ("daemon_unseen" in heard) is not is_alive
    assert ("daemon_unseen" in [warning.code for warning in result.warnings]) is not is_alive
    if not is_alive:
        reported = next(event for event in scene.heard if event.kind == "daemon_unseen")
        assert "host gone" in reported.reason
        assert "/w/lock.json" in reported.reason


@pytest.mark.parametrize("settled", [True, False])
def test_a_run_hands_on_that_the_repair_after_it_failed(*, settled: bool) -> None:
    scene = Scene()
    scene.millrace.notices_at_end = (RunWarning("repair_failed", "too slow"),)
    scene.millrace.will_show(*(DONE if settled else (time_runs_out(),)))

    result = scene.run(asked(limits=Limits(daemon_timeout_seconds=30 if settled else 0.3)))

    assert "repair_failed" in [warning.code for warning in result.warnings]


def test_a_result_has_the_stages_of_the_item_and_the_turns_of_this_run_alone() -> None:
    scene = Scene(DELEGATE, "All done.", DELEGATE, "Once more.")
    first = asked(route=RoutePreference.AUTO, finalizer=Finalizer.PI)
    scene.millrace.will_show(*DONE)
    scene.orchestrator.run(first, scene.cancellation)
    scene.millrace.will_show(*DONE)
    scene.millrace.stages.begin("a-stranger", "builder", "run-9")

    result = scene.orchestrator.run(replace(first, task="Another one"), scene.cancellation)

    assert [stage.stage for stage in result.stages] == ["builder", "updater"]
    assert {stage.item_id for stage in result.stages} == {result.work_item_id}
    assert (result.agent_usage.turns, result.agent_usage.tokens.total) == (2, 200)


def test_a_run_that_was_cut_off_reports_what_was_used_by_then() -> None:
    scene = Scene()
    scene.millrace.will_show(stage_runs("builder"), stage_runs("checker"), time_runs_out())

    result = scene.run(asked(limits=Limits(daemon_timeout_seconds=0.3)))

    assert result.outcome is Outcome.TIMED_OUT
    assert [(stage.stage, stage.result) for stage in result.stages] == [
        ("builder", "BUILDER_COMPLETE"),
        ("checker", None),
    ]


def test_the_start_is_recorded_before_the_item_is_added_and_the_end_once_it_is_proven() -> None:
    scene = Scene()
    scene.millrace.will_do("add", lambda: recorded.extend(scene.repository.starts))
    recorded: list[tuple[str, bool]] = []
    scene.millrace.will_show(*DONE)

    result = scene.run(asked())

    assert recorded == [(scene.added, True)]
    assert result.changes is scene.repository.measured
    assert scene.repository.finals == [scene.added]


class AwaitsMode(ScriptedRepository):
    """Measures the start only once Millrace validates the mode, as a sequence would never do."""

    def __init__(self, validated: Event) -> None:
        super().__init__()
        self._validated = validated

    def measure_start(self, item_id: str, wait: Wait, *, keep: bool) -> Callable[[], None]:
        """Wait for the validation, up to a limit."""
        assert self._validated.wait(10)
        return super().measure_start(item_id, wait, keep=keep)


def test_the_start_is_measured_while_the_mode_is_validated() -> None:
    validated = Event()
    scene = Scene(repository=AwaitsMode(validated))
    scene.millrace.will_do("validate_mode", validated.set)
    scene.millrace.will_show(*DONE)

    result = scene.run(asked())

    assert result.changes is scene.repository.measured


def test_the_start_of_refused_work_is_not_recorded() -> None:
    scene = Scene()
    scene.millrace.rejects_mode("default_pi")

    result = scene.run(asked())

    assert (result.outcome, scene.repository.starts) == (Outcome.FAILED, [])


def test_the_changes_of_unfinished_work_are_not_final() -> None:
    scene = Scene()
    scene.millrace.will_show(stage_runs("builder"), item_ends(ItemState.BLOCKED))

    result = scene.run(asked())

    assert result.changes is scene.repository.measured
    assert scene.repository.finals == []


@pytest.mark.parametrize("state", [ItemState.CANCELLED, ItemState.SUPERSEDED])
def test_the_end_of_work_that_was_set_aside_is_recorded(state: ItemState) -> None:
    scene = Scene()
    scene.millrace.will_show(stage_runs("builder"), item_ends(state))

    scene.run(asked())

    assert scene.repository.finals == [scene.added]


@pytest.mark.parametrize("state", [ItemState.CANCELLED, ItemState.DONE])
def test_the_changes_of_work_that_had_ended_before_are_not_those_of_now(state: ItemState) -> None:
    scene = Scene()
    scene.millrace.holds("t1", state)
    scene.repository.starts.append(("t1", True))

    result = scene.run(asked(resume="t1"))

    assert result.changes is not None
    assert result.changes.unknown
    assert scene.repository.finals == []


def test_a_direct_run_is_measured_and_leaves_no_record() -> None:
    scene = Scene("Done.")

    result = scene.run(asked(route=RoutePreference.DIRECT))

    assert result.changes is scene.repository.measured
    assert [keep for _, keep in scene.repository.starts] == [False]


def test_work_that_never_began_has_no_changes() -> None:
    scene = Scene()
    scene.millrace.rejects_mode("default_pi")

    result = scene.run(asked())

    assert result.outcome is Outcome.FAILED
    assert result.changes is None


def test_a_spent_budget_ends_the_watch_between_two_stages_and_leaves_the_item_in_the_queue() -> (
    None
):
    for limits in (Limits(max_stages=1), Limits(max_tokens=12)):
        scene = Scene()
        scene.millrace.will_show(stage_runs("builder"), stage_ends("builder"))

        result = scene.run(asked(limits=limits, finalizer=Finalizer.PI, keep_daemon=True))

        assert (result.outcome, int(exit_code_of(result))) == (Outcome.BUDGET_EXHAUSTED, 9)
        assert not result.scoped_completion
        assert result.missing_evidence
        assert scene.millrace.items[scene.added].state is ItemState.QUEUED
        assert scene.millrace.daemon is None
        assert result.next_steps[0].action == "continue"
        assert scene.pi.prompts == []
        assert "budget_not_enforced" not in codes(result)


def test_a_budget_that_is_not_spent_ends_nothing() -> None:
    scene = Scene()
    scene.millrace.will_show(stage_runs("builder"), stage_ends("builder"), item_ends())

    result = scene.run(asked(limits=Limits(max_stages=2, max_tokens=25)))

    assert result.outcome is Outcome.COMPLETED


def test_work_that_completes_with_its_last_token_is_completed() -> None:
    scene = Scene()
    scene.millrace.will_show(stage_runs("updater"), item_ends())

    assert scene.run(asked(limits=Limits(max_stages=1))).outcome is Outcome.COMPLETED


def test_no_daemon_is_started_for_an_item_whose_budget_was_spent_before() -> None:
    scene = Scene()
    scene.millrace.holds("spent", ItemState.QUEUED)
    scene.millrace.stages.begin("spent", "builder", "run-1")
    scene.millrace.stages.end("spent")

    result = scene.run(asked(task="", resume="spent", limits=Limits(max_stages=1)))

    assert result.outcome is Outcome.BUDGET_EXHAUSTED
    assert scene.millrace.started == []


def test_a_foreign_daemon_that_goes_beyond_the_budget_is_reported() -> None:
    scene = Scene()
    scene.millrace.has_daemon(owned=False)
    scene.millrace.will_show(stage_runs("builder"), stage_ends("builder"))

    result = scene.run(asked(limits=Limits(max_stages=1)))

    assert result.outcome is Outcome.BUDGET_EXHAUSTED
    assert "budget_not_enforced" in codes(result)
    assert scene.millrace.daemon is not None
