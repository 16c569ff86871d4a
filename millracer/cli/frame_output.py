"""The event stream of one request, a frame a line."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from millracer.cancellation import Cancellation, CancelReason
from millracer.domain.event_log import Cursor
from millracer.operations.stream.frames import Frames
from millracer.operations.stream.reader import RunStream
from millracer.ports import EventLogs
from millracer.ports.event_log import LogRole
from millracer.schemas.base import Published, render_line
from millracer.schemas.ops.frame import EventFrame
from millracer.wiring import SystemClock
from millracer.wiring.tool_factory import ProgramFactory


class FrameOutput:
    """Prints the frames of one request, which is cancelled if the stream has no reader.

    Args:
        request_id: the request.
        after: the last stored event that the reader of the stream has.
        print_line: prints one line, from any thread.
        is_wanted: returns whether the stream still has a reader.
    """

    def __init__(
        self,
        request_id: str | None,
        *,
        after: Cursor | None = None,
        print_line: Callable[[str], None],
        is_wanted: Callable[[], bool],
    ) -> None:
        self._is_wanted = is_wanted

        def print_frame(frame: EventFrame) -> None:
            print_line(render_line(frame))

        self._frames = Frames(request_id, print_frame, SystemClock(), after=after)

    @property
    def cursor(self) -> Cursor | None:
        """The cursor of the last stored event."""
        return self._frames.last

    def open(self) -> None:
        """Print the first frame, without an item."""
        self._frames.opened()

    @contextmanager
    def streaming(
        self, programs: ProgramFactory, cancellation: Cancellation, *, item_id: str | None = None
    ) -> Iterator[ProgramFactory]:
        """Print the frames of a run that uses the yielded programs and this cancellation.

        Args:
            programs: the programs of the run.
            cancellation: cancelled if the stream has no reader.
            item_id: the item of the run, if the request has several.
        """
        if item_id is not None:
            self._frames.next_item(item_id)
        stream = RunStream(
            self._frames,
            is_wanted=self._is_wanted,
            unwanted=lambda: cancellation.cancel(CancelReason.TERMINATED),
        )
        shown = programs.on_log

        def log_opened(logs: EventLogs, item_id: str, role: LogRole | None) -> None:
            stream.log_opened(logs, item_id, role)
            if shown is not None:
                shown(logs, item_id, role)

        stream.start()
        try:
            yield replace(
                programs,
                listeners=(*programs.listeners, stream.listen),
                on_text=stream.text,
                on_log=log_opened,
            )
        finally:
            stream.end()

    def result(self, document: Published) -> None:
        """Print the last frame."""
        self._frames.result(document)
