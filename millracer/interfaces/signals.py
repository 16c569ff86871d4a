"""Signals become cancellation here, and nowhere else.

A signal handler in Python runs in the main thread between any two instructions, so it must not
touch a lock that thread may hold. Signals are therefore only written to a pipe (by the interpreter
itself) and acted on by a thread of ours.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from millracer.waiting import Cancellation, Cancelled, CancelReason

_REASONS = {
    signal.SIGINT: CancelReason.INTERRUPTED,
    signal.SIGTERM: CancelReason.TERMINATED,
    signal.SIGHUP: CancelReason.TERMINATED,
}


@contextmanager
def signals_cancel(cancellation: Cancellation) -> Iterator[None]:
    """Within the block, the first SIGINT, SIGTERM or SIGHUP cancels, a second one makes it urgent.

    Only the main thread may enter it; the former handlers come back at the end.
    """
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    former_handlers = {number: signal.signal(number, _ignore) for number in _REASONS}
    former_descriptor = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    listener = threading.Thread(target=_listen, args=(reader, cancellation), daemon=True)
    listener.start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(former_descriptor)
        for number, handler in former_handlers.items():
            signal.signal(number, handler)
        os.close(writer)
        listener.join()
        os.close(reader)


@contextmanager
def signals_raise() -> Iterator[None]:
    """Within the block, signals raise `Cancelled`; for reads that cannot be told to stop."""
    former = {number: signal.signal(number, _raise) for number in _REASONS}
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)


def _listen(reader: int, cancellation: Cancellation) -> None:
    while received := os.read(reader, 64):
        for number in received:
            reason = _REASONS.get(signal.Signals(number))
            if reason is not None:
                cancellation.cancel(reason)


def _ignore(_number: int, _frame: FrameType | None) -> None:
    """Let the wake-up pipe speak; without a handler the signal would end us."""


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
