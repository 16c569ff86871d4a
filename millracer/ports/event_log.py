"""The event logs of a workspace, one per work item: one writer at a time, any number of readers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from enum import StrEnum
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable

    from millracer.cancellation import Wait
    from millracer.domain.event_log import Batch, Cursor, Event, LogEvent, LogState
    from millracer.domain.work.runtime import JsonObject


class LogWriter(ABC):
    """The only writer of one log, until it is closed. Thread-safe."""

    @property
    @abstractmethod
    def state(self) -> LogState:
        """What the log held when it was opened."""

    @abstractmethod
    def append(self, event: Event) -> LogEvent | None:
        """Write one event, redacted; None if its key is in the log already.

        Raises:
            OSError: the event cannot be written; the log is unchanged.
        """

    @abstractmethod
    def has_key(self, key: str) -> bool:
        """Return whether the log holds an event with a key; reads the whole log once.

        Raises:
            OSError: the log is damaged, and no other one can be created.
        """

    @abstractmethod
    def read_item_state(self) -> str | None:
        """Return the last state of the item that the log held when it was opened; None: none.

        Reads the whole log, unless an event with a key was written before.

        Raises:
            OSError: the log is damaged, and no other one can be created.
        """

    @abstractmethod
    def write_result(self, attempt: int, document: str) -> str:
        """Store the document of an attempt; return its SHA-256 in hexadecimal digits.

        Raises:
            OSError: the file cannot be written.
        """

    @abstractmethod
    def close(self) -> None:
        """Sync the log to disk and release it; repeatable, never raises."""


class LogReader(ABC):
    """Reads one log from a position on: each event once, none left out without a reset."""

    @property
    @abstractmethod
    def head(self) -> Cursor | None:
        """The last event in the log now; None without a log."""

    @abstractmethod
    def read(self, *, at_most: int | None = None) -> Batch:
        """Return the events since the last read; a missing log has none.

        Args:
            at_most: about so many bytes of the log, at least one event; None: all of them.
        """

    @abstractmethod
    def sleep(self, seconds: float, wait: Wait) -> None:
        """Sleep until the log may have changed, or its writer has ended; at most `seconds`.

        Raises:
            Cancelled: the caller cancelled.
        """

    @abstractmethod
    def close(self) -> None:
        """Release all resources; repeatable."""


class LogRole(StrEnum):
    """What a run is to the log of its item."""

    WRITER = "writer"
    FOLLOWER = "follower"
    OBSERVER = "observer"


#: Called as a run opens its item's log, with the logs, the item's id and the run's role; again
#: with None if the run writes the log no longer, because it cannot.
LogListener: TypeAlias = "Callable[[EventLogs, str, LogRole | None], None]"


class EventLogs(ABC):
    """The logs of one workspace."""

    @abstractmethod
    def write(self, item_id: str) -> LogWriter | None:
        """Become the writer of an item's log; None while another process is.

        A new log is created, an incomplete last line is removed, and a log whose first or last
        lines are damaged is set aside. Other damage is found later by the writer, which then sets
        the log aside and begins the next one with its own events.

        Raises:
            OSError: the log cannot be written here.
        """

    @abstractmethod
    def read(self, item_id: str, after: Cursor | None = None) -> LogReader:
        """Return a reader of an item's log, which need not exist yet.

        Args:
            item_id: the work item.
            after: the last event that the caller has; None to read from the first.
        """

    @abstractmethod
    def has_writer(self, item_id: str) -> bool:
        """Return whether a process writes the item's log."""

    @abstractmethod
    def result(self, item_id: str, attempt: int, sha256: str) -> JsonObject | None:
        """Return the stored document of an attempt; None if it is missing or differs."""

    @abstractmethod
    def item_ids(self) -> tuple[str, ...]:
        """Return the items that have a log, the last written first."""
