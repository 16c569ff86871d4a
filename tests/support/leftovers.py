"""What a command left running, found by a variable that all it started inherited."""

from __future__ import annotations

from contextlib import suppress

import psutil

_GRACE_SECONDS = 5.0


def carriers(variable: str, value: str) -> list[psutil.Process]:
    """Return every living process whose environment carries the value."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if (
                process.environ().get(variable) == value
                and process.status() != psutil.STATUS_ZOMBIE
            ):
                found.append(process)
    return found


def end_leftovers(variable: str, value: str) -> tuple[str, ...]:
    """End leftover processes after a moment; return them."""
    _, alive = psutil.wait_procs(carriers(variable, value), timeout=_GRACE_SECONDS)
    described = []
    for process in alive:
        with suppress(psutil.Error):
            described.append(f"left running: {process.pid} {' '.join(process.cmdline())[:200]}")
            process.kill()
    return tuple(described)
