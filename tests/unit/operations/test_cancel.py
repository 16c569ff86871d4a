"""Cancelling one item: requested, looked for, and never reported as done before it was seen."""

import pytest

from millracer.cancellation import Cancellation
from millracer.domain.control import ControlOutcome, ControlReport
from millracer.domain.requests import IntakeKind
from millracer.domain.work.items import ItemState
from millracer.domain.work.runtime import CommandReply, CommandState
from millracer.errors import ExitCode, ToolFailed
from millracer.operations import cancel as cancelling
from millracer.operations import control
from millracer.testing.backend import ScriptedBackend


def cancel(millrace: ScriptedBackend, name: str = "t1", **words: str) -> ControlReport:
    return cancelling.cancel(name, millrace, Cancellation(), **words)


def ending_of(report: ControlReport) -> tuple[ControlOutcome, int, ItemState | None]:
    return report.outcome, report.exit_code, report.state


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control, "CONFIRM_SECONDS", 0.0)


@pytest.mark.parametrize("state", [ItemState.QUEUED, ItemState.BLOCKED])
@pytest.mark.parametrize("beside", [True, False])
def test_what_waits_or_is_blocked_is_cancelled_once(state: ItemState, *, beside: bool) -> None:
    millrace = ScriptedBackend()
    millrace.holds("t1", state)
    if beside:
        millrace.has_daemon()

    first, again = cancel(millrace, reason="not needed"), cancel(millrace)

    assert ending_of(first) == (ControlOutcome.DONE, ExitCode.COMPLETED, ItemState.CANCELLED)
    assert ending_of(again) == (ControlOutcome.ALREADY, ExitCode.COMPLETED, ItemState.CANCELLED)
    assert "not needed" in again.message
    assert millrace.calls.count("cancel_item") == 1


@pytest.mark.parametrize("state", [ItemState.DONE, ItemState.SUPERSEDED, ItemState.ARCHIVED])
def test_what_has_ended_otherwise_is_too_late(state: ItemState) -> None:
    millrace = ScriptedBackend()
    millrace.holds("t1", state)

    assert ending_of(cancel(millrace)) == (ControlOutcome.TOO_LATE, ExitCode.INCOMPLETE, state)
    assert "cancel_item" not in millrace.calls


@pytest.mark.parametrize("is_initialised", [True, False])
def test_an_unknown_item_is_wrong_use(*, is_initialised: bool) -> None:
    report = cancel(ScriptedBackend(is_initialised=is_initialised))

    assert report.exit_code == ExitCode.USAGE
    assert report.errors[0].suggested_action


def test_an_active_item_is_not_cancelled_and_the_way_to_is_named() -> None:
    millrace = ScriptedBackend()
    millrace.holds("t1", ItemState.ACTIVE)
    millrace.has_daemon()
    millrace.active_stage = "builder"

    report = cancel(millrace)

    assert ending_of(report) == (ControlOutcome.NOT_POSSIBLE, ExitCode.BLOCKED, ItemState.ACTIVE)
    assert [step.action for step in report.next_steps] == ["stop", "cancel"]
    assert "cancel_item" not in millrace.calls


def test_what_a_dead_daemon_worked_on_goes_back_first() -> None:
    millrace = ScriptedBackend()
    millrace.holds("t1", ItemState.ACTIVE)
    millrace.stale = True

    assert ending_of(cancel(millrace))[0] is ControlOutcome.DONE
    assert millrace.repaired == 1


@pytest.mark.usefixtures("quick")
def test_a_delayed_cancel_is_not_reported_as_done() -> None:
    millrace = ScriptedBackend()
    millrace.holds("t1", ItemState.QUEUED)
    millrace.has_daemon()
    millrace.active_stage = "builder"

    report = cancel(millrace)

    assert ending_of(report) == (ControlOutcome.NOT_CONFIRMED, ExitCode.TIMED_OUT, ItemState.QUEUED)
    assert [step.action for step in report.next_steps] == ["look"]


@pytest.mark.parametrize(
    ("state", "outcome"),
    [
        (ItemState.CANCELLED, ControlOutcome.ALREADY),
        (ItemState.DONE, ControlOutcome.TOO_LATE),
        (ItemState.ACTIVE, ControlOutcome.NOT_POSSIBLE),
    ],
)
def test_an_item_that_moved_on_meanwhile_is_reported_as_it_is(
    state: ItemState, outcome: ControlOutcome
) -> None:
    millrace = ScriptedBackend()
    item = millrace.holds("t1", ItemState.QUEUED)
    millrace.has_daemon()

    def move() -> None:
        item.state = state

    millrace.will_do("cancel_item", move)

    assert ending_of(cancel(millrace))[::2] == (outcome, state)


def test_a_refusal_of_an_item_that_did_not_move_is_an_error() -> None:
    millrace = ScriptedBackend()
    millrace.holds("t1", ItemState.QUEUED)
    millrace.will_fail("cancel_item", ToolFailed("millrace", "no", suggested_action="mend it"))

    report = cancel(millrace)

    assert (report.outcome, report.exit_code) == (ControlOutcome.FAILED, ExitCode.FAILED)


def test_a_refusal_by_the_daemon_is_one_too() -> None:
    millrace = ScriptedBackend()
    item = millrace.holds("t1", ItemState.QUEUED)
    millrace.has_daemon()
    millrace.fates.append(CommandReply(state=CommandState.REFUSED, detail="not this one"))

    def stay() -> None:
        item.state = ItemState.QUEUED

    millrace.will_do("cancel_item", stay, after=True)

    report = cancel(millrace)

    assert report.exit_code == ExitCode.FAILED
    assert "not this one" in report.message


def test_an_idea_in_the_inbox_of_no_daemon_is_taken_away_by_hand() -> None:
    millrace = ScriptedBackend()
    millrace.holds("t1", ItemState.INBOX, kind=IntakeKind.IDEA)

    report = cancel(millrace)

    assert ending_of(report) == (ControlOutcome.NOT_POSSIBLE, ExitCode.BLOCKED, ItemState.INBOX)
    assert [step.action for step in report.next_steps] == ["cancel"]


def test_of_a_done_probe_what_came_out_of_it_is_cancelled() -> None:
    millrace = ScriptedBackend()
    millrace.holds("t1", ItemState.DONE, kind=IntakeKind.PROBE)
    child = millrace.derives("t1", "t1-child", ItemState.QUEUED)

    report = cancel(millrace)

    assert ending_of(report) == (ControlOutcome.DONE, ExitCode.COMPLETED, ItemState.DONE)
    assert child.state is ItemState.CANCELLED
    assert "t1-child is cancelled" in report.message


def test_a_done_probe_of_which_nothing_is_left_is_too_late() -> None:
    millrace = ScriptedBackend()
    millrace.holds("t1", ItemState.DONE, kind=IntakeKind.PROBE)
    millrace.derives("t1", "t1-child", ItemState.DONE)

    assert ending_of(cancel(millrace))[0] is ControlOutcome.TOO_LATE
