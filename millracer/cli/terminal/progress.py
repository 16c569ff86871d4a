"""A run's progress on standard error: a live line on a terminal, plain lines in a pipe."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from queue import Empty, SimpleQueue
from threading import Thread

from millracer.cli.terminal.states import check_symbol
from millracer.cli.terminal.stderr import can_redraw, say
from millracer.domain.event_log import Event
from millracer.domain.run.progress import SHOWN, number_in, text_in
from millracer.operations.stream.story import ItemStory


@contextmanager
def progress_shown(*, quiet: bool) -> Iterator[ItemStory]:
    """Yield the story of a run's item, which is shown; nothing is shown if `quiet`."""
    if quiet:
        yield ItemStory(None)
    elif can_redraw():
        from millracer.cli.terminal.live_progress import LiveProgress  # noqa: PLC0415 - only terminals need it

        live = LiveProgress()
        live.start()
        try:
            with ItemStory(live.listen) as story:
                yield story
        finally:
            live.stop()
    else:
        plain = plain_progress()
        try:
            with ItemStory(plain.listen) as story:
                yield story
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
        self._events: SimpleQueue[Event | None] = SimpleQueue()
        self._quiet_seconds = quiet_seconds
        self._thread: Thread | None = None

    def listen(self, event: Event) -> None:
        """Write the line of one event, if a person should see it."""
        if event.type not in SHOWN:
            return
        waiting, state = number_in(event, "queued"), text_in(event, "state")
        queued = "" if waiting is None else f", {waiting} queued"
        place = "" if state is None else f"{state}: "
        self._say(f"{place}{check_symbol(event)}{event.message}{queued}")
        self._last = f"{place}still {event.message}"
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
