"""Terminal output while one of the operator's tasks runs."""

from __future__ import annotations

import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from millracer.cli.terminal.progress import plain_progress
from millracer.cli.terminal.stderr import can_redraw, without_steering
from millracer.cli.terminal.stdout import OutputLost
from millracer.domain.run.progress import ProgressEvent
from millracer.redaction.process import redacted_stream

if TYPE_CHECKING:
    from millracer.cli.terminal.live_progress import LiveProgress


class TaskScreen:
    """Shows progress from the first event until pi's text arrives, then the text."""

    def __init__(self) -> None:
        self._live: LiveProgress | None = None
        self._plain = None if can_redraw() else plain_progress()
        self._words = redacted_stream()
        self._last = "\n"
        self._lost: OutputLost | None = None
        self.streamed = False

    def listen(self, event: ProgressEvent) -> None:
        """Show one progress event."""
        if self.streamed:
            return
        if self._plain is not None:
            self._plain.listen(event)
            return
        if self._live is None:
            from millracer.cli.terminal.live_progress import LiveProgress  # noqa: PLC0415 - only terminals need it

            self._live = LiveProgress()
            self._live.start()
        self._live.listen(event)

    def stream(self, text: str) -> None:
        """Write pi's text as it arrives; each part waits until redaction has checked it."""
        if not text:
            return
        self._end_progress()
        self.streamed = True
        self._write(self._words.feed(text))

    def end(self) -> None:
        """Stop the progress, write the rest, and move to the beginning of a line.

        Raises:
            OutputLost: a part of the text could not be written.
        """
        self._end_progress()
        self._write(self._words.finish())
        if self._last != "\n":
            self._write("\n")
        if self._lost is not None:
            raise self._lost

    def _write(self, text: str) -> None:
        if not text:
            return
        try:
            sys.stdout.write(without_steering(text))
            sys.stdout.flush()
        except OutputLost as lost:  # the task continues
            self._lost = lost
        self._last = text[-1]

    def _end_progress(self) -> None:
        if self._live is not None:
            self._live.stop()
        if self._plain is not None:
            self._plain.stop()


@contextmanager
def input_unechoed() -> Iterator[None]:
    """Within the block, typed input is kept for the next prompt but not echoed.

    The terminal also echoes its own answers, such as the cursor's position.
    """
    try:
        descriptor = sys.stdin.fileno()
        former = termios.tcgetattr(descriptor)
    except (OSError, ValueError, termios.error):
        yield
        return
    silent = [*former]
    silent[3] &= ~termios.ECHO
    termios.tcsetattr(descriptor, termios.TCSANOW, silent)
    try:
        yield
    finally:
        termios.tcsetattr(descriptor, termios.TCSANOW, former)
