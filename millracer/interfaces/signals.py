"""Signals become cancellation here, and nowhere else.

A signal handler in Python runs in the main thread between any two instructions, so it must not
touch a lock that thread may hold. Signals are therefore only written to a pipe (by the interpreter
itself) and acted on by a thread of ours.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

from millracer.waiting import Cancellation, Cancelled, CancelReason

_REASONS = {
    signal.SIGINT: CancelReason.INTERRUPTED,
    signal.SIGTERM: CancelReason.TERMINATED,
    signal.SIGHUP: CancelReason.TERMINATED,
}


@dataclass(frozen=True, slots=True)
class SeenSignal:
    """A signal that came, and when (`time.monotonic()`)."""

    reason: CancelReason
    at: float


_first: SeenSignal | None = None


def first_signal() -> SeenSignal | None:
    """Return the first SIGINT, SIGTERM or SIGHUP that a block of this module met, or None."""
    return _first


def forget_signals() -> None:
    """Count signals anew, for a command that goes on after one."""
    global _first  # noqa: PLW0603 - a process has one set of handlers
    _first = None


def _notice(number: int) -> CancelReason:
    """Remember the first signal; called in handlers, so it takes no lock."""
    global _first  # noqa: PLW0603 - the same
    reason = _REASONS[signal.Signals(number)]
    if _first is None:
        _first = SeenSignal(reason, time.monotonic())
    return reason


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
        _notice(number)
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
        tell(_notice(number))

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


def _ignore(number: int, _frame: FrameType | None) -> None:
    """Do nothing more; without a handler the signal would end us."""
    _notice(number)


def _raise(number: int, _frame: FrameType | None) -> None:
    raise Cancelled(_notice(number))


@contextmanager
def signals_ignored() -> Iterator[None]:
    """Within the block, signals are only noticed; for the moment in which the result is printed.

    The print itself asks `first_signal`: a reader that stands still must not keep the process.
    """
    former = {number: signal.signal(number, _ignore) for number in _REASONS}
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
