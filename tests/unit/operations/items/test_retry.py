"""A retry reports what was observed, and asks Millrace only while no daemon can interfere."""

import pytest

from millracer.cancellation import Cancellation
from millracer.domain.control import ControlOutcome, ControlReport
from millracer.domain.requests import IntakeKind
from millracer.domain.work.items import ItemState
from millracer.errors import ExitCode
from millracer.operations.items import retry as retrying
from millracer.testing.backend import ScriptedBackend


def retry(millrace: ScriptedBackend, name: str = "t1", **words: str) -> ControlReport:
    return retrying.retry(name, millrace, Cancellation(), **words)


def outcome(report: ControlReport) -> tuple[ControlOutcome, int, ItemState | None]:
    return report.outcome, report.exit_code, report.state


def test_a_blocked_item_goes_back_to_the_queue_and_can_be_watched() -> None:
    millrace = ScriptedBackend()
    item = millrace.holds("t1", ItemState.BLOCKED)

    first, again = retry(millrace, reason="the key is set"), retry(millrace)

    assert outcome(first) == (ControlOutcome.DONE, ExitCode.COMPLETED, ItemState.QUEUED)
    assert item.detail == "the key is set"
    assert [step.command for step in first.next_steps] == [
        "millracer watch t1 --workspace /workspace"
    ]
    assert outcome(again) == (ControlOutcome.ALREADY, ExitCode.COMPLETED, ItemState.QUEUED)
    assert millrace.calls.count("retry_item") == 1


@pytest.mark.parametrize("state", [ItemState.DONE, ItemState.CANCELLED])
def test_an_item_that_ended_otherwise_is_too_late(state: ItemState) -> None:
    millrace = ScriptedBackend()
    millrace.holds("t1", state)

    assert outcome(retry(millrace)) == (ControlOutcome.TOO_LATE, ExitCode.INCOMPLETE, state)
    assert "retry_item" not in millrace.calls


def test_beside_a_daemon_nothing_is_retried_and_the_way_is_named() -> None:
    millrace = ScriptedBackend()
    millrace.holds("t1", ItemState.BLOCKED)
    millrace.has_daemon(owned=True)

    report = retry(millrace)

    assert outcome(report) == (ControlOutcome.NOT_POSSIBLE, ExitCode.BLOCKED, ItemState.BLOCKED)
    assert [step.action for step in report.next_steps] == ["stop", "retry"]
    assert "retry_item" not in millrace.calls


def test_the_blocked_descendants_of_a_done_item_are_retried() -> None:
    millrace = ScriptedBackend()
    millrace.holds("p1", ItemState.DONE, kind=IntakeKind.PROBE)
    millrace.derives("p1", "p1-fix", ItemState.BLOCKED)
    millrace.derives("p1", "p1-test", ItemState.DONE)

    report = retry(millrace, "p1")

    assert outcome(report) == (ControlOutcome.DONE, ExitCode.COMPLETED, ItemState.DONE)
    assert millrace.items["p1-fix"].state is ItemState.QUEUED
    assert millrace.calls.count("retry_item") == 1


def test_the_state_of_a_dead_daemon_is_cleared_first() -> None:
    millrace = ScriptedBackend()
    millrace.holds("t1", ItemState.BLOCKED)
    millrace.stale = True

    assert retry(millrace).outcome is ControlOutcome.DONE
    assert millrace.repaired == 1


@pytest.mark.parametrize("is_initialised", [True, False])
def test_an_unknown_item_is_wrong_use(*, is_initialised: bool) -> None:
    report = retry(ScriptedBackend(is_initialised=is_initialised))

    assert report.exit_code == ExitCode.USAGE
    assert report.errors[0].suggested_action


def test_a_retry_that_changed_nothing_is_an_error() -> None:
    millrace = ScriptedBackend()
    item = millrace.holds("t1", ItemState.BLOCKED)

    def block_again() -> None:
        item.state = ItemState.BLOCKED

    millrace.will_do("retry_item", block_again, after=True)

    assert [error.code for error in retry(millrace).errors] == ["millrace_failed"]
