"""Putting one item in the queue: the item that a run would have made, once, and nothing more."""

from dataclasses import replace

import pytest

from millracer.cancellation import Cancellation, CancelReason
from millracer.domain.requests import (
    IntakeKind,
    IntakePreference,
    RoutePreference,
    RunRequest,
    ScopedWork,
)
from millracer.domain.run.outcome import Outcome
from millracer.domain.submission import Submission
from millracer.domain.work.items import ItemState
from millracer.domain.work.runtime import CommandReply, CommandState
from millracer.errors import ExitCode, ToolFailed
from millracer.operations.submit import submit
from millracer.run.orchestrator import Orchestrator
from millracer.testing.agent import ScriptedAgent
from millracer.testing.backend import ScriptedBackend
from millracer.testing.clock import FrozenClock

NAMED = RunRequest(
    task="Fix the header",
    request_id="r-1",
    request_id_named=True,
    route=RoutePreference.MILLRACE,
    intake=IntakePreference.TASK,
)
UNNAMED = replace(NAMED, request_id_named=False)


def submitted(
    millrace: ScriptedBackend,
    request: RunRequest = NAMED,
    cancellation: Cancellation | None = None,
    unique: str = "u",
    pi: ScriptedAgent | None = None,
) -> Submission:
    return submit(
        request,
        millrace=millrace,
        models=pi or ScriptedAgent(),
        clock=FrozenClock(),
        unique=lambda: unique,
        cancellation=cancellation or Cancellation(),
    )


def codes(submission: Submission) -> list[str]:
    return [error.code for error in submission.errors]


def test_an_item_is_queued_and_nothing_is_started_or_watched() -> None:
    millrace = ScriptedBackend(is_initialised=False)

    submission = submitted(millrace)

    assert submission.exit_code == ExitCode.COMPLETED
    assert submission.item_id in millrace.enqueued
    assert submission.item_status is not None
    assert (submission.item_status.state, submission.found) == (ItemState.QUEUED, False)
    assert (submission.intake_kind, submission.daemon) == (IntakeKind.TASK, None)
    assert millrace.started == []
    assert "lease" not in millrace.calls


def test_the_same_request_is_the_same_item_whichever_call_comes_first() -> None:
    millrace = ScriptedBackend()
    first, again = submitted(millrace), submitted(millrace, unique="other")
    ran = Orchestrator(
        millrace=millrace, pi=ScriptedAgent(), clock=FrozenClock(), unique=lambda: "third"
    )
    millrace.items[first.item_id or ""].state = ItemState.DONE
    millrace.items[first.item_id or ""].proven = True
    result = ran.run(NAMED, Cancellation())

    assert (again.item_id, again.found) == (first.item_id, True)
    assert (result.work_item_id, result.outcome) == (first.item_id, Outcome.COMPLETED)
    assert len(millrace.enqueued) == 1


def test_an_unnamed_request_is_new_each_time() -> None:
    millrace = ScriptedBackend()

    one, other = (submitted(millrace, UNNAMED, unique=text) for text in ("u", "v"))

    assert one.item_id != other.item_id
    assert len(millrace.enqueued) == 2


def test_another_text_under_the_same_name_is_refused() -> None:
    millrace = ScriptedBackend()
    scope = ScopedWork(item_id="Q-1", source_queue="Q.md")
    submitted(millrace, replace(NAMED, scope=scope))

    refused = submitted(millrace, replace(NAMED, scope=scope, task="Something else"))

    assert (codes(refused), refused.exit_code) == (["idempotency_conflict"], ExitCode.USAGE)
    assert len(millrace.enqueued) == 1


@pytest.mark.parametrize(
    ("state", "exit_code", "actions"),
    [
        (ItemState.DONE, ExitCode.COMPLETED, ["watch"]),
        (ItemState.BLOCKED, ExitCode.BLOCKED, ["retry", "cancel"]),
        (ItemState.CANCELLED, ExitCode.INCOMPLETE, []),
        (ItemState.QUEUED, ExitCode.COMPLETED, ["watch", "cancel"]),
    ],
)
def test_an_item_without_a_worker_is_not_a_success(
    state: ItemState, exit_code: ExitCode, actions: list[str]
) -> None:
    millrace = ScriptedBackend()
    first = submitted(millrace)
    millrace.items[first.item_id or ""].state = state

    found = submitted(millrace)

    assert (found.found, found.exit_code) == (True, exit_code)
    steps = found.next_steps(watch="watch it", cancel="cancel it")
    assert [step.action for step in steps] == actions


def test_no_model_is_asked_for_the_kind() -> None:
    request = replace(NAMED, intake=IntakePreference.AUTO, task="Fix app.py and its test")

    submission = submitted(ScriptedBackend(), request)

    assert submission.intake_kind is IntakeKind.TASK
    assert len(submission.intake_signals) == 1


def test_a_living_daemon_is_seen_to_take_the_item_in() -> None:
    millrace = ScriptedBackend()
    daemon = millrace.has_daemon()
    millrace.fates.append(CommandReply(state=CommandState.WAITING))

    submission = submitted(millrace, replace(NAMED, mode="lad_pi"))

    assert submission.item_status is not None
    assert submission.item_status.state is ItemState.QUEUED
    assert submission.daemon == daemon
    assert millrace.validated == []


def test_an_item_that_the_daemon_refused_is_not_called_queued() -> None:
    millrace = ScriptedBackend()
    millrace.has_daemon()
    millrace.fates.append(CommandReply(state=CommandState.REFUSED, detail="no such thing"))
    millrace.will_do("look_up", millrace.items.clear)  # the one before the add
    millrace.will_do("look_up", millrace.items.clear)
    millrace.will_do("look_up", millrace.items.clear)

    submission = submitted(millrace)

    assert (codes(submission), submission.exit_code) == (["millrace_failed"], ExitCode.FAILED)
    assert "no such thing" in submission.errors[0].message
    assert submission.item_status is None


def test_a_slow_daemon_is_reported_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("millracer.run.prepare.accept.ACCEPT_SECONDS", 0.0)
    millrace = ScriptedBackend()
    millrace.has_daemon()
    millrace.fates.append(CommandReply(state=CommandState.WAITING))

    submission = submitted(millrace)

    assert submission.item_status is not None
    assert submission.item_status.state is ItemState.MAILBOX
    assert [warning.code for warning in submission.warnings] == ["not_taken_in"]
    assert submission.exit_code == ExitCode.COMPLETED


def test_a_refused_document_leaves_nothing() -> None:
    millrace = ScriptedBackend()
    millrace.will_fail("add", ToolFailed("millrace", "no", suggested_action="mend it"))

    submission = submitted(millrace)

    assert (codes(submission), submission.item_status) == (["millrace_failed"], None)


@pytest.mark.parametrize("after", [False, True])
def test_a_caller_stopped_at_the_add_learns_whether_the_item_is_queued(*, after: bool) -> None:
    millrace, cancellation = ScriptedBackend(), Cancellation()

    def stop() -> None:
        cancellation.cancel(CancelReason.TERMINATED)
        cancellation.raise_if_cancelled()

    millrace.will_do("add", stop, after=after)

    submission = submitted(millrace, UNNAMED, cancellation)

    assert submission.exit_code == ExitCode.TERMINATED
    assert submission.item_id is not None
    assert submission.item_status is not None
    assert submission.item_status.state is (ItemState.QUEUED if after else ItemState.ABSENT)


def test_a_daemon_that_may_be_dead_is_named_with_the_item_that_waits_for_it() -> None:
    millrace = ScriptedBackend()
    millrace.has_daemon_out_of_sight()

    submission = submitted(millrace)

    assert [warning.code for warning in submission.warnings] == ["daemon_unseen"]
    assert "/w/lock.json" in submission.warnings[0].text
