"""The status cache: returns the last status while none of its sources has changed.

A `millrace` call takes a second, reading the sources' stamps a few milliseconds. A status is kept
only if the sources were equal before and after its read, and unchanged for so long that no change
within the same tick of the file system's clock can be missed.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from millracer.cancellation import Wait
from millracer.domain.work.runtime import RuntimeStatus
from millracer.errors import ToolTimeout
from millracer.millrace.commands.calls import TOOL, MillraceCalls
from millracer.millrace.files.state import could_hide_a_change
from millracer.millrace.status_sources import Reading, StatusSources, find_sources

#: After this time Millrace is asked again, even if nothing changed.
LONGEST_KEPT_SECONDS = 600.0

#: A call that takes longer is blocked, and not just short of processor time.
_LONG_SECONDS = 5.0
_POLL_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class _Kept:
    status: RuntimeStatus
    sources: StatusSources
    reading: Reading
    begun: float


@dataclass(slots=True)
class _Place:
    """One workspace's last read; `begun` is its start. A read holds `lock`."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    kept: _Kept | None = None
    last: RuntimeStatus | None = None
    begun: float = -1.0


class StatusCache:
    """The last status of each workspace, for one process; thread-safe.

    Args:
        at_once: how many calls of `millrace status` may run at once, not counting blocked ones.
        monotonic: a monotonic clock in seconds.
        wall_ns: the wall clock that file systems use for time stamps, in nanoseconds.
    """

    def __init__(
        self,
        *,
        at_once: int | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        wall_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._monotonic = monotonic
        self._wall_ns = wall_ns
        self._turns = _Turns(at_once or max(2, os.cpu_count() or 1), monotonic)
        self._places: dict[tuple[object, ...], _Place] = {}
        self._places_lock = threading.Lock()

    def read(
        self, calls: MillraceCalls, ask: Callable[[Wait], RuntimeStatus], wait: Wait
    ) -> RuntimeStatus:
        """Return a status that was true at some moment since this call began.

        A call that arrives during another one's read waits for that answer, and reads again only if
        that read began before it arrived.

        Raises:
            ToolTimeout, Cancelled: other calls were reading until the wait was over.
            MillracerError: what `ask` raises.
        """
        arrived = self._monotonic()
        place = self._place(calls)
        with _held(place.lock, wait):
            if place.last is not None and place.begun > arrived:
                return place.last
            if place.kept is not None and self._holds(place.kept):
                return replace(place.kept.status, unchanged_since_read=True)
            place.kept = place.last = None
            with self._turns.taken(wait):
                begun, begun_ns = self._monotonic(), self._wall_ns()
                sources = find_sources(calls)
                before = None if sources is None else sources.read()
                status = replace(ask(wait), unchanged_since_read=False)
            place.last, place.begun = status, begun
            if (
                sources is None
                or before is None
                or could_hide_a_change(before.changed_ns, begun_ns)
            ):
                return status
            if sources.read() == before:
                place.kept = _Kept(status, sources, before, begun)
            return status

    def _place(self, calls: MillraceCalls) -> _Place:
        with self._places_lock:
            return self._places.setdefault((calls.argv, calls.workspace, calls.cwd), _Place())

    def _holds(self, kept: _Kept) -> bool:
        is_young = self._monotonic() - kept.begun < LONGEST_KEPT_SECONDS
        return is_young and kept.sources.read() == kept.reading


@contextmanager
def _held(lock: threading.Lock, wait: Wait) -> Iterator[None]:
    while not lock.acquire(timeout=_POLL_SECONDS):
        _raise_if_over(wait)
    try:
        yield
    finally:
        lock.release()


class _Turns:
    """Limits concurrent calls; a blocked call does not hold up the others."""

    def __init__(self, most: int, monotonic: Callable[[], float]) -> None:
        self._most = most
        self._monotonic = monotonic
        self._changed = threading.Condition()
        self._begun: dict[object, float] = {}

    @contextmanager
    def taken(self, wait: Wait) -> Iterator[None]:
        mine = object()
        with self._changed:
            while not self._is_free():
                _raise_if_over(wait)
                self._changed.wait(_POLL_SECONDS)
            self._begun[mine] = self._monotonic()
        try:
            yield
        finally:
            with self._changed:
                del self._begun[mine]
                self._changed.notify()

    def _is_free(self) -> bool:
        since = self._monotonic() - _LONG_SECONDS
        return sum(begun > since for begun in self._begun.values()) < self._most


def _raise_if_over(wait: Wait) -> None:
    wait.cancellation.raise_if_cancelled()
    if wait.expired:
        raise ToolTimeout(
            TOOL,
            "other status requests kept Millrace busy until the time limit",
            suggested_action="repeat the request, with fewer at a time",
        )
