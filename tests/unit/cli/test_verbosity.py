"""`-v` anywhere in a command line, and the variable that stands for it."""

import pytest

from millracer.cli import verbosity
from millracer.errors import UsageError


@pytest.mark.parametrize(
    ("given", "rest", "count"),
    [
        (["run", "a task"], ["run", "a task"], 0),
        (["-v", "run", "a task"], ["run", "a task"], 1),
        (["run", "-vv", "a task"], ["run", "a task"], 2),
        (["run", "a task", "--verbose", "-v"], ["run", "a task"], 2),
        (["run", "-v", "--", "-v"], ["run", "--", "-v"], 1),
        (["run", "-vx"], ["run", "-vx"], 0),
    ],
)
def test_the_options_are_taken_from_anywhere_before_two_dashes(
    given: list[str], rest: list[str], count: int
) -> None:
    assert verbosity.take_options(given) == (rest, count)


def test_a_level_that_does_not_exist_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(verbosity.VARIABLE, "loud")

    with pytest.raises(UsageError) as refused:
        verbosity.show_log(0)

    assert verbosity.VARIABLE in refused.value.message
    assert "debug" in (refused.value.suggested_action or "")
