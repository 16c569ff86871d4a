"""Standard input, read without missing a signal."""

from __future__ import annotations

import os
import select
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from millracer.cli.process.signals import signals_raise
from millracer.errors import UsageError

_CHUNK_BYTES = 1 << 20


class StandardInput:
    """Standard input, whose beginning may have been read ahead."""

    def __init__(self) -> None:
        self._kept = bytearray()
        self._has_ended = False

    def read_ahead(self, *, limit: int) -> bytes | None:
        """Read the available bytes, up to `limit`; return them if the input has ended.

        Errors are left to `read`.
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
        """Read standard input to its end; keep at most `limit + 1` bytes.

        Only a signal that arrives during a blocking read interrupts it. A signal between two reads
        would be handled when the next one ends, which a stalled caller can delay forever.

        Raises:
            Cancelled: a signal arrived.
            UsageError: standard input cannot be read.
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
    """Return the error for standard input that cannot be read."""
    return UsageError(
        f"standard input cannot be read: {error.strerror}",
        suggested_action="connect standard input to a pipe, a file or a terminal",
    )


def _readable(*descriptors: int, seconds: float | None = None) -> set[int]:
    """Wait until a read would not block; return the ready descriptors."""
    poll = select.poll()  # `select.select` refuses descriptors from 1,024 on
    for descriptor in descriptors:
        poll.register(descriptor, select.POLLIN)
    return {ready for ready, _ in poll.poll(None if seconds is None else seconds * 1000)}


@contextmanager
def _signals_readable() -> Iterator[int]:
    """Yield a descriptor that is readable after a signal; the signal's handler still runs."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    former = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    try:
        yield reader
    finally:
        signal.set_wakeup_fd(former)
        os.close(writer)
        os.close(reader)
