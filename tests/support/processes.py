"""What runs below a process of ours."""

from __future__ import annotations

import psutil


def warm_processes(parent: int) -> list[psutil.Process]:
    """Return the warm Millrace below a process; what it forked shows a command line of its own."""
    return [
        each
        for each in psutil.Process(parent).children()
        if any(word.endswith("fork_server/server.py") for word in each.cmdline())
    ]
