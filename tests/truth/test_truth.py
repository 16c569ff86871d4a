"""A few drawn scenarios on the real Millrace, and what the comparison itself must catch."""

from pathlib import Path

import pytest

from tests.support.cli import Ran
from tests.truth.draw import draw
from tests.truth.oracle import Found, Truth
from tests.truth.play import compare, play

#: Short ones: a blocked task after a foreign one, a probe whose daemon is killed, an idea.
SEEDS = (1087, 1204, 105)

COMPLETED = {
    "outcome": "completed",
    "scoped_completion": True,
    "event": {"kind": "scoped_complete"},
    "completion_evidence": ["proof"],
    "missing_evidence": [],
    "errors": [],
}


def ran(exit_code: int, **changes: object) -> Ran:
    """Return an answer that differs from a completed one."""
    return Ran(exit_code, {**COMPLETED, **changes}, "")


def ended(outcome: str, exit_code: int, event: str) -> Ran:
    """Return the answer of a request that was not completed."""
    return ran(
        exit_code,
        outcome=outcome,
        scoped_completion=False,
        event={"kind": event},
        completion_evidence=[],
        missing_evidence=["gap"],
    )


@pytest.mark.parametrize(
    "seed", [SEEDS[0], *(pytest.param(seed, marks=pytest.mark.slow) for seed in SEEDS[1:])]
)
def test_a_drawn_scenario_is_reported_as_it_is(
    tmp_path: Path, millrace_command: str, seed: int
) -> None:
    played = play(draw(seed), tmp_path, millrace_command)

    assert not played.wrong, str(played)


def test_the_same_seed_is_the_same_scenario() -> None:
    assert draw(7) == draw(7)
    assert len({str(draw(seed)) for seed in range(50)}) == 50


@pytest.mark.parametrize(
    ("answer", "truth"),
    [
        (ran(0), Truth.COMPLETED),
        (ended("blocked", 4, "blocked"), Truth.BLOCKED),
        (ended("incomplete", 3, "idle_no_work"), Truth.INCOMPLETE),
        (ended("cancelled", 143, "cancelled"), Truth.INCOMPLETE),
        (ended("blocked", 4, "stuck"), Truth.INCOMPLETE),
    ],
)
def test_a_true_answer_is_accepted(answer: Ran, truth: Truth) -> None:
    assert compare(answer, Found(truth=truth, why="", repeats=8)) == ()


def test_giving_up_while_something_continues_is_caught() -> None:
    found = Found(truth=Truth.INCOMPLETE, why="", moving=("part-1",))

    (wrong,) = compare(ended("incomplete", 3, "idle_no_work"), found)

    assert wrong == "given up (idle_no_work) while something goes on: part-1"
    assert compare(ended("timed_out", 7, "timed_out"), found) == ()


@pytest.mark.parametrize(
    ("answer", "truth", "complaint"),
    [
        (ran(0), Truth.INCOMPLETE, "false completion"),
        (ran(0), Truth.BLOCKED, "false completion"),
        (ran(3), Truth.COMPLETED, "exit code 3"),
        (ran(0, scoped_completion=False), Truth.COMPLETED, "scoped_completion"),
        (ran(0, missing_evidence=["gap"]), Truth.COMPLETED, "missing_evidence"),
        (ended("timed_out", 7, "timed_out"), Truth.COMPLETED, "missed completion"),
        (ended("blocked", 4, "blocked"), Truth.COMPLETED, "missed completion"),
        (ended("incomplete", 3, "idle_no_work"), Truth.BLOCKED, "missed block"),
        (ended("blocked", 4, "blocked"), Truth.INCOMPLETE, "false block"),
        (ended("blocked", 4, "stuck"), Truth.INCOMPLETE, "false block"),
        (ended("failed", 8, "failed"), Truth.INCOMPLETE, "the run failed"),
    ],
)
def test_an_untrue_answer_is_caught(answer: Ran, truth: Truth, complaint: str) -> None:
    wrong = compare(answer, Found(truth=truth, why="", repeats=1))

    assert any(complaint in each for each in wrong)
