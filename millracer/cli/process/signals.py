"""The only place where signals become cancellation.

A signal handler in Python runs in the main thread between any two instructions, so it must not
touch a lock that thread may hold. Signals are therefore only written to a pipe (by the interpreter
itself) and handled by a listener thread.

Every signal from another process that would end this process cancels the command instead:
schedulers send SIGUSR1, SIGUSR2 or SIGXCPU before SIGKILL, a terminal sends SIGQUIT, and an image
may name any of them as its stop signal. Not handled are SIGKILL, fault signals (including SIGABRT,
which is sent to get a core dump), and each signal that the parent ignores: `nohup` ignores SIGHUP
so that the command continues.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

from millracer.cancellation import Cancellation, Cancelled, CancelReason

_INTERRUPT = signal.SIGINT
#: Other code in this process, such as a profiler, may use these timers.
_TIMERS = (signal.SIGALRM, signal.SIGVTALRM, signal.SIGPROF)
if sys.platform == "linux":
    _LINUX_ONLY = (signal.SIGIO, signal.SIGPWR, *range(signal.SIGRTMIN, signal.SIGRTMAX + 1))
else:  # macOS lacks them, and its SIGIO ends no process by default
    _LINUX_ONLY = ()
_REASONS: dict[int, CancelReason] = {
    _INTERRUPT: CancelReason.INTERRUPTED,
    **dict.fromkeys(
        (
            signal.SIGTERM,
            signal.SIGHUP,
            signal.SIGQUIT,
            signal.SIGXCPU,
            signal.SIGUSR1,
            signal.SIGUSR2,
            *_TIMERS,
            *_LINUX_ONLY,
        ),
        CancelReason.TERMINATED,
    ),
}


@dataclass(frozen=True, slots=True)
class SeenSignal:
    """A received signal and its time (`time.monotonic()`)."""

    reason: CancelReason
    at: float


_first: SeenSignal | None = None
_raised: CancelReason | None = None


def first_signal() -> SeenSignal | None:
    """Return the first signal received in a block of this module, or None."""
    return _first


def raised_reason() -> CancelReason | None:
    """Return the reason of a raised `Cancelled` that did not leave its block, or None.

    Interrupted code may replace or swallow it: Python's compiler reports a `SyntaxError` instead
    while it imports what an escape needs.
    """
    return _raised


def forget_signals() -> None:
    """Forget the received signals, for a command that continues after them."""
    global _first, _raised  # noqa: PLW0603 - a process has one set of handlers
    _first = _raised = None


def _remember(number: int) -> None:
    """Remember the first signal; called in handlers, so it takes no lock."""
    global _first  # noqa: PLW0603 - the same
    if _first is None:
        _first = SeenSignal(_REASONS[number], time.monotonic())


def undo_parents_blocking() -> None:
    """Unblock all signals and restore SIGCHLD, which exit codes of children depend on.

    A child inherits blocked signals and an ignored SIGCHLD from its parent. Call this in the main
    thread before other threads start: they inherit the signal mask.

    Raises:
        The exception of a handler whose signal arrived while it was blocked.
    """
    if signal.getsignal(signal.SIGCHLD) is signal.SIG_IGN:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


@contextmanager
def signals_cancel(
    cancellation: Cancellation, *, then: Callable[[], None] = lambda: None
) -> Iterator[None]:
    """Within the block, the first signal cancels; a second one makes the cancellation urgent.

    A signal that raised before, and whose exception was swallowed, cancels at once. Only the main
    thread may enter it; the previous handlers are restored at the end.

    Args:
        cancellation: the cancellation to request.
        then: called after each signal, in another thread.
    """
    if _raised is not None:  # swallowed, else this command had ended
        cancellation.cancel(_raised)
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    seen: list[int] = []  # the listener handles these, unless one arrives at the end of the block
    numbers = _free_signals()
    listener = threading.Thread(
        target=_listen, args=(reader, numbers, cancellation, then), daemon=True
    )
    listener.start()
    try:
        with _handled(seen.append, numbers):
            former_descriptor = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
            try:
                yield
            finally:
                signal.set_wakeup_fd(former_descriptor)
    finally:
        os.close(writer)
        listener.join()
        if seen and cancellation.reason is None:
            cancellation.cancel(_REASONS[seen[0]])


@contextmanager
def signals_raise() -> Iterator[None]:
    """Within the block, signals raise `Cancelled`; for blocking reads."""
    global _raised  # noqa: PLW0603 - the same
    try:
        with _handled(_raise, _free_signals()):
            yield
    except Cancelled:
        _raised = None
        raise


@contextmanager
def ending_told(report: Callable[[CancelReason], None]) -> Iterator[None]:
    """Within the block, report all signals but SIGINT; for event loops, which swallow exceptions.

    Args:
        report: called in the main thread at any instruction; must neither raise nor block.
    """
    with _handled(lambda number: report(_REASONS[number]), _free_signals() - {_INTERRUPT}):
        yield


@contextmanager
def signals_ignored() -> Iterator[None]:
    """Within the block, signals are only remembered; for printing the result.

    Printing polls `first_signal`: a stalled reader must not keep the process alive.
    """
    with _handled(lambda _number: None, _free_signals()):
        yield


class _Handler:
    """A handler of this module."""

    def __init__(self, act: Callable[[int], None]) -> None:
        self._act = act

    def __call__(self, number: int, _frame: FrameType | None) -> None:
        _remember(number)
        self._act(number)


def _free_signals() -> frozenset[int]:
    """Return the signals that this module may handle now."""
    return frozenset(filter(_is_free, _REASONS))


def _is_free(number: int) -> bool:
    handler = signal.getsignal(number)
    if handler in (signal.SIG_IGN, None):  # None: a handler that Python cannot restore
        return False
    return number not in _TIMERS or handler is signal.SIG_DFL or isinstance(handler, _Handler)


@contextmanager
def _handled(act: Callable[[int], None], numbers: Collection[int]) -> Iterator[None]:
    handler, former = _Handler(act), {}
    try:
        for number in numbers:
            former[number] = signal.signal(number, handler)
        yield
    finally:
        for number, before in former.items():
            signal.signal(number, before)


def _listen(
    reader: int, numbers: Collection[int], cancellation: Cancellation, then: Callable[[], None]
) -> None:
    with open(reader, "rb", buffering=0) as pipe:
        while received := pipe.read(64):
            for number in received:
                if number in numbers:
                    cancellation.cancel(_REASONS[number])
                    then()


def _raise(number: int) -> None:
    global _raised  # noqa: PLW0603 - the same
    _raised = _raised or _REASONS[number]
    raise Cancelled(_REASONS[number])
