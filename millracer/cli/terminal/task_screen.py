"""The terminal while a task runs: progress, tool calls, and pi's answer as it arrives."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from millracer.cli.terminal.progress import plain_progress
from millracer.cli.terminal.stderr import can_redraw, printable, say, without_steering
from millracer.cli.terminal.stdout import OutputLost
from millracer.cli.terminal.style import Role, Stream, is_terminal, paint, without_marks
from millracer.cli.terminal.tables import one_line
from millracer.domain.event_log import Event
from millracer.operations.stream.story import ItemStory
from millracer.ports import ToolCall
from millracer.redaction.process import redacted_stream

if TYPE_CHECKING:
    from millracer.cli.terminal.live_progress import LiveProgress
    from millracer.cli.terminal.markdown import MarkdownStream

_TOOL_LENGTH = 70


class TaskScreen:
    """Shows progress from the first event until pi's text arrives, then the text.

    Attributes:
        story: receives the events of the run.
    """

    def __init__(self) -> None:
        self.story = ItemStory(self._listen)
        self._live: LiveProgress | None = None
        self._plain = None if can_redraw() else plain_progress()
        self._words = redacted_stream()
        self._markdown = _markdown_stream()
        self._last = "\n"
        self._lost: OutputLost | None = None
        self.streamed = False

    def _listen(self, event: Event) -> None:
        if self.streamed:
            return
        if self._plain is not None:
            self._plain.listen(event)
            return
        if self._live is None:
            from millracer.cli.terminal.live_progress import LiveProgress  # noqa: PLC0415 - only terminals need it

            self._live = LiveProgress()
            self._live.start()
        self._live.listen(event)

    def stream(self, piece: str | ToolCall) -> None:
        """Write pi's text as it arrives, and a line per tool call.

        Each part of the text waits until redaction has checked it, on a terminal until its
        Markdown block is complete.
        """
        if isinstance(piece, ToolCall):
            self._show_tool(piece)
            return
        if not piece:
            return
        self.streamed = True
        self._write(self._words.feed(piece))

    def end(self) -> None:
        """Stop the progress, write the rest, and move to the beginning of a line.

        Raises:
            OutputLost: a part of the text could not be written.
        """
        self.story.end()
        self._end_progress()
        self._write(self._words.finish(), is_last=True)
        if self._last != "\n":
            self._write("\n")
        if self._lost is not None:
            raise self._lost

    def _show_tool(self, call: ToolCall) -> None:
        line = printable(one_line(f"{call.name} {call.subject}", _TOOL_LENGTH))
        if self._live is not None and not self.streamed:
            self._live.note(line)
        else:
            if self._markdown is None and self._last != "\n":
                self._write("\n")
            say(paint(f"  {line}", Role.DIM, Stream.ERR))

    def _write(self, text: str, *, is_last: bool = False) -> None:
        text = without_steering(text)
        if self._markdown is not None:
            text = self._markdown.feed(without_marks(text), is_last=is_last)
        if not text:
            return
        self._end_progress()
        try:
            sys.stdout.write(text)
            sys.stdout.flush()
        except OutputLost as lost:  # the task continues
            self._lost = lost
        self._last = text[-1]

    def _end_progress(self) -> None:
        if self._live is not None:
            self._live.stop()
        if self._plain is not None:
            self._plain.stop()


def _markdown_stream() -> MarkdownStream | None:
    """Return what renders the answer; None where it is shown as it is."""
    if not is_terminal(Stream.OUT):
        return None
    from millracer.cli.terminal.markdown import MarkdownStream  # noqa: PLC0415 - only terminals need it

    return MarkdownStream()
