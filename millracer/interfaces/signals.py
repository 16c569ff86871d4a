"""Signals become cancellation here, and nowhere else.

A signal handler in Python runs in the main thread between any two instructions, so it must not
touch a lock that thread may hold. Signals are therefore only written to a pipe (by the interpreter
itself) and acted on by a thread of ours.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from millracer.waiting import Cancellation, Cancelled, CancelReason

_REASONS = {
    signal.SIGINT: CancelReason.INTERRUPTED,
    signal.SIGTERM: CancelReason.TERMINATED,
    signal.SIGHUP: CancelReason.TERMINATED,
}


@contextmanager
def signals_cancel(
    cancellation: Cancellation, *, then: Callable[[], None] = lambda: None
) -> Iterator[None]:
    """Within the block, the first SIGINT, SIGTERM or SIGHUP cancels, a second one makes it urgent.

    Only the main thread may enter it; the former handlers come back at the end.

    Args:
        cancellation: what is cancelled.
        then: called after each, in another thread.
    """
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    seen: list[int] = []

    def handle(number: int, _frame: FrameType | None) -> None:
        seen.append(number)  # the pipe has told it already, unless it came while we leave

    former_handlers = {number: signal.signal(number, handle) for number in _REASONS}
    former_descriptor = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    listener = threading.Thread(target=_listen, args=(reader, cancellation, then), daemon=True)
    listener.start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(former_descriptor)
        for number, handler in former_handlers.items():
            signal.signal(number, handler)
        os.close(writer)
        listener.join()
        if seen and cancellation.reason is None:
            cancellation.cancel(_REASONS[signal.Signals(seen[0])])


@contextmanager
def signals_raise() -> Iterator[None]:
    """Within the block, signals raise `Cancelled`; for reads that cannot be told to stop."""
    former = {number: signal.signal(number, _raise) for number in _REASONS}
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)


@contextmanager
def ending_told(tell: Callable[[CancelReason], None]) -> Iterator[None]:
    """Within the block, SIGTERM and SIGHUP are told; for event loops, which swallow what is raised.

    Args:
        tell: called in the main thread between any two instructions; must neither raise nor block.
    """

    def handle(number: int, _frame: FrameType | None) -> None:
        tell(_REASONS[signal.Signals(number)])

    ending = (signal.SIGTERM, signal.SIGHUP)
    former = {number: signal.signal(number, handle) for number in ending}
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)


def _listen(reader: int, cancellation: Cancellation, then: Callable[[], None]) -> None:
    with open(reader, "rb", buffering=0) as pipe:
        while received := pipe.read(64):
            for number in received:
                reason = _REASONS.get(signal.Signals(number))
                if reason is not None:
                    cancellation.cancel(reason)
                    then()


def _ignore(_number: int, _frame: FrameType | None) -> None:
    """Do nothing; without a handler the signal would end us."""


def _raise(number: int, _frame: FrameType | None) -> None:
    raise Cancelled(_REASONS[signal.Signals(number)])


@contextmanager
def signals_ignored() -> Iterator[None]:
    """Within the block, signals do nothing; for the moment in which the result is printed."""
    former = {number: signal.signal(number, _ignore) for number in _REASONS}
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
