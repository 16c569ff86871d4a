"""Plain text tables."""

from __future__ import annotations

from collections.abc import Iterable

from rich.cells import cell_len


def in_line(text: str) -> str:
    """Return the text on one line: a caller's name must not imitate a line of Millracer."""
    return text.replace("\n", "\N{REPLACEMENT CHARACTER}")


def one_line(text: str, longest: int) -> str:
    """Return the first line of a text, cut to a length."""
    first = text.strip().partition("\n")[0].rstrip()
    return first if len(first) <= longest else f"{first[: longest - 1]}…"


def table(
    header: tuple[str, ...], rows: Iterable[tuple[str, ...]], *, widest: int | None = None
) -> list[str]:
    """Return lines of columns, each as wide as its widest cell.

    A cell wider than `widest` lengthens only its own line.
    """
    lines = [header, *(tuple(map(in_line, row)) for row in rows)]
    widths = [_width([line[column] for line in lines], widest) for column in range(len(header))]
    return [
        "  ".join(
            cell + " " * (width - cell_len(cell)) for cell, width in zip(line, widths, strict=True)
        ).rstrip()
        for line in lines
    ]


def _width(cells: Iterable[str], widest: int | None) -> int:
    widths = map(cell_len, cells)
    return max(width for width in widths if widest is None or width <= widest)
