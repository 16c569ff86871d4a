"""Terminal input while one of the operator's tasks runs."""

from __future__ import annotations

import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def input_unechoed() -> Iterator[None]:
    """Within the block, typed input is kept for the next prompt but not echoed.

    The terminal also echoes its own answers, such as the cursor's position.
    """
    try:
        descriptor = sys.stdin.fileno()
        former = termios.tcgetattr(descriptor)
    except (OSError, ValueError, termios.error):
        yield
        return
    silent = [*former]
    silent[3] &= ~termios.ECHO
    termios.tcsetattr(descriptor, termios.TCSANOW, silent)
    try:
        yield
    finally:
        termios.tcsetattr(descriptor, termios.TCSANOW, former)
