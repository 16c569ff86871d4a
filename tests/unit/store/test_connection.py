"""Which journal mode a linked SQLite may be trusted with."""

from __future__ import annotations

import pytest

from millracer.store.connection import choose_journal_mode


@pytest.mark.parametrize(
    ("version", "mode"),
    [
        ((3, 7, 0), "truncate"),
        ((3, 40, 1), "truncate"),
        ((3, 44, 5), "truncate"),
        ((3, 44, 6), "wal"),
        ((3, 45, 0), "truncate"),
        ((3, 50, 6), "truncate"),
        ((3, 50, 7), "wal"),
        ((3, 51, 0), "truncate"),
        ((3, 51, 2), "truncate"),
        ((3, 51, 3), "wal"),
        ((3, 53, 0), "wal"),
        ((4, 0, 0), "wal"),
    ],
)
def test_wal_is_chosen_only_where_its_corruption_bug_is_fixed(
    version: tuple[int, int, int], mode: str
) -> None:
    assert choose_journal_mode(version) == mode
