"""Signals sent to this very process, and what they become."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress

import psutil
import pytest

from millracer.cancellation import Cancellation, Cancelled, CancelReason
from millracer.cli.process.signals import (
    ending_told,
    forget_signals,
    raised_reason,
    signals_cancel,
    signals_raise,
)

REASONS = {
    signal.SIGINT: CancelReason.INTERRUPTED,
    signal.SIGTERM: CancelReason.TERMINATED,
    signal.SIGHUP: CancelReason.TERMINATED,
    signal.SIGQUIT: CancelReason.TERMINATED,
    signal.SIGXCPU: CancelReason.TERMINATED,
    signal.SIGUSR1: CancelReason.TERMINATED,
}


def open_descriptors() -> int:
    return psutil.Process().num_fds()


@pytest.fixture(autouse=True)
def handlers_come_back() -> Iterator[None]:
    before = [signal.getsignal(number) for number in REASONS]
    yield
    forget_signals()
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


def test_a_signal_whose_exception_other_code_swallows_cancels_the_next_work() -> None:
    cancellation = Cancellation()

    with signals_raise():
        with suppress(Cancelled):
            os.kill(os.getpid(), signal.SIGTERM)
        with signals_cancel(cancellation):
            assert cancellation.reason is CancelReason.TERMINATED


def test_a_delivered_exception_is_forgotten() -> None:
    with pytest.raises(Cancelled), signals_raise():
        os.kill(os.getpid(), signal.SIGTERM)

    assert raised_reason() is None


def test_leaving_leaves_no_descriptor_and_no_thread() -> None:
    descriptors, threads = open_descriptors(), threading.active_count()

    for _ in range(10):
        with signals_cancel(Cancellation()):
            pass

    assert open_descriptors() == descriptors
    assert threading.active_count() == threads


@contextmanager
def handled_by(number: signal.Signals, handler: Callable[..., object] | int) -> Iterator[None]:
    former = signal.signal(number, handler)
    try:
        yield
    finally:
        signal.signal(number, former)


@pytest.mark.parametrize("block", [signals_raise, lambda: signals_cancel(Cancellation())])
def test_a_signal_that_is_ignored_stays_so(
    block: Callable[[], AbstractContextManager[None]],
) -> None:
    with handled_by(signal.SIGHUP, signal.SIG_IGN), block():
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
        os.kill(os.getpid(), signal.SIGHUP)


def test_a_timer_of_other_code_in_this_process_continues() -> None:
    cancellation, rung = Cancellation(), threading.Event()

    with handled_by(signal.SIGPROF, lambda *_: rung.set()):
        with signals_cancel(cancellation):
            os.kill(os.getpid(), signal.SIGPROF)
            assert rung.wait(20)
        assert cancellation.reason is None


def test_the_listener_hears_each_signal_that_may_end_a_command_inside_another_block() -> None:
    cancellation = Cancellation()

    with handled_by(signal.SIGALRM, signal.SIG_DFL), signals_raise(), signals_cancel(cancellation):
        os.kill(os.getpid(), signal.SIGALRM)
        with pytest.raises(Cancelled):
            cancellation.sleep(20)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT])
def test_an_ending_is_returned_and_raises_nothing(number: signal.Signals) -> None:
    reasons: list[CancelReason] = []

    with ending_told(reasons.append):
        os.kill(os.getpid(), number)
        threading.Event().wait(0)

    assert reasons == [CancelReason.TERMINATED]


def test_ctrl_c_is_left_to_the_installed_handler() -> None:
    before = signal.getsignal(signal.SIGINT)

    with ending_told(lambda _: None):
        assert signal.getsignal(signal.SIGINT) is before
