"""Standard input, read so that no signal is missed."""

from __future__ import annotations

import os
import select
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from millracer.interfaces.signals import signals_raise

_CHUNK_BYTES = 1 << 20


def read_standard_input(*, limit: int | None = None) -> bytes:
    """Read standard input to its end; of more than `limit` bytes, one more than that is kept.

    A blocking read is left only by a signal that comes while it blocks: one that comes between two
    reads would be noticed when the next one ends, which a caller that stalls can put off for ever.

    Raises:
        Cancelled: a signal came.
    """
    kept = bytearray()
    source = sys.stdin.fileno()
    with signals_raise(), _signals_readable() as signals:
        while True:
            ready, _, _ = select.select([source, signals], [], [])
            if source not in ready:
                os.read(signals, _CHUNK_BYTES)
                continue
            chunk = os.read(source, _CHUNK_BYTES)
            if not chunk:
                return bytes(kept)
            room = len(chunk) if limit is None else limit + 1 - len(kept)
            kept += chunk[:room]


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
