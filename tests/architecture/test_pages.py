"""The heads of generated evidence pages match the current templates of their generators."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.crash import table
from tests.soak import page

_DOCS = Path(__file__).parents[2] / "docs" / "evidence"


@pytest.mark.parametrize(
    ("name", "head"), [("crash-matrix.md", table.HEAD), ("soak.md", page.HEAD)]
)
def test_a_page_begins_as_its_command_writes_it(name: str, head: str) -> None:
    texts = re.split(r"\{\w+\}", head)

    written = re.compile(".+?".join(map(re.escape, texts)))

    assert written.match((_DOCS / name).read_text(encoding="utf-8"))
