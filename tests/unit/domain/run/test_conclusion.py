"""The table of a watch's conclusions, each row, and sequences of reads."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millracer.domain.run.conclusion import (
    CONCLUSIONS,
    PATIENCE,
    Conclusion,
    Observation,
    classify,
    conclude,
)
from millracer.domain.run.ending import Ending
from millracer.domain.run.lifecycle import ENDINGS, RunEvent
from millracer.domain.work.items import ItemState

DOUBTFUL = {Observation.PASSING, Observation.UNREADABLE}
#: What each observation leads to at once, and after patience.
EXPECTED = {
    Observation.UNFINISHED: (Conclusion.KEEP_WATCHING, Conclusion.KEEP_WATCHING),
    Observation.CUT_SHORT: (Conclusion.KEEP_WATCHING, Conclusion.KEEP_WATCHING),
    Observation.SETTLED: (Conclusion.ENDED, Conclusion.ENDED),
    Observation.WITHOUT_DAEMON: (Conclusion.DAEMON_LOST, Conclusion.DAEMON_LOST),
    Observation.PASSING: (Conclusion.READ_AGAIN, Conclusion.ENDED),
    Observation.UNREADABLE: (Conclusion.READ_AGAIN, Conclusion.FAILED),
}
WATCHED_ENDINGS = (ENDINGS[RunEvent.WATCH_ENDED] - {Ending.STUCK}) | ENDINGS[RunEvent.DAEMON_LOST]


@pytest.mark.parametrize(
    ("observation", "doubts"), list(itertools.product(Observation, range(PATIENCE)))
)
def test_each_observation_has_one_conclusion_with_any_number_of_doubts(
    observation: Observation, doubts: int
) -> None:
    at_once, in_the_end = EXPECTED[observation]

    conclusion, after = conclude(observation, doubts)

    assert conclusion is (in_the_end if doubts + 1 >= PATIENCE else at_once)
    assert after == (doubts + 1 if observation in DOUBTFUL else 0)


def test_the_table_has_a_certain_row_for_each_observation_and_both_for_doubtful_ones() -> None:
    assert set(CONCLUSIONS) == {
        *((observation, True) for observation in Observation),
        *((observation, False) for observation in DOUBTFUL),
    }
    assert set(CONCLUSIONS.values()) == set(Conclusion)


@pytest.mark.parametrize("conclusion", Conclusion)
def test_a_watch_continues_exactly_to_wait_or_to_read_again(conclusion: Conclusion) -> None:
    continues = conclusion in {Conclusion.KEEP_WATCHING, Conclusion.READ_AGAIN}

    assert conclusion.ends_watch is not continues


@given(st.lists(st.sampled_from(Observation), max_size=40))
def test_doubtful_reads_end_a_watch_only_if_none_of_the_last_was_certain(
    observations: list[Observation],
) -> None:
    doubts = 0
    for count, observation in enumerate(observations, start=1):
        conclusion, doubts = conclude(observation, doubts)
        recent = observations[:count][-PATIENCE:]
        is_certain = len(recent) == PATIENCE and DOUBTFUL.issuperset(recent)
        if observation in DOUBTFUL:
            assert conclusion.ends_watch is is_certain
        if conclusion.ends_watch:
            break


@pytest.mark.parametrize(
    ("ending", "state"), list(itertools.product(sorted(WATCHED_ENDINGS), ItemState))
)
def test_each_ending_is_one_observation(ending: Ending, state: ItemState) -> None:
    found = classify(ending, state)

    match ending:
        case Ending.CRASHED | Ending.RESTART_NEEDED:
            assert found is Observation.WITHOUT_DAEMON
        case Ending.AT_REST | Ending.UNKNOWN:
            assert found is Observation.PASSING
        case Ending.BLOCKED if state is not ItemState.BLOCKED:
            assert found is Observation.PASSING
        case _:
            assert found is Observation.SETTLED


@pytest.mark.parametrize("state", ItemState)
def test_no_ending_is_unfinished_work(state: ItemState) -> None:
    assert classify(None, state) is Observation.UNFINISHED
