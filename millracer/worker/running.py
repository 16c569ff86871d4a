"""The items that this worker performs now."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from millracer.cancellation import Cancellation, CancelReason
from millracer.domain.event_log import Event, EventType
from millracer.domain.fleet.hosts import Lease
from millracer.domain.run.progress import text_in
from millracer.redaction.process import redact

_STAGE_EVENTS = frozenset({EventType.STAGE_STARTED, EventType.STAGE_ENDED})


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemEvent:
    """The last event of a running item.

    Attributes:
        stage: the running stage; empty before the first.
        message: one line for a person.
        sequence: the number of the event in the item's log; 0 without a log.
    """

    stage: str = ""
    message: str = "claimed"
    sequence: int = 0


class RunningItem:
    """One item that is performed under a lease; thread-safe."""

    def __init__(self, lease: Lease) -> None:
        self.lease = lease
        self.cancellation = Cancellation()
        self._lock = threading.Lock()
        self._event = ItemEvent()
        self._reported: ItemEvent | None = None
        self._reported_at = 0.0
        self._is_cancel_requested = lease.cancel_requested
        self._is_stopped = False

    @property
    def is_cancel_requested(self) -> bool:
        """Whether a client requested to cancel the item."""
        return self._is_cancel_requested

    @property
    def is_stopped(self) -> bool:
        """Whether the worker has to end without finishing the item."""
        return self._is_stopped

    def request_cancel(self) -> None:
        """Cancel the item for a client; repeatable."""
        with self._lock:
            if self._is_cancel_requested:
                return
            self._is_cancel_requested = True
        self.cancellation.cancel(CancelReason.TERMINATED)

    def stop(self) -> None:
        """Stop the run, since the worker ends; a second call shortens the cleanup."""
        self._is_stopped = True
        self.cancellation.cancel(CancelReason.TERMINATED)

    def renew(self) -> Cancellation:
        """Return a new cancellation for a further run of the item."""
        with self._lock:
            self.cancellation = Cancellation()
            is_stopped = self._is_stopped
        if is_stopped:
            self.cancellation.cancel(CancelReason.TERMINATED)
        return self.cancellation

    def note(self, event: Event, sequence: int) -> None:
        """Remember an event, without secrets, as the item's progress."""
        stage = text_in(event, "stage") if event.type in _STAGE_EVENTS else None
        with self._lock:
            self._event = ItemEvent(
                stage=self._event.stage if stage is None else stage,
                message=redact(event.message),
                sequence=sequence or self._event.sequence,
            )

    def due_progress(self, every_seconds: float) -> ItemEvent | None:
        """Return the last event if it is new, or was reported so many seconds ago; else None."""
        with self._lock:
            is_old = time.monotonic() - self._reported_at >= every_seconds
            return self._event if is_old or self._event != self._reported else None

    def reported(self, event: ItemEvent) -> None:
        """Remember that an event was reported."""
        with self._lock:
            self._reported = event
            self._reported_at = time.monotonic()


class RunningItems:
    """All items that this worker performs; thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._items: dict[str, RunningItem] = {}
        self._dispatched: list[str] = []
        self._is_stopped = False
        self._last_end = time.monotonic()

    @contextmanager
    def dispatched(self, item_id: str) -> Iterator[None]:
        """Count an item as performed here, taken or not, within the block."""
        with self._lock:
            self._dispatched.append(item_id)
        try:
            yield
        finally:
            with self._lock:
                self._dispatched.remove(item_id)
                self._last_end = time.monotonic()

    def performed(self) -> tuple[str, ...]:
        """Return the items whose dispatch is performed here, taken or not."""
        with self._lock:
            return tuple(dict.fromkeys(self._dispatched))

    def add(self, item: RunningItem) -> None:
        """Add an item; it is stopped at once if the worker ends."""
        with self._lock:
            self._items[item.lease.item_id] = item
            is_stopped = self._is_stopped
        if is_stopped:
            item.stop()

    def remove(self, item: RunningItem) -> None:
        """Remove an item."""
        with self._lock:
            self._items.pop(item.lease.item_id, None)

    def all(self) -> tuple[RunningItem, ...]:
        """Return the items."""
        with self._lock:
            return tuple(self._items.values())

    def find(self, item_id: str) -> RunningItem | None:
        """Return the item of this id; None if it does not run here."""
        with self._lock:
            return self._items.get(item_id)

    def stop(self) -> None:
        """Stop all runs, and each that is added later."""
        with self._lock:
            self._is_stopped = True
        for each in self.all():
            each.stop()

    def start_idle(self) -> None:
        """Count idle time from now on."""
        with self._lock:
            self._last_end = time.monotonic()

    @property
    def idle_seconds(self) -> float:
        """Seconds without any item; 0 while there is one."""
        with self._lock:
            return 0.0 if self._dispatched else time.monotonic() - self._last_end
