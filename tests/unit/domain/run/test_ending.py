"""What each ending allows after the lifecycle stopped."""

import pytest

from millracer.domain.run.ending import Ending

#: Written by hand: whether the item may have moved, and whether pi may be asked to report.
ALLOWED = {
    Ending.ANSWERED: (False, True),
    Ending.ITEM_ENDED: (False, True),
    Ending.BLOCKED: (False, True),
    Ending.SET_ASIDE: (False, True),
    Ending.AT_REST: (False, True),
    Ending.STUCK: (True, True),
    Ending.UNKNOWN: (False, True),
    Ending.STOPPED: (True, True),
    Ending.CRASHED: (True, True),
    Ending.RESTART_NEEDED: (True, True),
    Ending.TIMED_OUT: (True, True),
    Ending.BUDGET_EXHAUSTED: (True, False),
    Ending.CANCELLED: (True, False),
    Ending.FAILED: (True, False),
}


@pytest.mark.parametrize("ending", Ending)
def test_each_ending_says_what_it_allows(ending: Ending) -> None:
    assert (ending.item_may_move, ending.allows_report) == ALLOWED[ending]
