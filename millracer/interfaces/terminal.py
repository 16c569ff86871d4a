"""What goes to standard error: warnings and progress, live on a terminal, plain lines in a pipe."""

from __future__ import annotations

import os
import sys
import time
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager

from millracer.domain.work import ProgressEvent, ProgressKind
from millracer.ports import ProgressListener


def printable(text: str) -> str:
    """Return the text without control characters, so that nobody else's words steer a terminal."""
    return "".join(
        char
        if char in "\n\t" or unicodedata.category(char) not in {"Cc", "Cs"}
        else "\N{REPLACEMENT CHARACTER}"
        for char in text
    )


def say(text: str) -> None:
    """Write one line to standard error; a reader that went away is no error."""
    try:
        sys.stderr.write(f"{printable(text)}\n")
        sys.stderr.flush()
    except (OSError, ValueError):
        return


@contextmanager
def progress_shown(*, quiet: bool) -> Iterator[ProgressListener | None]:
    """Yield a listener that shows a run's progress, or None where nobody wants it."""
    if quiet:
        yield None
    elif sys.stderr.isatty() and os.environ.get("TERM", "dumb") != "dumb":
        with _live() as listener:
            yield listener
    else:
        yield _plain()


def _plain() -> ProgressListener:
    began = time.monotonic()

    def listener(event: ProgressEvent) -> None:
        queued = "" if event.queued is None else f", {event.queued} queued"
        say(f"[{time.monotonic() - began:6.1f}s] {event.state}: {event.reason}{queued}")

    return listener


@contextmanager
def _live() -> Iterator[ProgressListener]:
    from rich.console import Console  # noqa: PLC0415 - only a terminal pays for it
    from rich.markup import escape  # noqa: PLC0415
    from rich.progress import (  # noqa: PLC0415
        Progress,
        SpinnerColumn,
        TextColumn,
        TimeElapsedColumn,
    )

    console = Console(stderr=True)
    progress = Progress(
        SpinnerColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.description}"),
        console=console,
        transient=True,
    )
    with progress:
        line = progress.add_task("starting", total=None)

        def listener(event: ProgressEvent) -> None:
            queued = "" if event.queued is None else f" · {event.queued} queued"
            reason = escape(printable(event.reason))
            if event.kind is not ProgressKind.STATE_ENTERED:
                progress.console.print(f"  {reason}", highlight=False)
            progress.update(line, description=f"{event.state} · {reason}{queued}")

        yield listener
