"""Which command a command line names, whatever is wrong with it."""

from __future__ import annotations

import pytest

from millracer.cli.command_table import path_in


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ((), "millracer"),
        (("run", "--check"), "millracer run"),
        (("-v", "--debug", "run", "x", "status"), "millracer run"),
        (("keys", "trust", "--name"), "millracer keys trust"),
        (("keys", "nothing", "trust"), "millracer keys"),
        (("nothing", "run"), "millracer"),
        (("--", "run"), "millracer"),
    ],
)
def test_the_named_command_is_found(words: tuple[str, ...], expected: str) -> None:
    assert path_in(words) == expected
