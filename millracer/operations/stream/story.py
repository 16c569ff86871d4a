"""The story of a run's item for one listener, whichever process writes the log of the item.

While this run writes the log, or no log can be written, the listener receives the events of the
run: the objects that the writer stores. While another process writes it, the listener receives the
events of the log from the beginning of that process's attempt.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import closing, suppress
from typing import Self

from millracer.cancellation import Cancellation, Cancelled, CancelReason, Wait
from millracer.domain.event_log import Event, EventType, LogEvent
from millracer.logs import with_log_ids
from millracer.ports import EventListener, EventLogs
from millracer.ports.event_log import LogReader, LogRole

_READ_SECONDS = 1.0
_JOIN_SECONDS = 5.0


class ItemStory:
    """Sends the events of one run's item to one listener, each once; ends with the block.

    Args:
        listener: receives one event at a time, in the run's thread or in another one; None: no
            events are sent.
    """

    def __init__(self, listener: EventListener | None) -> None:
        self._listener = listener
        self._changed = threading.Lock()
        self._follows_log = False
        self._stop = Cancellation()
        self._thread: threading.Thread | None = None

    @property
    def listeners(self) -> tuple[EventListener, ...]:
        """The listeners of the run's own events; none without a listener."""
        return () if self._listener is None else (self.listen,)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def listen(self, event: Event) -> None:
        """Send an event of this run to the listener, unless the log is read."""
        with self._changed:
            if self._listener is not None and not self._follows_log:
                self._listener(event)

    def log_opened(self, logs: EventLogs, item_id: str, role: LogRole | None) -> None:
        """Read the log from now on if another process writes it; see `LogListener`."""
        self.end()
        is_written = role is LogRole.OBSERVER and logs.has_writer(item_id)
        if self._listener is None or not (role is LogRole.FOLLOWER or is_written):
            return
        self._stop = stop = Cancellation()
        reader = logs.read(item_id)
        with self._changed:
            self._follows_log = True
        self._thread = threading.Thread(
            target=with_log_ids(lambda: self._read(reader, stop)), name="story", daemon=True
        )
        self._thread.start()

    def end(self) -> None:
        """Send the remaining events of the log, and stop reading it; repeatable."""
        thread, self._thread = self._thread, None
        if thread is not None:
            self._stop.cancel(CancelReason.INTERRUPTED)
            thread.join(_JOIN_SECONDS)
        with self._changed:
            self._follows_log = False

    def _read(self, reader: LogReader, stop: Cancellation) -> None:
        """Send the events of the log until `stop`; of the run again if the log is unreadable."""
        wait = Wait(stop)
        with closing(reader), suppress(OSError):
            events = _of_last_attempt(reader.read().events)
            while True:
                is_last = stop.reason is not None
                self._send(events)
                if is_last:
                    break
                with suppress(Cancelled):
                    reader.sleep(_READ_SECONDS, wait)
                events = reader.read().events
        with self._changed:
            self._follows_log = False

    def _send(self, events: Sequence[LogEvent]) -> None:
        with self._changed:
            for event in events:
                if self._listener is not None:
                    self._listener(event)


def _of_last_attempt(events: Sequence[LogEvent]) -> Sequence[LogEvent]:
    """Return the events since the start of the last attempt; none if it has ended."""
    for at in range(len(events) - 1, -1, -1):
        if events[at].type == EventType.ATTEMPT_ENDED:
            return ()
        if events[at].type == EventType.ATTEMPT_STARTED:
            return events[at:]
    return events
