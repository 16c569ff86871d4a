import pytest

from millracer.domain.work.modes import ModeChoice, ModeSource, choose_mode


@pytest.mark.parametrize(
    ("caller", "session", "pi", "expected", "binding"),
    [
        ("c", "s", "p", ModeChoice("c", ModeSource.CALLER), True),
        (None, "s", "p", ModeChoice("s", ModeSource.SESSION), True),
        ("", "", "p", ModeChoice("p", ModeSource.PI), False),
        (None, None, None, ModeChoice("default_pi", ModeSource.DEFAULT), False),
    ],
)
def test_the_first_that_names_a_mode_counts_and_callers_and_sessions_bind(
    caller: str | None, session: str | None, pi: str | None, expected: ModeChoice, *, binding: bool
) -> None:
    found = choose_mode(caller=caller, session=session, pi=pi)

    assert expected == found
    assert found.binding is binding
