"""Tables for people, in plain text."""

from __future__ import annotations

from collections.abc import Iterable

from rich.cells import cell_len


def in_line(text: str) -> str:
    """Return the text on one line: what callers call themselves must not look like ours."""
    return text.replace("\n", "\N{REPLACEMENT CHARACTER}")


def table(header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> list[str]:
    """Return lines of columns, each as wide as its widest cell."""
    lines = [header, *(tuple(map(in_line, row)) for row in rows)]
    widths = [max(cell_len(line[column]) for line in lines) for column in range(len(header))]
    return [
        "  ".join(
            cell + " " * (width - cell_len(cell)) for cell, width in zip(line, widths, strict=True)
        ).rstrip()
        for line in lines
    ]
