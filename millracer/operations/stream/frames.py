"""Number and build the frames of one stream."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

from millracer.domain.event_log import Batch, Cursor, Event, LogEvent, ResetReason, Severity
from millracer.domain.run.outcome import Outcome, severity_of
from millracer.ports import Clock
from millracer.schemas.base import Published
from millracer.schemas.ops.frame import RESULT_TYPE, EventFrame, result_frame

_UNREADABLE = "-"


class FrameType(StrEnum):
    """The types of frames that are not stored."""

    STREAM_OPENED = "stream.opened"
    STREAM_RESET = "stream.reset"
    STREAM_CLOSING = "stream.closing"  #: the server stops
    HEARTBEAT = "heartbeat"
    WORKSPACE_CHANGED = "workspace.changed"
    SERVER_CHANGED = "server.changed"  #: its workspaces
    TEXT_DELTA = "text.delta"
    RESULT = RESULT_TYPE


class Frames:
    """Builds the frames of one request's stream, in their order. For one thread at a time.

    Args:
        request_id: the request; None if it could not be read.
        item_id: the work item; None until it is known.
        emit: receives each frame.
        clock: the time of frames that are not stored.
        after: the last stored event that the reader of the stream has.
    """

    def __init__(
        self,
        request_id: str | None,
        emit: Callable[[EventFrame], None],
        clock: Clock,
        *,
        item_id: str | None = None,
        after: Cursor | None = None,
    ) -> None:
        self._request_id = request_id or _UNREADABLE
        self.item_id = item_id
        self.after = after
        self._emit = emit
        self._clock = clock
        self._last: Cursor | None = None
        self._transient = 0
        self._is_opened = False

    @property
    def last(self) -> Cursor | None:
        """The cursor of the last stored event."""
        return self._last

    def next_item(self, item_id: str) -> None:
        """Emit the frames of another item from now on, whose log has its own cursors."""
        self.item_id = item_id
        self._last = None

    def opened(self, *, head: Cursor | None = None, role: str | None = None) -> None:
        """Emit the first frame; does nothing later.

        Args:
            head: the last stored event now.
            role: the role of the run in the item's log; None if no event is stored.
        """
        if self._is_opened:
            return
        self._is_opened = True
        payload = {
            "epoch": None if head is None else head.epoch,
            "after": None if self.after is None else str(self.after),
            "head": None if head is None else str(head),
            "durable": role is not None,
            "role": role,
        }
        self._last = self.after
        self.transient(FrameType.STREAM_OPENED, "the stream begins", payload)

    def pass_over(self, cursor: Cursor) -> None:
        """Count a stored event whose frame the caller emits itself."""
        self._last = cursor

    def batch(self, batch: Batch) -> int:
        """Emit the events of a read; return how many frames."""
        if batch.reset is not None:
            self.reset(batch.reset)
        for event in batch.events:
            self.stored(event)
        return len(batch.events) + (batch.reset is not None)

    def reset(self, reason: ResetReason) -> None:
        """Emit that the events of another log follow, from its first."""
        self.transient(
            FrameType.STREAM_RESET,
            "the events before are another log's; all events of this log follow",
            {"reason": str(reason)},
            severity=Severity.WARNING,
        )

    def transient(
        self,
        kind: str,
        message: str,
        payload: Mapping[str, Any],
        *,
        severity: Severity = Severity.INFO,
        at: datetime | None = None,
    ) -> None:
        """Emit a frame that is not stored."""
        self._transient += 1
        last = self._last
        self._emit(
            EventFrame(
                request_id=self._request_id,
                event_id=f"{'' if last is None else last}~{self._transient}",
                sequence=0 if last is None else last.sequence,
                timestamp=at or self._clock.now(),
                event_type=kind,
                severity=severity,
                message=message or kind,
                payload={"work_item_id": self.item_id, **payload},
            )
        )

    def unstored(self, event: Event) -> None:
        """Emit an event that no log holds."""
        self.transient(
            event.type, event.message, event.payload, severity=event.severity, at=event.at
        )

    def result(self, document: Published) -> None:
        """Emit the last frame; its payload is the document."""
        self.opened()
        self._transient += 1
        self._emit(
            result_frame(
                self._request_id,
                document.model_dump(mode="json"),
                severity=_severity_of(document),
                last=self._last,
                number=self._transient,
                at=self._clock.now(),
            )
        )

    def stored(self, event: LogEvent) -> None:
        """Emit a stored event."""
        self._last = event.cursor
        self._emit(
            EventFrame(
                request_id=self._request_id,
                event_id=str(event.cursor),
                sequence=event.cursor.sequence,
                timestamp=event.at,
                event_type=event.type,
                severity=event.severity,
                message=event.message or event.type,
                cursor=str(event.cursor),
                payload={"work_item_id": self.item_id, **event.payload},
            )
        )


def _severity_of(document: Published) -> Severity:
    """Return the severity of a result, by its outcome or the status of its request."""
    ending = getattr(document, "outcome", None) or getattr(document, "status", None)
    if ending in set(Outcome):
        return severity_of(Outcome(str(ending)))
    return Severity.ERROR if getattr(document, "errors", ()) else Severity.INFO
