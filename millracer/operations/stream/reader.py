"""Stream the story of one run as it happens: a thread reads the item's log and emits frames.

A slow reader of the stream slows nothing else: stored events wait in the log, and of the others
only the last 256 are kept.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress

from millracer.cancellation import Cancellation, Cancelled, CancelReason, Wait
from millracer.domain.event_log import Event
from millracer.domain.run.lifecycle import RunState
from millracer.domain.run.progress import ProgressEvent
from millracer.logs import with_log_ids
from millracer.operations.stream.frames import Frames, FrameType
from millracer.ports import EventLogs, ToolCall
from millracer.ports.event_log import LogReader, LogRole

_KEPT = 256
_READ_SECONDS = 1.0
_HEARTBEAT_SECONDS = 15.0
#: Readers of the stream see a direct answer's text this often.
_TEXT_SECONDS = 0.1


class RunStream:
    """The stream of one run.

    Args:
        frames: builds and emits the frames.
        is_wanted: returns whether the stream still has a reader; asked after frames.
        unwanted: called once if it has none.
    """

    def __init__(
        self,
        frames: Frames,
        *,
        is_wanted: Callable[[], bool],
        unwanted: Callable[[], None],
    ) -> None:
        self._frames = frames
        self._is_wanted = is_wanted
        self._unwanted = unwanted
        self._stop = Cancellation()
        self._changed = threading.Condition()
        self._held: deque[Event | str] = deque(maxlen=_KEPT)
        self._is_stored = False
        self._is_live = False
        self._reader: LogReader | None = None
        self._role: str | None = None
        self._error: Exception | None = None
        self._thread = threading.Thread(
            target=with_log_ids(self._run), name="event stream", daemon=True
        )

    def start(self) -> None:
        """Start to emit frames."""
        self._thread.start()

    def log_opened(self, logs: EventLogs, item_id: str, role: LogRole | None) -> None:
        """Read an item's log from now on, as long as the run can write it; see `LogListener`."""
        with self._changed:
            self._frames.item_id = item_id
            self._is_stored = role is not None
            self._is_live = self._is_live or role is None
            if role is not None:
                self._held.clear()
                self._reader, self._role = logs.read(item_id, self._frames.after), role
            self._changed.notify()

    def listen(self, event: ProgressEvent) -> None:
        """Emit the events of a run that has no log; they are held until that is known."""
        with self._changed:
            if self._is_stored:
                return
            self._held.append(event)
            if self._reader is not None or event.state in {RunState.DIRECT, RunState.FINALIZE}:
                self._is_live = True
                self._changed.notify()

    def text(self, piece: str | ToolCall) -> None:
        """Emit a piece of a direct answer."""
        if isinstance(piece, ToolCall):
            return
        with self._changed:
            self._is_live = True
            self._held.append(piece)
            self._changed.notify()

    def end(self) -> None:
        """Emit what is left and stop; repeatable.

        Raises:
            Exception: the error of an earlier frame that could not be written.
        """
        self._stop.cancel(CancelReason.INTERRUPTED)
        with self._changed:
            self._changed.notify()
        if self._thread.ident is not None:
            self._thread.join()
        error, self._error = self._error, None
        if error is not None:
            raise error

    def _run(self) -> None:
        try:
            self._emit_all()
        except Exception as error:  # noqa: BLE001 - raised in the thread that ends the stream
            self._error = error
            self._unwanted()
        finally:
            if self._reader is not None:
                self._reader.close()

    def _emit_all(self) -> None:
        wait = Wait(self._stop)
        quiet_since = time.monotonic()
        while True:
            is_last = self._stop.reason is not None
            if self._emit_new(is_last=is_last):
                quiet_since = time.monotonic()
                if not is_last and not self._is_wanted():
                    self._unwanted()
                    return
            elif time.monotonic() - quiet_since >= _HEARTBEAT_SECONDS:
                self._open()
                self._frames.transient(FrameType.HEARTBEAT, "no news", {})
                quiet_since = time.monotonic()
                if not self._is_wanted():
                    self._unwanted()
                    return
            if is_last:
                return
            self._sleep(wait)

    def _emit_new(self, *, is_last: bool) -> int:
        with self._changed:
            reader = self._reader
            held = list(self._held) if self._is_live or is_last else []
            if held:
                self._held.clear()
        emitted = 0
        if reader is not None:
            self._open()
            emitted += self._frames.batch(reader.read())
        elif held:
            self._open()
        for each in held:
            if isinstance(each, str):
                self._frames.transient(FrameType.TEXT_DELTA, "text", {"text": each})
            else:
                self._frames.unstored(each)
        return emitted + len(held)

    def _open(self) -> None:
        head = None if self._reader is None else self._reader.head
        self._frames.opened(head=head, role=self._role)

    def _sleep(self, wait: Wait) -> None:
        with suppress(Cancelled):
            if self._reader is not None:
                self._reader.sleep(_READ_SECONDS, wait)
                return
            with self._changed:
                if not (self._is_live and self._held):
                    self._changed.wait(_READ_SECONDS if not self._is_live else _TEXT_SECONDS)
