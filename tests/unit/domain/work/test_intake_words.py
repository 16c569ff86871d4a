"""The words the fallback hears, each in a task where nothing else speaks."""

from __future__ import annotations

import pytest

from millracer.domain.requests import IntakeKind, IntakePreference
from millracer.domain.work.intake import choose_intake

#: Groups of words; each group is one signal.
PROBES = (
    (*("a large codebase", "a pre-existing repo", "Legacy Code Base", "the monorepo"),),
    (
        *("uncertain", "UNCLEAR", "unknown origin", "affected surface", "affected-files"),
        *("not sure which", "the root cause", "root-cause", "flaky", "intermittently"),
        *("race conditions", "somewhere", "sometimes"),
    ),
    (
        *("understand the code", "before changing it", "investigating", "find out how"),
        *("why does it", "hunt down", "figure out", "diagnose"),
    ),
    ("migrations", "migrate", "refactored", "port it to"),
    (
        *("compatible", "backward compatibility", "regressions", "neighboring modules"),
        *("existing conventions", "cross-module", "repo wide", "everywhere"),
        *("across the whole project", "across the code"),
    ),
)
IDEAS = (
    (
        *("create a new", "new command", "capabilities", "a dashboard", "user-facing"),
        *("operator visible", "workflow", "tool behaviour", "the roadmap"),
    ),
)
BUILDING = (
    *("Build it", "ready; design it", "and then introduce it", "please\tcreate it"),
    *("Add a small web page", "write an API", "users want to export and to be able to import"),
)
CHANGING = (
    *("fix", "fixes", "typo", "mechanical", "exactly", "only", "acceptance"),
    *("add", "bump", "change", "correct", "delete", "implement", "remove", "rename", "replace"),
    *("return", "set", "sort", "update"),
)
TESTING = (
    *("pytest", "failing test", "unit tests", "a regression test", "its tests"),
    *("cargo test", "go test", "npm test", "make test"),
    *("test_a.py", "tests/a.py", "spec/a.rb", "a_test.go", "a_spec.rb", "a.test.ts", "a.spec.js"),
)


def heard(task: str) -> tuple[IntakeKind, tuple[str, ...]]:
    choice = choose_intake(task, IntakePreference.AUTO, None)
    return choice.kind, choice.signals


UNHEARD = heard("paint it blue")


@pytest.mark.parametrize("group", PROBES, ids=lambda group: group[0])
def test_words_of_doubt_or_risk_ask_for_a_probe(group: tuple[str, ...]) -> None:
    assert_one_signal(IntakeKind.PROBE, [heard(f"with {words} ok") for words in group])


@pytest.mark.parametrize("group", IDEAS, ids=lambda group: group[0])
def test_words_of_an_outcome_ask_for_an_idea(group: tuple[str, ...]) -> None:
    assert_one_signal(IntakeKind.IDEA, [heard(f"with {words} ok") for words in group])


def test_words_of_building_ask_for_an_idea() -> None:
    assert_one_signal(IntakeKind.IDEA, [heard(words) for words in BUILDING])


def test_a_file_and_a_word_of_change_make_a_task() -> None:
    assert_one_signal(IntakeKind.TASK, [heard(f"src/a.py: {word} it") for word in CHANGING])


def test_a_file_and_a_test_make_a_task() -> None:
    assert_one_signal(IntakeKind.TASK, [heard(f"in src/a.py with {words}") for words in TESTING])


@pytest.mark.parametrize("words", TESTING)
def test_a_test_alone_does_not(words: str) -> None:
    assert heard(f"look at {words}") == UNHEARD


def test_each_group_is_a_signal_of_its_own() -> None:
    signals = [heard(f"with {group[0]} ok")[1] for group in (*PROBES, *IDEAS)]

    assert len(set(signals)) == len(signals)


def assert_one_signal(kind: IntakeKind, found: list[tuple[IntakeKind, tuple[str, ...]]]) -> None:
    (one,) = set(found)
    assert one[0] is kind
    assert len(one[1]) == 1
    assert one != UNHEARD


@pytest.mark.parametrize("word", ["see", "per", "Read", "follow", "described in", "according to"])
def test_a_document_that_is_only_to_be_read_is_not_a_file_to_change(word: str) -> None:
    kind, _ = heard(f"{word} docs/a.md and run pytest")

    assert kind is IntakeKind.PROBE
