"""Print the event stream of one run: a frame a line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from millracer.cancellation import Cancellation, CancelReason
from millracer.cli.options.stream import StreamOptions
from millracer.cli.terminal.stdout import has_reader, print_line
from millracer.domain.run.result import RunResult
from millracer.operations.stream.frames import Frames
from millracer.operations.stream.reader import RunStream
from millracer.schemas.base import render_line
from millracer.schemas.ops.frame import EventFrame
from millracer.schemas.run.result import describe
from millracer.wiring import SystemClock
from millracer.wiring.tool_factory import ProgramFactory


class FrameOutput:
    """The event stream of one run on standard output.

    A run whose stream has no reader is cancelled.

    Args:
        request_id: the request.
        options: where the stream begins.
    """

    def __init__(self, request_id: str, options: StreamOptions) -> None:
        self._cancellation: Cancellation | None = None
        self._stream = RunStream(
            Frames(request_id, _print_frame, SystemClock()),
            after=options.after,
            is_wanted=has_reader,
            unwanted=self._cancel,
        )

    @contextmanager
    def streaming(
        self, programs: ProgramFactory, cancellation: Cancellation
    ) -> Iterator[ProgramFactory]:
        """Print the frames of a run that uses the yielded programs."""
        self._cancellation = cancellation
        self._stream.start()
        try:
            yield replace(
                programs,
                listeners=(*programs.listeners, self._stream.listen),
                on_text=self._stream.text,
                on_log=self._stream.log_opened,
            )
        finally:
            self._stream.end()

    def result(self, result: RunResult) -> None:
        """Print the last frame."""
        self._stream.result(describe(result))

    def _cancel(self) -> None:
        if self._cancellation is not None:
            self._cancellation.cancel(CancelReason.TERMINATED)


def _print_frame(frame: EventFrame) -> None:
    print_line(render_line(frame))
