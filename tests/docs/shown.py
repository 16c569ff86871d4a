"""What the pages show: code blocks, and the commands in them with the output shown below each.

A block of `sh` holds commands. A block of `console` holds commands behind `$ `, each with what it
prints; a line that says only `…` stands for any lines. A block of another language with a file's
name behind it (as `json request.json`) is that file, which the page's commands may read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
_FENCE = re.compile(r"^(?P<indent> *)```(?P<info>.*)$")
_PROMPT, _CONTINUED = "$ ", "> "
ELISION = "…"


def pages() -> list[Path]:
    """Return every page that a reader is shown."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One code block.

    Attributes:
        line: its first line, from 1.
        language: the first word behind the fence.
        file_name: the second, if there is one.
        lines: its lines.
    """

    page: Path
    line: int
    language: str
    file_name: str | None
    lines: tuple[str, ...]

    @property
    def text(self) -> str:
        """The lines as a file."""
        return "".join(f"{line}\n" for line in self.lines)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """One command that a page shows.

    Attributes:
        line: its line in the page, from 1.
        command: as a shell reads it.
        output: the lines shown below it; None where none can be, as in a block of `sh`.
        output_line: where those begin, from 1.
    """

    page: Path
    line: int
    command: str
    output: tuple[str, ...] | None = None
    output_line: int = 0

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}: {self.command}"


def blocks(page: Path) -> Iterator[Block]:
    """Yield a page's code blocks in order."""
    lines = page.read_text(encoding="utf-8").splitlines()
    opened: re.Match[str] | None = None
    began = 0
    for number, line in enumerate(lines, start=1):
        fence = _FENCE.match(line)
        if fence is None:
            continue
        if opened is None:
            opened, began = fence, number
            continue
        language, _, file_name = opened["info"].strip().partition(" ")
        indent = len(opened["indent"])
        yield Block(
            page=page,
            line=began + 1,
            language=language,
            file_name=file_name or None,
            lines=tuple(each[indent:] for each in lines[began : number - 1]),
        )
        opened = None
    assert opened is None, f"{page}:{began}: a code block does not end"


def shown(block: Block) -> Iterator[Shown]:
    """Yield the commands of a block of `sh` or `console`."""
    match block.language:
        case "sh":
            yield from _commands(block)
        case "console":
            yield from _sessions(block)


def shown_by(page: Path) -> list[Shown]:
    """Return every command of a page in order."""
    return [each for block in blocks(page) for each in shown(block)]


def _commands(block: Block) -> Iterator[Shown]:
    pending: list[str] = []
    began = 0
    for number, line in enumerate(block.lines, start=block.line):
        if pending and not _continues(pending[-1], line):
            yield Shown(page=block.page, line=began, command="\n".join(pending))
            pending = []
        if line.strip() and not line.startswith("#"):
            began = began if pending else number
            pending.append(line)
    if pending:
        yield Shown(page=block.page, line=began, command="\n".join(pending))


def _continues(before: str, line: str) -> bool:
    return before.endswith("\\") or line.startswith((" ", "\t"))


def _sessions(block: Block) -> Iterator[Shown]:
    starts = [index for index, line in enumerate(block.lines) if line.startswith(_PROMPT)]
    assert starts[:1] == [0], f"{block.page}:{block.line}: a session begins with a command"
    for start, end in zip(starts, [*starts[1:], len(block.lines)], strict=True):
        command, rest = [block.lines[start].removeprefix(_PROMPT)], start + 1
        while rest < end and block.lines[rest].startswith(_CONTINUED):
            command.append(block.lines[rest].removeprefix(_CONTINUED))
            rest += 1
        output = block.lines[rest:end]
        while output and not output[-1]:
            output = output[:-1]
        yield Shown(
            page=block.page,
            line=block.line + start,
            command="\n".join(command),
            output=output,
            output_line=block.line + rest,
        )
