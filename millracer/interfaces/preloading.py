"""Loads what a command may need at its end, before it waits; `bootstrap.loading` says why."""

# ruff: noqa: F401, PLC0415 - to import, and only when asked, is what this function is for

from __future__ import annotations

from millracer.bootstrap import loading


def load_endings() -> None:
    """Load what a command that waits for an outside program may need to end."""
    from millracer.interfaces import bugs, early_end, output, terminal

    loading.load_endings()
