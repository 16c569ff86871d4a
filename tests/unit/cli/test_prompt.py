"""What a line on standard input is read as."""

from __future__ import annotations

import io
import sys

import pytest

from millracer.cli.operator.prompt import PipedLines


def test_a_byte_order_mark_and_line_ends_are_not_part_of_a_task(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    raw = io.BytesIO("\ufeffMake it grün\r\n/quit".encode())
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(raw, encoding="latin-1"))
    lines = PipedLines()

    assert [lines.next(), lines.next(), lines.next()] == ["Make it grün", "/quit", None]
