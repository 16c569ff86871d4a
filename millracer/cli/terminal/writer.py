"""Writes to a descriptor that may block, from a thread that may stay blocked.

A write to a pipe without a reading process, or to a terminal stopped by Ctrl-S, never returns. Only
another thread can wait for it while the command works, keeps its limits and ends on a signal. The
descriptor is not made non-blocking: that would affect every process that shares it.
"""

from __future__ import annotations

import os
import select
import threading
from collections import deque


class DescriptorWriter:
    """Writes chunks in order; safe from any thread.

    The thread starts with the first chunk. It is a daemon thread, so it does not delay the exit.

    Args:
        descriptor: the caller keeps and closes it.
        most_waiting: most queued chunks; further ones drop the oldest. None drops nothing.
    """

    def __init__(self, descriptor: int, *, most_waiting: int | None = None) -> None:
        self._descriptor = descriptor
        self._waiting: deque[bytes] = deque(maxlen=most_waiting)
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._is_writing = False
        self._error: OSError | None = None

    def give(self, data: bytes) -> None:
        """Queue a chunk for the thread; write it directly if no thread can be started."""
        with self._changed:
            self._waiting.append(data)
            if self._thread is None:
                thread = threading.Thread(target=self._write_forever, daemon=True)
                try:
                    thread.start()
                except RuntimeError:
                    self._error = _write(self._descriptor, self._waiting.pop())
                    return
                self._thread = thread
            self._changed.notify_all()

    def wait(self, seconds: float) -> bool:
        """Wait until everything is written or has failed; return whether it has."""
        with self._changed:
            return self._changed.wait_for(self._is_idle, seconds)

    def take_error(self) -> OSError | None:
        """Return and clear the error of the last failed write."""
        with self._changed:
            error, self._error = self._error, None
        return error

    def _is_idle(self) -> bool:
        return not (self._waiting or self._is_writing)

    def _write_forever(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting)
                data = self._waiting.popleft()
                self._is_writing = True
            error = _write(self._descriptor, data)
            with self._changed:
                self._is_writing = False
                self._error = error or self._error
                self._changed.notify_all()


def _write(descriptor: int, data: bytes) -> OSError | None:
    """Write all data, also to a non-blocking descriptor; return the error, if any."""
    rest = memoryview(data)
    while rest:
        try:
            rest = rest[os.write(descriptor, rest) :]
        except BlockingIOError:
            writable = select.poll()
            writable.register(descriptor, select.POLLOUT)
            writable.poll()
        except OSError as error:
            return error
    return None
