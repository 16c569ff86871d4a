"""Standard error that never holds the command up, whether it is read or not."""

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


#: A write waits so long for its reader; the next ones do not, until the reader has taken all.
_PATIENCE_SECONDS = 0.5
#: The last words, such as an error, wait so long at the end of the process.
_LAST_WORDS_SECONDS = 1.0
#: So many writes are kept for a reader that stands still; the oldest are dropped.
_MOST_WAITING = 500


def own_standard_error() -> None:
    """Let nobody's write to standard error block; words that cannot be written are dropped.

    A write that is read returns when it is done, so that the words keep their place among those on
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
    """Give a reader that stood still a last, short chance; from here on, no thread is needed."""
    raw = getattr(getattr(sys.stderr, "buffer", None), "raw", None)
    if isinstance(raw, _StandardError):
        raw.finish()


class _StandardError(io.FileIO):
    """The descriptor, below whatever collects what is written."""

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
        """Wait for the reader a last time; the interpreter's own end writes without the thread."""
        self._is_read = self._writer.wait(_LAST_WORDS_SECONDS)
        self._is_finished = True

    def _write_if_ready(self, chunk: bytes) -> None:
        ready = select.poll()
        ready.register(self, select.POLLOUT)
        if self._is_read and ready.poll(0):
            with suppress(OSError):
                os.write(self.fileno(), chunk[: select.PIPE_BUF])
