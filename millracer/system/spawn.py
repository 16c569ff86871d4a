"""Starts a program so that whoever is interrupted meanwhile does not leave it behind.

Python raises what a signal's handler raises in the main thread, between any two instructions: also
when a program has been started and nobody has been told its pid yet. So the main thread lets
another one start it.
"""

from __future__ import annotations

import errno
import subprocess
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TypeAlias

Start: TypeAlias = Callable[[], subprocess.Popen[bytes]]

#: Far longer than a start takes; the thread may not have come into being.
_START_SECONDS = 10.0
_REAP_SECONDS = 1.0


def start_whole(start: Start) -> subprocess.Popen[bytes]:
    """Return what `start` starts; if we are interrupted before that is known, it is killed.

    Raises:
        OSError: as `start`.
    """
    if threading.current_thread() is not threading.main_thread():
        return start()
    starting = _Starting(start)
    try:
        starting.start()
        starting.known.wait()
    except RuntimeError as no_thread:
        raise OSError(errno.EAGAIN, str(no_thread)) from no_thread
    except BaseException:
        starting.take_back()
        raise
    return starting.child()


def reap(child: subprocess.Popen[bytes]) -> None:
    """Close our ends of its pipes, and wait a moment for the end of one that was told to end."""
    for pipe in (child.stdin, child.stdout, child.stderr):
        if pipe is not None:
            with suppress(OSError):
                pipe.close()
    with suppress(subprocess.TimeoutExpired):
        child.wait(_REAP_SECONDS)


class _Starting(threading.Thread):
    """Starts one program.

    Attributes:
        known: set when that has been done, or has failed. An interrupted `join` would take the
            thread for ended.
    """

    def __init__(self, start: Start) -> None:
        super().__init__(name="start", daemon=True)
        self.known = threading.Event()
        self._start = start
        self._child: subprocess.Popen[bytes] | None = None
        self._error: Exception | None = None

    def run(self) -> None:
        try:
            self._child = self._start()
        except Exception as error:  # noqa: BLE001 - whatever it is, it is `child`'s to raise
            self._error = error
        finally:
            self.known.set()

    def child(self) -> subprocess.Popen[bytes]:
        if self._child is None:
            assert self._error is not None  # noqa: S101 - `run` leaves one of the two
            raise self._error
        return self._child

    def take_back(self) -> None:
        self.known.wait(_START_SECONDS)
        if self._child is not None:
            self._child.kill()
            reap(self._child)
