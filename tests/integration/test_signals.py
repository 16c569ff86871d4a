"""Signals sent to this very process, and what they become."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator

import psutil
import pytest

from millracer.interfaces.signals import ending_told, signals_cancel
from millracer.waiting import Cancellation, Cancelled, CancelReason

REASONS = {
    signal.SIGINT: CancelReason.INTERRUPTED,
    signal.SIGTERM: CancelReason.TERMINATED,
    signal.SIGHUP: CancelReason.TERMINATED,
}


def open_descriptors() -> int:
    return psutil.Process().num_fds()


@pytest.fixture(autouse=True)
def handlers_come_back() -> Iterator[None]:
    before = [signal.getsignal(number) for number in REASONS]
    yield
    assert [signal.getsignal(number) for number in REASONS] == before
    assert signal.set_wakeup_fd(-1) == -1


@pytest.mark.parametrize(("number", "reason"), REASONS.items())
def test_a_signal_cancels_a_wait(number: signal.Signals, reason: CancelReason) -> None:
    cancellation = Cancellation()

    with signals_cancel(cancellation):
        os.kill(os.getpid(), number)
        with pytest.raises(Cancelled):
            cancellation.sleep(20)

    assert cancellation.reason is reason
    assert cancellation.urgent.reason is None


def test_a_second_signal_is_urgent() -> None:
    cancellation = Cancellation()

    with signals_cancel(cancellation):
        for token in (cancellation, cancellation.urgent):
            os.kill(os.getpid(), signal.SIGINT)
            with pytest.raises(Cancelled):
                token.sleep(20)


def test_a_signal_in_the_moment_of_leaving_is_not_lost() -> None:
    cancellation = Cancellation()

    with signals_cancel(cancellation):
        descriptor = signal.set_wakeup_fd(-1)  # what leaving does first
        os.kill(os.getpid(), signal.SIGTERM)
        assert cancellation.reason is None
        signal.set_wakeup_fd(descriptor)

    assert cancellation.reason is CancelReason.TERMINATED


def test_leaving_leaves_no_descriptor_and_no_thread() -> None:
    descriptors, threads = open_descriptors(), threading.active_count()

    for _ in range(10):
        with signals_cancel(Cancellation()):
            pass

    assert open_descriptors() == descriptors
    assert threading.active_count() == threads


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_an_ending_is_told_and_raises_nothing(number: signal.Signals) -> None:
    told: list[CancelReason] = []

    with ending_told(told.append):
        os.kill(os.getpid(), number)
        threading.Event().wait(0)

    assert told == [CancelReason.TERMINATED]


def test_ctrl_c_is_left_to_whoever_has_it() -> None:
    before = signal.getsignal(signal.SIGINT)

    with ending_told(lambda _: None):
        assert signal.getsignal(signal.SIGINT) is before
