"""The whole space of a run's states keeps the promises, and a broken rule would be noticed.

`make test` goes the small space, `make statespace` the large one too; `scenarios` states their
bounds.
"""

from __future__ import annotations

import sys
from dataclasses import replace

import pytest

from millracer.domain.run.lifecycle import SUBMISSION_EDGES
from millracer.domain.run.outcome import Outcome
from tests.statespace.circles import circles
from tests.statespace.explore import Broken, Space
from tests.statespace.mutants import MUTATIONS, SUBMISSION_MUTATIONS
from tests.statespace.scenarios import (
    BETWEEN,
    BUDGETED,
    LARGE,
    NOT_IN_LARGE,
    SMALL,
    SUBMISSION,
    explore,
    needs_others,
    untaken,
    wrong_with,
)

#: Those that are noticed soon; `make statespace` tries them all.
QUICK_MUTATIONS = (
    "a done item needs no run",
    "a run needs no done item",
    "any result will do",
    "another id each time",
    "a failed repair goes on watching",
    "one restart too many",
    "restarts without end",
    "nothing is left at the end",
    "timed_out is completed",
)


def _refuses(name: str) -> bool:
    """Whether the small space shows that something is wrong."""
    with pytest.MonkeyPatch.context() as patch:
        MUTATIONS[name](patch)
        try:
            space = explore(SMALL)
        except Broken:
            return True
        return bool(wrong_with(space, SMALL.over)) or not all(map(needs_others, untaken(space)))


def _report(space: Space) -> None:
    counts = f"{len(space.nodes)} states, {space.transitions} ways between them"
    worlds = f"{len(space.rests)} worlds between two runs, {space.runs} runs"
    sys.stdout.write(f"{counts}, {worlds}\n")


@pytest.fixture(scope="module")
def small() -> Space:
    return explore(SMALL)


def test_a_run_keeps_its_promises_in_every_state(small: Space) -> None:
    _report(small)

    assert wrong_with(small, SMALL.over) == []
    assert all(map(needs_others, untaken(small)))
    needs_a_budget = {Outcome.BUDGET_EXHAUSTED}
    assert set(map(str, Outcome)) - {Outcome.CANCELLED} - needs_a_budget == small.outcomes


def test_a_run_keeps_its_promises_where_the_item_ends_between_two_reads(small: Space) -> None:
    space = explore(BETWEEN)
    _report(space)

    assert wrong_with(space, BETWEEN.over) == []
    assert space.steps | small.steps >= NOT_IN_LARGE  # so every row of the table is gone


def test_a_run_with_a_budget_keeps_its_promises_in_every_state() -> None:
    space = explore(BUDGETED)
    _report(space)

    assert wrong_with(space, BUDGETED.over) == []
    assert {"budget_exhausted", "completed"} <= space.outcomes


def test_a_submission_keeps_its_promises_in_every_state() -> None:
    space = explore(SUBMISSION)
    _report(space)

    assert wrong_with(space, SUBMISSION.over) == []
    assert untaken(space, SUBMISSION_EDGES) == set()
    assert {"COMPLETED", "INCOMPLETE", "BLOCKED", "FAILED", "INTERRUPTED"} == space.outcomes


@pytest.mark.parametrize("name", SUBMISSION_MUTATIONS)
def test_a_wrong_rule_of_a_submission_is_noticed(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    SUBMISSION_MUTATIONS[name](monkeypatch)

    try:
        space = explore(SUBMISSION)
    except Broken:
        return
    assert wrong_with(space, SUBMISSION.over) or untaken(space, SUBMISSION_EDGES)


@pytest.mark.parametrize("name", QUICK_MUTATIONS)
def test_a_wrong_rule_is_noticed(name: str) -> None:
    assert _refuses(name)


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_a_run_keeps_its_promises_whatever_befalls_it() -> None:
    space = explore(LARGE)
    _report(space)

    assert wrong_with(space, LARGE.over) == []
    assert untaken(space) == NOT_IN_LARGE
    assert set(map(str, Outcome)) - {Outcome.BUDGET_EXHAUSTED} == space.outcomes


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(set(MUTATIONS) - set(QUICK_MUTATIONS)))
def test_each_wrong_rule_is_noticed(name: str) -> None:
    assert _refuses(name)


def test_more_states_than_expected_are_refused() -> None:
    with pytest.raises(Broken, match="more than 20 states"):
        explore(replace(SMALL, limit=20))


def test_circles_are_found() -> None:
    graph = {"a": ["b"], "b": ["c", "d"], "c": ["a"], "d": ["e", "d"], "e": [], "f": ["a"]}

    assert [{"d"}, {"a", "b", "c"}] == list(circles(graph))
