"""Garbage collection of a command."""

from __future__ import annotations

import gc

#: New objects before a collection. A command loads more modules after it began, and with Python's
#: 700 each of them would be searched many times.
_THRESHOLD = 10_000


def collect_from_now() -> None:
    """Collect garbage again, which `main` stops while modules load; loaded modules stay."""
    gc.freeze()
    gc.set_threshold(_THRESHOLD)
    gc.enable()
