"""Deadlines and cancellation for every call that can wait.

Every port call that can wait takes one `Wait`: a deadline on the monotonic clock and a cancellation
token. This module handles no signals; `millracer.cli` turns them into `Cancellation.cancel`.
"""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

_Value = TypeVar("_Value")

#: How long the whole cleanup may take after the caller requested a stop.
STOP_SECONDS = 17.0


class CancelReason(StrEnum):
    """Why the caller wants the command to stop."""

    INTERRUPTED = "interrupted"  #: SIGINT, or the user pressed Ctrl-C
    TERMINATED = "terminated"  #: SIGTERM, or the caller disconnected


class Cancelled(Exception):
    """The caller requested a stop; raised from every wait."""

    def __init__(self, reason: CancelReason) -> None:
        super().__init__(reason.value)
        self.reason = reason


class Cancellation:
    """The cancellation token of one command, checked by all of its waits; thread-safe.

    `urgent` is a second token, for the waits that clean up after the first: it is cancelled when
    the caller requests a stop again.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._event = threading.Event()
        self._reason: CancelReason | None = None
        self._since: float | None = None
        self._urgent: Cancellation | None = None
        self._dependents: weakref.WeakSet[Cancellation] = weakref.WeakSet()
        self._wakes: list[Callable[[], None]] = []

    @property
    def urgent(self) -> Cancellation:
        """The token that the caller's second stop request cancels."""
        with self._lock:
            if self._urgent is None:
                self._urgent = Cancellation()
            return self._urgent

    @property
    def reason(self) -> CancelReason | None:
        """Why a stop was requested; None while there is no request."""
        return self._reason

    @property
    def since(self) -> float | None:
        """When the first stop was requested (`time.monotonic()`), or None."""
        return self._since

    def cancel(self, reason: CancelReason) -> None:
        """Request a stop; a second call shortens the cleanup."""
        with self._lock:
            is_first = self._reason is None
            if is_first:
                self._since = time.monotonic()
                self._reason = reason
                self._event.set()
                for wake in self._wakes:
                    wake()
            dependents = tuple(self._dependents)
        if not is_first and self.urgent.reason is None:
            self.urgent.cancel(reason)
        for each in dependents:
            each.cancel(reason)

    def dependent(self) -> Cancellation:
        """Return a token that is cancelled with this one, and that can be cancelled alone."""
        token = Cancellation()
        with self._lock:
            self._dependents.add(token)
            reason = self._reason
        if reason is not None:
            token.cancel(reason)
        return token

    @contextmanager
    def waking(self, wake: Callable[[], None]) -> Iterator[None]:
        """Within the block, call `wake` once a stop is requested, or at once if it was already.

        Args:
            wake: ends a wait; it must neither block, nor raise, nor use this token.
        """
        with self._lock:
            self._wakes.append(wake)
            if self._reason is not None:
                wake()
        try:
            yield
        finally:
            with self._lock:
                self._wakes.remove(wake)

    def raise_if_cancelled(self) -> None:
        """Raise `Cancelled` if a stop was requested."""
        if self._reason is not None:
            raise Cancelled(self._reason)

    def sleep(self, seconds: float) -> None:
        """Sleep; raise `Cancelled` as soon as a stop is requested."""
        self._event.wait(max(0.0, seconds))
        self.raise_if_cancelled()


@dataclass(frozen=True, slots=True)
class Wait:
    """How long a call may take and what cancels it; `deadline` is a `time.monotonic()` instant."""

    cancellation: Cancellation
    deadline: float | None = None

    @classmethod
    def for_seconds(cls, seconds: float, cancellation: Cancellation | None = None) -> Wait:
        """Return a wait that ends after `seconds`."""
        return cls(cancellation or Cancellation(), time.monotonic() + seconds)

    def within(self, seconds: float) -> Wait:
        """Return the same wait with a deadline at most `seconds` away."""
        limit = time.monotonic() + seconds
        return Wait(
            self.cancellation, limit if self.deadline is None else min(limit, self.deadline)
        )

    def cleaning_up(self, seconds: float) -> Wait:
        """Return a wait for cleanup: its own limit, cut short only by a second stop request.

        All cleanup after a stop request shares `STOP_SECONDS`.
        """
        limit = Wait.for_seconds(seconds, self.cancellation.urgent)
        since = self.cancellation.since
        return limit if since is None else limit.within(since + STOP_SECONDS - time.monotonic())

    @property
    def remaining(self) -> float:
        """Seconds left, never negative; infinity without a deadline."""
        if self.deadline is None:
            return float("inf")
        return max(0.0, self.deadline - time.monotonic())

    @property
    def expired(self) -> bool:
        """Whether the deadline has passed."""
        return self.remaining <= 0

    def sleep(self, seconds: float) -> None:
        """Sleep `seconds` or until the deadline; raise `Cancelled` once a stop is requested."""
        self.cancellation.sleep(min(seconds, self.remaining))

    def until(
        self, read: Callable[[], _Value], done: Callable[[_Value], object] = bool, *, every: float
    ) -> _Value:
        """Poll a value until it is done or the deadline has passed.

        Args:
            read: called at least once.
            done: whether a value ends the wait; by default, any true value does.
            every: seconds between two reads.

        Returns:
            The last value read.

        Raises:
            Cancelled: the caller requested a stop.
        """
        while not done(value := read()) and not self.expired:
            self.sleep(every)
        return value
