"""Tables for people: columns that line up, and that one long cell does not tear apart."""

from millracer.cli.terminal.tables import table

_ROWS = (("a", "short", "default"), ("b", "x" * 50, "setup"))


def test_a_column_is_as_wide_as_its_widest_cell() -> None:
    head, first, second = table(("NAME", "VALUE", "FROM"), _ROWS)

    assert head.index("FROM") == first.index("default") == second.index("setup") == 58


def test_a_cell_that_is_too_wide_makes_only_its_own_line_longer() -> None:
    head, first, second = table(("NAME", "VALUE", "FROM"), _ROWS, widest=40)

    assert head.index("FROM") == first.index("default") == 13
    assert second == f"b     {'x' * 50}  setup"
