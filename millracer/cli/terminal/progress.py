"""A run's progress on standard error: a live line on a terminal, plain lines in a pipe."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from millracer.cli.terminal.stderr import can_redraw, say
from millracer.domain.run.progress import ProgressEvent
from millracer.ports import ProgressListener


@contextmanager
def progress_shown(*, quiet: bool) -> Iterator[ProgressListener | None]:
    """Yield a listener that shows a run's progress, or None if `quiet`."""
    if quiet:
        yield None
    elif can_redraw():
        from millracer.cli.terminal.live_progress import LiveProgress  # noqa: PLC0415 - only terminals need it

        live = LiveProgress()
        live.start()
        try:
            yield live.listen
        finally:
            live.stop()
    else:
        yield plain_progress()


def plain_progress() -> ProgressListener:
    """Return a listener that writes one line per event."""
    began = time.monotonic()

    def listener(event: ProgressEvent) -> None:
        queued = "" if event.queued is None else f", {event.queued} queued"
        say(f"[{time.monotonic() - began:6.1f}s] {event.state}: {event.reason}{queued}")

    return listener
