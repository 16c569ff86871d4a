"""A run's progress on a terminal: one live line, finished stages as lines above it."""

from __future__ import annotations

import sys
import time

from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live
from rich.spinner import Spinner
from rich.text import Text

from millracer.cli.terminal.item_ids import shorten_ids
from millracer.cli.terminal.states import check_symbol
from millracer.cli.terminal.stderr import printable
from millracer.cli.terminal.style import Stream
from millracer.domain.event_log import Event, EventType
from millracer.domain.run.progress import PASSING, SHOWN, number_in, text_in
from millracer.run.closing import short_number

_FRAMES_A_SECOND = 8


class LiveProgress:
    """Shows state, stage, item, elapsed time, tokens and queue until it is stopped."""

    def __init__(self) -> None:
        self._began = time.time()
        self._console = console = Console(file=sys.stderr, highlight=False)
        self._event: Event | None = None
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

    def listen(self, event: Event) -> None:
        """Show one event; finished steps are printed above the line.

        Times count from the beginning of the attempt, whichever process it is in.
        """
        if event.type not in SHOWN:
            return
        self._event = event
        at = event.at.timestamp()
        if event.type == EventType.STATE_ENTERED:
            self._began = min(self._began, at)
        if event.type in PASSING:
            self._stage = _shown(event.message)
        elif event.type == EventType.STAGE_STARTED:
            self._stage = printable(text_in(event, "stage") or "")
            self._stage_began = at
        else:
            self._stage, self._stage_began = "", None
            shown = f"{check_symbol(event)}{_shown(event.message)}"
            line = Text(f"  {_clock(at - self._began)}  {shown}")
            self._console.print(line, style="dim", soft_wrap=True)
        self._item = _shown(text_in(event, "item_id") or self._item)

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
        parts = [_clock(time.time() - self._began)]
        event = self._event
        if event is not None:
            parts += [text_in(event, "state") or "", self._stage]
            if self._stage_began is not None and self._stage:
                parts.append(f"for {_clock(time.time() - self._stage_began)}")
            tokens, queued = number_in(event, "tokens"), number_in(event, "queued")
            if tokens:
                parts.append(f"{short_number(tokens)} tokens")
            if queued:
                parts.append(f"{queued} queued")
            parts.append(self._item)
        return " · ".join(part for part in parts if part)


def _shown(text: str) -> str:
    return shorten_ids(printable(text), Stream.ERR)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(max(0, int(seconds)), 60)
    return f"{minutes}:{rest:02}"
