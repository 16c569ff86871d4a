"""Render Markdown for a terminal."""

from __future__ import annotations

import io

from rich.console import Console, ConsoleOptions, RenderResult
from rich.markdown import Heading, Markdown
from rich.theme import Theme

from millracer.cli.terminal.style import Stream, columns, has_colour

#: Lines longer than this are hard to read.
_MOST_COLUMNS = 100
#: No style sets a background: the terminal's own may be light or dark.
_THEME = Theme(
    {
        "markdown.code": "cyan",
        "markdown.code_block": "none",
        "markdown.item.bullet": "dim",
        "markdown.block_quote": "dim",
        "markdown.hr": "dim",
    }
)


def render_markdown(text: str) -> str:
    """Return the text as it is shown on the terminal of standard output, with its codes.

    Args:
        text: Markdown without secrets and control characters.
    """
    width = columns(Stream.OUT) or _MOST_COLUMNS
    drawn = io.StringIO()
    console = Console(
        file=drawn,
        force_terminal=True,
        no_color=not has_colour(Stream.OUT),
        color_system="standard",
        highlight=False,
        legacy_windows=False,
        theme=_THEME,
        width=min(width, _MOST_COLUMNS),
    )
    console.print(_Markdown(text))
    return "\n".join(line.rstrip() for line in drawn.getvalue().strip("\n").split("\n"))


class _Heading(Heading):
    """A heading at the left margin, without a frame."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        self.text.justify = "left"
        self.text.stylize("bold")
        yield self.text


class _Markdown(Markdown):
    """Markdown that keeps the answer's line breaks."""

    elements = {**Markdown.elements, "heading_open": _Heading}  # noqa: RUF012 - as its base

    def __init__(self, text: str) -> None:
        super().__init__(text, code_theme="ansi_dark", hyperlinks=False)
        for token in self.parsed:
            for child in token.children or ():
                if child.type == "softbreak":
                    child.type = "hardbreak"


class MarkdownStream:
    """Renders Markdown block by block while it arrives; a block ends at a blank line."""

    def __init__(self) -> None:
        self._line = ""
        self._block: list[str] = []
        self._fence = ""
        self._gap = ""

    def feed(self, text: str, *, is_last: bool = False) -> str:
        """Take the next piece, and return the blocks that it completes, rendered."""
        *lines, self._line = (self._line + text).split("\n")
        if is_last:
            lines.append(self._line)
            self._line = ""
        shown = [rendered for line in lines if (rendered := self._take(line))]
        if is_last:
            shown.append(self._finish())
        return "".join(shown)

    def _take(self, line: str) -> str:
        fence = line.strip()[:3]
        if fence in {"```", "~~~"} and self._fence in {"", fence}:
            self._fence = "" if self._fence else fence
        if line.strip() or self._fence:
            self._block.append(line)
            return ""
        return self._finish()

    def _finish(self) -> str:
        block, self._block = "\n".join(self._block), []
        if not block.strip():
            return ""
        gap, self._gap = self._gap, "\n"
        return f"{gap}{render_markdown(block)}\n"
