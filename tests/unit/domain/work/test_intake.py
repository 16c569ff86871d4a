from __future__ import annotations

import pytest
from hypothesis import given

from millracer.domain.requests import IntakeKind, IntakePreference
from millracer.domain.work.intake import NOTHING_SPEAKS, IntakeChoice, IntakeSource, choose_intake
from tests.support.hostile import any_texts


def fallback(task: str) -> IntakeChoice:
    return choose_intake(task, IntakePreference.AUTO, None, ())


@pytest.mark.parametrize("kind", list(IntakeKind))
def test_a_forced_kind_wins_over_pi_and_over_the_words(kind: IntakeKind) -> None:
    for decided in IntakeKind:
        choice = choose_intake(
            "Refactor everything", IntakePreference(kind.value), decided, ("pi said so",)
        )

        assert choice == IntakeChoice(
            kind=kind, signals=(f"forced {kind}",), source=IntakeSource.FORCED
        )


@pytest.mark.parametrize("kind", list(IntakeKind))
def test_the_kind_pi_named_wins_over_the_words_and_brings_pis_signals(kind: IntakeKind) -> None:
    choice = choose_intake("Refactor everything", IntakePreference.AUTO, kind, ("small", "local"))

    assert choice == IntakeChoice(kind=kind, signals=("small", "local"), source=IntakeSource.PI)


@pytest.mark.parametrize(
    "task",
    [
        "Fix src/parser.py so that tests/test_parser.py passes",
        "In `millracer/domain/work/items.py` rename x; run pytest",
        "lib/a.ts: make the failing test green",
        "Change app/models.rb and app/models_test.go",
        "Fix a typo in README.md",
        "Only touch config.yaml",
    ],
)
def test_an_exact_local_file_is_a_task(task: str) -> None:
    choice = fallback(task)

    assert choice.kind is IntakeKind.TASK
    assert choice.source is IntakeSource.FALLBACK
    assert choice.signals


@pytest.mark.parametrize(
    ("task", "signal"),
    [
        ("This is a large pre-existing codebase; make login faster", "large or existing codebase"),
        ("The affected files are uncertain", "uncertain where to change"),
        ("Find the root cause of the crash", "uncertain where to change"),
        ("Understand the codebase, then change the cache", "understand before changing"),
        ("Migrate the database to Postgres", "migration or refactoring"),
        ("Refactor the session handling", "migration or refactoring"),
        ("Keep backwards compatibility with v1", "compatibility or regression risk"),
        ("Avoid regressions in the neighbouring modules", "compatibility or regression risk"),
        ("Add a new dashboard in this legacy repo", "large or existing codebase"),
        ("tests/test_login.py is flaky", "uncertain where to change"),
    ],
)
def test_large_uncertain_or_risky_work_is_a_probe(task: str, signal: str) -> None:
    choice = fallback(task)

    assert choice.kind is IntakeKind.PROBE
    assert signal in choice.signals


@pytest.mark.parametrize(
    "task",
    [
        "Build a new export service for invoices",
        "Add a new page that lists users",
        "We want user-facing notifications",
        "An operator-visible health dashboard",
    ],
)
def test_a_clear_outcome_that_needs_shaping_is_an_idea(task: str) -> None:
    assert fallback(task).kind is IntakeKind.IDEA


@pytest.mark.parametrize(
    "task",
    [
        "",
        "Do it",
        "Only fix it",
        "Make the tea",
        "immigration forms",  # holds `migration` inside a word
        "recapability",
        "Look at src/a.py",
        "version 1.2.md5 and a.pyc",
    ],
)
def test_when_nothing_speaks_it_is_a_probe(task: str) -> None:
    choice = fallback(task)

    assert choice == IntakeChoice(
        kind=IntakeKind.PROBE, signals=(NOTHING_SPEAKS,), source=IntakeSource.FALLBACK
    )


def test_every_signal_that_was_heard_is_reported_once() -> None:
    choice = fallback("Refactor and migrate the huge repo; refactor it without regressions")

    alone = [fallback(task).signals for task in ("a huge repo", "migrate it", "regressions")]
    assert choice.signals == tuple(signal for (signal,) in alone)


@given(any_texts())
def test_any_text_gets_a_kind_with_a_reason_and_always_the_same(task: str) -> None:
    choice = fallback(task)

    assert choice.signals
    assert choice == fallback(task)
