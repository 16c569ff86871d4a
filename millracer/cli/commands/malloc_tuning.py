"""Heap settings of a long-lived process: free memory returns to the system."""

from __future__ import annotations

import ctypes
from contextlib import suppress

#: Parameters of glibc's `mallopt`, from <malloc.h>.
_M_TRIM_THRESHOLD, _M_ARENA_MAX = -1, -8
_TRIM_THRESHOLD_BYTES = 128 * 1024


def share_one_heap() -> None:
    """Use one trimmed heap for all threads.

    By default, glibc gives each thread its own heap and raises its trim threshold: fifty tasks on
    short-lived threads leave twenty megabytes of holes. Python threads hold the interpreter lock in
    turn, so they rarely wait for each other's allocations. Other C libraries are not changed.
    """
    with suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_M_ARENA_MAX, 1)
        mallopt(_M_TRIM_THRESHOLD, _TRIM_THRESHOLD_BYTES)
