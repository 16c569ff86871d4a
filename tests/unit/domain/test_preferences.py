"""What a caller may choose at the least."""

from millracer.domain.preferences import LEAST_SECONDS


def test_a_time_limit_can_be_as_short_as_the_pages_say() -> None:
    assert LEAST_SECONDS == 0.1
