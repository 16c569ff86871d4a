"""Standard error that never blocks the command, even without a reader."""

from __future__ import annotations

import io
import os
import select
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

from millracer.cli.terminal.writer import DescriptorWriter

if TYPE_CHECKING:
    from typing_extensions import Buffer


#: Longest wait of a write for its reader; later writes do not wait until the reader has caught up.
_PATIENCE_SECONDS = 0.5
#: Longest wait for the reader at the end of the process, for a last error.
_LAST_WORDS_SECONDS = 1.0
#: Most writes kept for a stalled reader; the oldest are dropped.
_MOST_WAITING = 500


def own_standard_error() -> None:
    """Make writes to standard error non-blocking; text that cannot be written is dropped.

    With a reader, a write returns when it is done, so that the text keeps its order relative to
    standard output.
    """
    named = sys.stderr
    sys.stderr = io.TextIOWrapper(
        io.BufferedWriter(_StandardError(named.fileno(), "w", closefd=False)),
        encoding=named.encoding,
        errors=named.errors,
        line_buffering=True,
    )


def finish_standard_error() -> None:
    """Wait shortly for a stalled reader; afterwards, writes need no thread."""
    raw = getattr(getattr(sys.stderr, "buffer", None), "raw", None)
    if isinstance(raw, _StandardError):
        raw.finish()


class _StandardError(io.FileIO):
    """The descriptor below the text and buffer layers."""

    def __init__(self, descriptor: int, mode: str, *, closefd: bool) -> None:
        super().__init__(descriptor, mode, closefd=closefd)
        self._writer = DescriptorWriter(descriptor, most_waiting=_MOST_WAITING)
        self._is_read = True
        self._is_finished = False

    def write(self, data: Buffer, /) -> int:
        """Write if there is a reader; never raises and never waits long."""
        chunk = bytes(data)
        if self._is_finished:
            self._write_if_ready(chunk)
            return len(chunk)
        was_read = self._is_read or self._writer.wait(0)
        self._writer.give(chunk)
        self._is_read = was_read and self._writer.wait(_PATIENCE_SECONDS)
        return len(chunk)

    def finish(self) -> None:
        """Wait for the reader a last time; the interpreter's shutdown writes without the thread."""
        self._is_read = self._writer.wait(_LAST_WORDS_SECONDS)
        self._is_finished = True

    def _write_if_ready(self, chunk: bytes) -> None:
        ready = select.poll()
        ready.register(self, select.POLLOUT)
        if self._is_read and ready.poll(0):
            with suppress(OSError):
                os.write(self.fileno(), chunk[: select.PIPE_BUF])
