"""Pages avoid the phrases of the word list; docs/contributing.md states the rule."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import pytest

from tests.docs.language import RULES, Rule, findings
from tests.docs.shown import ROOT

_PAGES = ("README.md", "CHANGELOG.md", "docs/**/*.md", "docs/examples/*.py")
#: Not scanned yet; "millracer/**/*.py" belongs here once its texts follow the rule.
_CODE: tuple[str, ...] = ()
#: Pages whose text in double quotes is not scanned, with the reason.
_QUOTING: Mapping[str, str] = MappingProxyType(
    {"docs/contributing.md": "quotes the phrases that it forbids"}
)


def _scanned() -> list[str]:
    paths = (path for glob in (*_PAGES, *_CODE) for path in ROOT.glob(glob))
    return sorted({str(path.relative_to(ROOT)) for path in paths})


@pytest.mark.parametrize("name", _scanned())
def test_a_text_avoids_the_phrases_of_the_word_list(name: str) -> None:
    found = findings(ROOT / name, skips_quotations=name in _QUOTING)

    assert [str(each) for each in found] == []


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
