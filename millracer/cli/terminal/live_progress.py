"""A run's progress on a terminal: one live line, finished stages as lines above it."""

from __future__ import annotations

import sys
import time

from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live
from rich.spinner import Spinner
from rich.text import Text

from millracer.cli.terminal.item_ids import shorten_ids
from millracer.cli.terminal.stderr import printable
from millracer.cli.terminal.style import Stream
from millracer.domain.run.progress import LISTENERS_ONLY, ProgressEvent, ProgressKind
from millracer.run.closing import short_number

_FRAMES_A_SECOND = 8


class LiveProgress:
    """Shows state, stage, item, elapsed time, tokens and queue until it is stopped."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._console = console = Console(file=sys.stderr, highlight=False)
        self._event: ProgressEvent | None = None
        self._stage = ""
        self._stage_began: float | None = None
        self._item = ""
        self._spinner = Spinner("dots")
        self._live = Live(
            self, console=console, refresh_per_second=_FRAMES_A_SECOND, transient=True
        )

    def start(self) -> None:
        """Show the line."""
        self._live.start()

    def stop(self) -> None:
        """Remove the line; repeated calls do nothing."""
        self._live.stop()

    def listen(self, event: ProgressEvent) -> None:
        """Show one progress event; finished steps are printed above the line."""
        self._event = event
        began = event.kind is ProgressKind.STAGE_PROGRESS and event.reason.endswith(" began")
        if event.kind in LISTENERS_ONLY:
            self._stage = _shown(event.reason)
        elif event.stage is not None and began:
            self._stage = printable(event.stage)
            self._stage_began = time.monotonic()
        else:
            self._stage, self._stage_began = "", None
            line = Text(f"  {_clock(time.monotonic() - self._began)}  {_shown(event.reason)}")
            self._console.print(line, style="dim", soft_wrap=True)
        self._item = _shown(event.item_id or self._item)

    def note(self, text: str) -> None:
        """Print a line above the live line."""
        self._console.print(Text(f"  {text}"), style="dim", no_wrap=True, overflow="ellipsis")

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Render the line, cut to the terminal's width."""
        frame = self._spinner.frames[
            int(console.get_time() * _FRAMES_A_SECOND) % len(self._spinner.frames)
        ]
        line = Text(f"{frame} {self._describe()}")
        line.truncate(options.max_width, overflow="ellipsis")
        yield line

    def _describe(self) -> str:
        parts = [_clock(time.monotonic() - self._began)]
        event = self._event
        if event is not None:
            parts += [event.state, self._stage]
            if self._stage_began is not None and self._stage:
                parts.append(f"for {_clock(time.monotonic() - self._stage_began)}")
            if event.tokens:
                parts.append(f"{short_number(event.tokens)} tokens")
            if event.queued:
                parts.append(f"{event.queued} queued")
            parts.append(self._item)
        return " · ".join(part for part in parts if part)


def _shown(text: str) -> str:
    return shorten_ids(printable(text), Stream.ERR)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes}:{rest:02}"
