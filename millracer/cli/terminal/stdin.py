"""Standard input, read so that no signal is missed."""

from __future__ import annotations

import os
import select
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from millracer.cli.signals import signals_raise
from millracer.errors import UsageError

_CHUNK_BYTES = 1 << 20


class StandardInput:
    """Standard input, of which a beginning may have been read ahead."""

    def __init__(self) -> None:
        self._kept = bytearray()
        self._has_ended = False

    def read_ahead(self, *, limit: int) -> bytes | None:
        """Read what has come already, up to `limit` bytes; return it if that is all there is.

        What is wrong with it is found by `read`.
        """
        source = sys.stdin.fileno()
        with suppress(OSError):
            while not self._has_ended and len(self._kept) < limit:
                if not _readable(source, seconds=0):
                    break
                chunk = os.read(source, limit - len(self._kept))
                self._has_ended = not chunk
                self._kept += chunk
        return bytes(self._kept) if self._has_ended else None

    def read(self, *, limit: int | None = None) -> bytes:
        """Read standard input to its end; of more than `limit` bytes, one more than that is kept.

        A blocking read is left only by a signal that comes while it blocks: one that comes between
        two reads would be noticed when the next one ends, which a caller that stalls can put off
        for ever.

        Raises:
            Cancelled: a signal came.
            UsageError: it cannot be read.
        """
        source = sys.stdin.fileno()
        with signals_raise(), _signals_readable() as signals:
            while not self._has_ended:
                if source not in _readable(source, signals):
                    os.read(signals, _CHUNK_BYTES)
                    continue
                try:
                    chunk = os.read(source, _CHUNK_BYTES)
                except OSError as error:
                    raise unreadable(error) from error
                self._has_ended = not chunk
                room = len(chunk) if limit is None else max(0, limit + 1 - len(self._kept))
                self._kept += chunk[:room]
        return bytes(self._kept)


def unreadable(error: OSError) -> UsageError:
    """Return what a caller is told whose standard input cannot be read."""
    return UsageError(
        f"standard input cannot be read: {error.strerror}",
        suggested_action="connect standard input to a pipe, a file or a terminal",
    )


def _readable(*descriptors: int, seconds: float | None = None) -> set[int]:
    """Wait until one can be read, or its read fails at once; return which."""
    poll = select.poll()  # `select.select` refuses descriptors from 1,024 on
    for descriptor in descriptors:
        poll.register(descriptor, select.POLLIN)
    return {ready for ready, _ in poll.poll(None if seconds is None else seconds * 1000)}


@contextmanager
def _signals_readable() -> Iterator[int]:
    """Yield a descriptor that can be read once a signal came; its handler runs all the same."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    former = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    try:
        yield reader
    finally:
        signal.set_wakeup_fd(former)
        os.close(writer)
        os.close(reader)
