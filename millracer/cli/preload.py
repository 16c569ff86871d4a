"""Loads what a command may need at its end, before it waits; `wiring.preload` says why."""

# ruff: noqa: F401, PLC0415 - to import, and only when asked, is what this function is for

from __future__ import annotations

from millracer.wiring import preload


def load_endings() -> None:
    """Load what a command that waits for an outside program may need to end."""
    from millracer.cli import command, internal_errors
    from millracer.cli.terminal import stderr, stdout

    preload.load_endings()
