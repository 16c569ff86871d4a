"""A run's progress on standard error: a live line on a terminal, plain lines in a pipe."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from queue import Empty, SimpleQueue
from threading import Thread

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
        plain = plain_progress()
        try:
            yield plain.listen
        finally:
            plain.stop()


def plain_progress() -> PlainProgress:
    """Return progress in lines; on a terminal a line is repeated sooner than in a pipe."""
    return PlainProgress(quiet_seconds=15.0 if sys.stderr.isatty() else 60.0)


class PlainProgress:
    """Writes one line per event, and repeats the last one when nothing happens for long.

    Args:
        quiet_seconds: the longest time without a line.
    """

    def __init__(self, *, quiet_seconds: float) -> None:
        self._began = time.monotonic()
        self._last = ""
        self._events: SimpleQueue[ProgressEvent | None] = SimpleQueue()
        self._quiet_seconds = quiet_seconds
        self._thread: Thread | None = None

    def listen(self, event: ProgressEvent) -> None:
        """Write the line of one event."""
        queued = "" if event.queued is None else f", {event.queued} queued"
        self._say(f"{event.state}: {event.reason}{queued}")
        self._last = f"{event.state}: still {event.reason}"
        self._events.put(event)
        if self._thread is None:
            self._thread = Thread(target=self._repeat, args=(self._quiet_seconds,), daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """End the repetition; repeated calls do nothing."""
        self._events.put(None)
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _repeat(self, seconds: float) -> None:
        while True:
            try:
                if self._events.get(timeout=seconds) is None:
                    return
            except Empty:
                self._say(self._last)

    def _say(self, text: str) -> None:
        say(f"[{time.monotonic() - self._began:6.1f}s] {text}")
