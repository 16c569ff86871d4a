"""Load modules that the end of a command needs, before it waits; see `wiring.preload` for why."""

# ruff: noqa: F401, PLC0415 - importing on call is the purpose of this function

from __future__ import annotations

import sys

from millracer.wiring import preload


def load_endings() -> None:
    """Load the modules that a command may need to end after it waited for an external program."""
    from millracer.cli import command, internal_errors
    from millracer.cli.terminal import stderr, stdout

    if sys.stdout.isatty() or sys.stderr.isatty():
        from millracer.cli.terminal import layout, markdown
    preload.load_endings()
