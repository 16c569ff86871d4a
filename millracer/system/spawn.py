"""Start a program so that an interrupt during the start does not leave it running.

An exception of a signal handler is raised in the main thread between any two instructions: also
after a program was started and before its pid is known. So another thread starts the program for
the main thread.
"""

from __future__ import annotations

import errno
import subprocess
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TypeAlias

Start: TypeAlias = Callable[[], subprocess.Popen[bytes]]

#: Far longer than a start takes; a limit is needed because the thread may not have started.
_START_SECONDS = 10.0
_REAP_SECONDS = 1.0


def start_whole(start: Start) -> subprocess.Popen[bytes]:
    """Return the program that `start` starts; it is killed if an interrupt comes before that.

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
    """Close a process's pipes and wait a moment for its end, which was requested before."""
    for pipe in (child.stdin, child.stdout, child.stderr):
        if pipe is not None:
            with suppress(OSError):
                pipe.close()
    with suppress(subprocess.TimeoutExpired):
        child.wait(_REAP_SECONDS)


class _Starting(threading.Thread):
    """Starts one program.

    Attributes:
        known: set when the program was started or the start failed. `join` is not used: after an
            interrupt it would report the thread as ended.
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
        except Exception as error:  # noqa: BLE001 - `child` raises it
            self._error = error
        finally:
            self.known.set()

    def child(self) -> subprocess.Popen[bytes]:
        if self._child is None:
            assert self._error is not None  # noqa: S101 - `run` sets one of the two
            raise self._error
        return self._child

    def take_back(self) -> None:
        self.known.wait(_START_SECONDS)
        if self._child is not None:
            self._child.kill()
            reap(self._child)
