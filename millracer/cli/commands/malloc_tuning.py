"""The heap of a process that stays: C libraries' memory goes back to the system."""

from __future__ import annotations

import ctypes
from contextlib import suppress

#: Of glibc's `mallopt`, <malloc.h>.
_M_TRIM_THRESHOLD, _M_ARENA_MAX = -1, -8
_TRIM_THRESHOLD_BYTES = 128 * 1024


def share_one_heap() -> None:
    """Let all threads have one heap, which is trimmed, from here on.

    glibc gives each thread one of its own and raises the size from which it gives memory back:
    fifty tasks on threads that come and go leave twenty megabytes of holes. Threads that take
    turns for the interpreter hardly wait for one another's allocations. Another C library is left
    as it is.
    """
    with suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_M_ARENA_MAX, 1)
        mallopt(_M_TRIM_THRESHOLD, _TRIM_THRESHOLD_BYTES)
