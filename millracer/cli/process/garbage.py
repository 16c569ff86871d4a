"""Garbage collection of a command."""

from __future__ import annotations

import gc


def collect_from_now() -> None:
    """Collect garbage again, which `main` stops while modules load; loaded modules stay."""
    gc.freeze()
    gc.enable()
