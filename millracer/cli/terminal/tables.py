"""Plain text tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.cells import cell_len, set_cell_size

from millracer.cli.terminal.item_ids import shorten_ids
from millracer.cli.terminal.style import Role, Stream, columns, paint, without_marks

_GAP = "  "
#: The fewest columns that a cell keeps on a narrow terminal.
_LEAST_COLUMNS = 12


def in_line(text: str) -> str:
    """Return the text on one line: a caller's name must not imitate a line of Millracer."""
    return text.replace("\n", "\ufffd")


def one_line(text: str, longest: int) -> str:
    """Return the first line of a text, cut to a length."""
    first = text.strip().partition("\n")[0].rstrip()
    return first if len(first) <= longest else f"{first[: longest - 1]}…"


def table(  # noqa: PLR0913 - the layout of a table
    header: tuple[str, ...],
    rows: Iterable[tuple[str, ...]],
    *,
    widest: int | None = None,
    shrinks: Sequence[str] = (),
    drops: str | None = None,
    indent: int = 0,
) -> list[str]:
    """Return lines of columns, each as wide as its widest cell.

    On a terminal the header is dim, and columns that may shrink are cut to the terminal's width.

    Args:
        header: the names of the columns.
        rows: the cells.
        widest: a cell wider than this lengthens only its own line.
        shrinks: the names of columns whose cells may be cut, the first of them first.
        drops: the name of a column that is left out if it cannot keep its fewest columns.
        indent: how many columns stand before each line.
    """
    lines = [header, *(tuple(map(_shown, row)) for row in rows)]
    widths = [_width([line[column] for line in lines], widest) for column in range(len(header))]
    room = columns(Stream.OUT)
    dropped = None if drops is None or room is None else header.index(drops)
    if dropped is not None and room is not None:
        others = sum(widths) - widths[dropped] + len(_GAP) * (len(widths) - 1)
        if others + min(widths[dropped], _LEAST_COLUMNS) > room - indent:
            lines = [(*line[:dropped], *line[dropped + 1 :]) for line in lines]
            widths.pop(dropped)
            shrinks = [name for name in shrinks if name != drops]
    shrinking = [lines[0].index(name) for name in shrinks]
    if room is not None:
        lines = _cut(lines, widths, shrinking, room - indent)
    shown = [_GAP.join(map(_padded, line, widths)).rstrip() for line in lines]
    return [paint(shown[0], Role.DIM), *shown[1:]]


def _shown(cell: str) -> str:
    return shorten_ids(in_line(cell), Stream.OUT)


def _padded(cell: str, width: int) -> str:
    return cell + " " * (width - cell_len(without_marks(cell)))


def _width(cells: Iterable[str], widest: int | None) -> int:
    widths = [cell_len(without_marks(cell)) for cell in cells]
    return max(width for width in widths if widest is None or width <= widest)


def _cut(
    lines: list[tuple[str, ...]], widths: list[int], shrinking: Sequence[int], room: int
) -> list[tuple[str, ...]]:
    """Shrink the widths in place until a line fits, and return the lines with cut cells."""
    excess = sum(widths) + len(_GAP) * (len(widths) - 1) - room
    for column in shrinking:
        taken = max(0, min(excess, widths[column] - _LEAST_COLUMNS))
        widths[column] -= taken
        excess -= taken
    return [
        tuple(
            _shortened(cell, widths[at]) if at in shrinking else cell
            for at, cell in enumerate(line)
        )
        for line in lines
    ]


def _shortened(cell: str, width: int) -> str:
    if cell_len(cell) <= width:
        return cell
    return f"{set_cell_size(cell, width - 1).rstrip()}…"
