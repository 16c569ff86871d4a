"""Calls are repeated until the database answers, and an outage is reported once."""

from __future__ import annotations

import pytest

from millracer.ports.fleet_engine import DispatchKept
from millracer.worker import patience
from millracer.worker.patience import Outage, Patience
from tests.fakes.fleet_worker import away


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "_FIRST_SECONDS", 0.001)
    monkeypatch.setattr(patience, "_MOST_SECONDS", 0.001)


def failing(times: int) -> object:
    left = [times]

    def call() -> str:
        left[0] -= 1
        if left[0] >= 0:
            raise away()
        return "answer"

    return call


def test_a_call_is_repeated_until_the_database_answers() -> None:
    said: list[str] = []

    answer = Patience(Outage(said.append)).call(failing(5))

    assert answer == "answer"
    assert len(said) == 2
    assert "away" in said[0]


def test_a_database_that_answers_some_calls_is_reported_once_a_minute() -> None:
    said: list[str] = []
    outage = Outage(said.append)

    for _ in range(20):
        outage.failed(away())
        outage.ended()

    assert len(said) == 2


def test_the_end_of_the_worker_ends_the_repetition_after_one_call() -> None:
    patient = Patience(Outage(lambda _line: None))
    patient.end()

    assert patient.call(failing(0)) == "answer"
    with pytest.raises(DispatchKept):
        patient.call(failing(5))
