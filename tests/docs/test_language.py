"""Pages avoid the phrases of the word list; docs/contributing.md states the rule."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import pytest

from tests.docs.language import RULES, Rule, findings, findings_in_test
from tests.docs.shown import ROOT

_TEXTS = ("README.md", "CHANGELOG.md", "docs/**/*.md", "docs/examples/*.py", "millracer/**/*.py")
#: Pages whose text in double quotes is not scanned, with the reason.
_QUOTING: Mapping[str, str] = MappingProxyType(
    {"docs/contributing.md": "quotes the phrases that it forbids"}
)


#: Tests that hold the phrases themselves, with the reason.
_QUOTING_TESTS: Mapping[str, str] = MappingProxyType(
    {"tests/docs/language.py": "the list", "tests/docs/test_language.py": "tests of the list"}
)

_PUBLIC_NAME = "a public name in a list of attributes or arguments"
_INTAKE = "the text of an intake document, from which Millrace derives ids"
_STEP = "a published next step, or the message that goes with it"
#: Phrases that a module keeps, with the reason.
_KEPT: Mapping[tuple[str, str], str] = MappingProxyType(
    {
        ("millracer/domain/work/items.py", "ours"): _PUBLIC_NAME,
        ("millracer/schemas/status.py", "ours"): _PUBLIC_NAME,
        ("millracer/millrace/intake/documents.py", "stands"): _INTAKE,
        ("millracer/millrace/intake/fields.py", "stands"): _INTAKE,
        ("millracer/operations/cancel.py", "look"): _STEP,
        ("millracer/operations/control.py", "look"): _STEP,
        ("millracer/testing/backend.py", "look"): _STEP,
        ("millracer/cli/options/common.py", "begun"): _PUBLIC_NAME,
        ("millracer/testing/agent.py", "begun"): _PUBLIC_NAME,
        ("docs/evidence/crash-matrix.md", "begun"): "a published word of the matrix",
    }
)


def _scanned() -> list[str]:
    paths = (path for glob in _TEXTS for path in ROOT.glob(glob))
    return sorted({str(path.relative_to(ROOT)) for path in paths})


@pytest.mark.parametrize("name", _scanned())
def test_a_text_avoids_the_phrases_of_the_word_list(name: str) -> None:
    found = findings(ROOT / name, skips_quotations=name in _QUOTING)

    assert [str(each) for each in found if (name, each.phrase.lower()) not in _KEPT] == []


def test_tests_avoid_the_phrases_in_docstrings_comments_and_names() -> None:
    found = [
        str(each)
        for path in sorted((ROOT / "tests").rglob("*.py"))
        if str(path.relative_to(ROOT)) not in _QUOTING_TESTS
        for each in findings_in_test(path)
    ]

    assert found == []


@pytest.mark.parametrize(("name", "phrase"), _KEPT)
def test_a_kept_phrase_is_there(name: str, phrase: str) -> None:
    assert phrase in {each.phrase.lower() for each in findings(ROOT / name)}


@pytest.mark.parametrize("name", [*_QUOTING])
def test_an_exception_is_needed(name: str) -> None:
    assert list(findings(ROOT / name)) != []


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.bad)
def test_a_rule_finds_its_example_and_accepts_good_english(rule: Rule) -> None:
    assert list(rule.find(rule.bad))
    assert [match[0] for each in RULES for match in each.find(rule.good)] == []


def test_a_page_is_scanned_without_its_code_and_links(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "Fine, `it goes on`.\n\n```console\n$ date\nsomebody\n```\n\n[a](nobody.md)\nIt goes\non.",
        encoding="utf-8",
    )

    assert [(each.line, each.phrase) for each in findings(page)] == [(9, "goes on")]


def test_quotations_are_skipped_only_on_request(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text('Avoid "nobody".\n', encoding="utf-8")

    assert list(findings(page, skips_quotations=True)) == []
    assert len(list(findings(page))) == 1


def test_a_module_is_scanned_in_its_docstrings_strings_and_comments(tmp_path: Path) -> None:
    module = tmp_path / "module.py"
    module.write_text(
        '"""Fine.\n\nIt goes on.\n"""\n\nnobody = 1  # mend this\nname = f"told {nobody} so"\n',
        encoding="utf-8",
    )

    assert sorted((each.line, each.phrase) for each in findings(module)) == [
        (3, "goes on"),
        (6, "mend"),
        (7, "told"),
    ]


def test_a_test_is_scanned_in_its_docstrings_comments_and_names(tmp_path: Path) -> None:
    module = tmp_path / "module.py"
    module.write_text(
        '"""It goes on."""\n\n\n'
        "def test_it_is_told(*, ours: int) -> None:\n"
        '    "somebody"  # mend this\n'
        '    self.begun = theirs = "nobody"\n\n\n'
        "class LooksAtIt:\n"
        "    assert looked and nobody\n",
        encoding="utf-8",
    )

    assert sorted((each.line, each.phrase.lower()) for each in findings_in_test(module)) == [
        (1, "goes on"),
        (4, "ours"),
        (4, "told"),
        (5, "mend"),
        (5, "somebody"),
        (6, "begun"),
        (6, "theirs"),
        (9, "looks"),
    ]
