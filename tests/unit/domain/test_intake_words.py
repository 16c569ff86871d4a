"""The words the fallback hears, each in a task where nothing else speaks."""

from __future__ import annotations

import pytest

from millracer.domain.intake import choose_intake
from millracer.domain.work import IntakeKind, IntakePreference

PROBES = {
    "large or existing codebase": (
        *("a large codebase", "a pre-existing repo", "Legacy Code Base", "the monorepo"),
    ),
    "uncertain where to change": (
        *("uncertain", "UNCLEAR", "unknown origin", "affected surface", "affected-files"),
        *("not sure which", "the root cause", "root-cause", "flaky", "intermittently"),
        *("race conditions", "somewhere", "sometimes"),
    ),
    "understand before changing": (
        *("understand the code", "before changing it", "investigating", "find out how"),
        *("why does it", "hunt down", "figure out", "diagnose"),
    ),
    "migration or refactoring": ("migrations", "migrate", "refactored", "port it to"),
    "compatibility or regression risk": (
        *("compatible", "backward compatibility", "regressions", "neighboring modules"),
        *("existing conventions", "cross-module", "repo wide", "everywhere"),
        *("across the whole project", "across the code"),
    ),
}
IDEAS = {
    "clear outcome that needs shaping": (
        *("create a new", "new command", "capabilities", "a dashboard", "user-facing"),
        *("operator visible", "workflow", "tool behaviour", "the roadmap"),
    )
}
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


@pytest.mark.parametrize(
    ("words", "signal"), [(words, signal) for signal, said in PROBES.items() for words in said]
)
def test_words_of_doubt_or_risk_ask_for_a_probe(words: str, signal: str) -> None:
    assert heard(f"with {words} ok") == (IntakeKind.PROBE, (signal,))


@pytest.mark.parametrize(
    ("words", "signal"), [(words, signal) for signal, said in IDEAS.items() for words in said]
)
def test_words_of_an_outcome_ask_for_an_idea(words: str, signal: str) -> None:
    assert heard(f"with {words} ok") == (IntakeKind.IDEA, (signal,))


@pytest.mark.parametrize("words", BUILDING)
def test_words_of_building_ask_for_an_idea(words: str) -> None:
    assert heard(words) == (IntakeKind.IDEA, ("an outcome to build, no file named",))


@pytest.mark.parametrize("word", CHANGING)
def test_a_file_and_a_word_of_change_make_a_task(word: str) -> None:
    assert heard(f"src/a.py: {word} it") == (IntakeKind.TASK, ("exact local file to change",))


@pytest.mark.parametrize("words", TESTING)
def test_a_file_and_a_test_make_a_task(words: str) -> None:
    assert heard(f"in src/a.py with {words}") == (
        IntakeKind.TASK,
        ("exact local file with its test",),
    )


@pytest.mark.parametrize("words", TESTING)
def test_a_test_alone_does_not(words: str) -> None:
    assert heard(f"look at {words}") == (
        IntakeKind.PROBE,
        ("nothing in the task says how large it is",),
    )


@pytest.mark.parametrize("word", ["see", "per", "Read", "follow", "described in", "according to"])
def test_a_document_that_is_only_to_be_read_is_no_file_to_change(word: str) -> None:
    kind, _ = heard(f"{word} docs/a.md and run pytest")

    assert kind is IntakeKind.PROBE
