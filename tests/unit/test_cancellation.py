"""Reading a value until it is done."""

from __future__ import annotations

import pytest

from millracer.cancellation import Cancellation, Cancelled, CancelReason, Wait


def test_a_value_is_read_until_it_is_done() -> None:
    values = iter((0, 0, 7, 8))

    assert Wait.for_seconds(60).until(lambda: next(values), every=0) == 7
    assert next(values) == 8


def test_what_is_done_may_be_said_otherwise() -> None:
    values = iter((3, 2, 1, 0))

    assert Wait.for_seconds(60).until(lambda: next(values), lambda value: value < 2, every=0) == 1


def test_after_the_deadline_a_value_is_read_once_and_returned_as_it_is() -> None:
    reads = []

    assert Wait.for_seconds(0).until(lambda: reads.append(1), every=60) is None
    assert reads == [1]


def test_a_request_to_stop_ends_it() -> None:
    cancellation = Cancellation()
    cancellation.cancel(CancelReason.INTERRUPTED)

    with pytest.raises(Cancelled):
        Wait(cancellation).until(lambda: False, every=60)


def test_a_dependent_token_is_cancelled_with_its_origin_and_alone() -> None:
    origin = Cancellation()
    first, second = origin.dependent(), origin.dependent()

    first.cancel(CancelReason.TERMINATED)
    assert (origin.reason, second.reason) == (None, None)
    origin.cancel(CancelReason.INTERRUPTED)
    assert (first.reason, second.reason) == (CancelReason.TERMINATED, CancelReason.INTERRUPTED)
    assert origin.dependent().reason is CancelReason.INTERRUPTED
    assert second.urgent.reason is None
    origin.cancel(CancelReason.INTERRUPTED)
    assert second.urgent.reason is CancelReason.INTERRUPTED


def test_a_request_to_stop_calls_what_wakes_a_wait_only_within_its_block() -> None:
    cancellation, woken = Cancellation(), []
    with cancellation.waking(lambda: woken.append("too early")):
        pass
    with cancellation.waking(lambda: woken.append("during")):
        assert woken == []
        cancellation.cancel(CancelReason.INTERRUPTED)
        cancellation.cancel(CancelReason.INTERRUPTED)

    assert woken == ["during"]


def test_a_wait_that_begins_after_a_request_to_stop_is_woken_at_once() -> None:
    cancellation, woken = Cancellation(), []
    cancellation.cancel(CancelReason.INTERRUPTED)

    with cancellation.waking(lambda: woken.append("late")):
        assert woken == ["late"]
