"""A parent process that did something to what its children inherit."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from pathlib import Path

_PROGRAM = Path(__file__).parents[1] / "children" / "started_by.py"


def parent(
    *,
    blocked: Iterable[int] = (),
    ignored: Iterable[int] = (),
    pending: Iterable[int] = (),
    files: int = 0,
    background: bool = False,
) -> tuple[str, ...]:
    """Return the words before a command that give it such a parent.

    Args:
        blocked: signals that it blocks.
        ignored: signals that it ignores.
        pending: blocked signals that have come already.
        files: how many open files it passes on.
        background: whether the command is a background job that may not be stopped.
    """
    how = {
        "blocked": [int(each) for each in blocked],
        "ignored": [int(each) for each in ignored],
        "pending": [int(each) for each in pending],
        "files": files,
        "background": background,
    }
    return (sys.executable, str(_PROGRAM), json.dumps(how))
