"""Child processes of the test and of the programs it starts."""

from __future__ import annotations

import psutil

_SERVERS = ("multiprocessing.forkserver", "multiprocessing.resource_tracker")


def children() -> list[psutil.Process]:
    """Return the test's own children, without the server that commands are forked from."""
    return [each for each in psutil.Process().children() if not _is_server(each)]


def _is_server(process: psutil.Process) -> bool:
    try:
        words = process.cmdline()
    except psutil.Error:
        return False
    return any(word.startswith("from ") and name in word for word in words for name in _SERVERS)


def warm_processes(parent: int) -> list[psutil.Process]:
    """Return the warm Millrace below a process; what it forked shows a command line of its own."""
    return [
        each
        for each in psutil.Process(parent).children()
        if any(word.endswith("fork_server/server.py") for word in each.cmdline())
    ]
