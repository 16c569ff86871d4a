"""The files of the server's page: complete, without inline code, and as they were fetched."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.browser.vendor import FOLDER, PACKAGES, SUMS, sums
from tests.docs.shown import ROOT

_PAGE = ROOT / "millracer" / "serve" / "page"
_INDEX = (_PAGE / "index.html").read_text(encoding="utf-8")
_OWN = sorted(
    path
    for path in _PAGE.rglob("*")
    if path.suffix in {".js", ".css", ".html"} and path.parent != FOLDER
)
_MODULES = sorted(_PAGE.rglob("*.js"))
#: What would make markup of a text, code of a string, or a style that the policy forbids.
_FORBIDDEN = re.compile(
    r"innerHTML|outerHTML|insertAdjacentHTML|dangerouslySetInnerHTML|document\.write|\beval\("
    r"|new Function|\sstyle=|\son[a-z]+=\"|javascript:|EventSource|document\.cookie|localStorage"
)
_IMPORT = re.compile(r'from\s*"(\.[^"]+)"')


def test_vendored_files_are_as_they_were_fetched() -> None:
    assert (FOLDER / SUMS).read_text(encoding="ascii") == sums(FOLDER)
    expected = {name for files in PACKAGES.values() for name in files.values()}
    assert {path.name for path in FOLDER.iterdir()} == expected | {SUMS}


def test_the_page_loads_each_module_at_once() -> None:
    loaded = set(re.findall(r'"/static/([^"]+\.js)"', _INDEX))
    assert loaded == {path.relative_to(_PAGE).as_posix() for path in _MODULES}


def test_index_has_no_inline_code_or_style() -> None:
    assert not re.findall(r"<script(?![^>]*\ssrc=)", _INDEX)
    assert "<style" not in _INDEX


@pytest.mark.parametrize("path", _OWN, ids=lambda path: path.relative_to(_PAGE).as_posix())
def test_no_text_becomes_markup_or_code(path: Path) -> None:
    assert not _FORBIDDEN.findall(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", _MODULES, ids=lambda path: path.relative_to(_PAGE).as_posix())
def test_imports_name_files_of_the_page(path: Path) -> None:
    for name in _IMPORT.findall(path.read_text(encoding="utf-8")):
        target = (path.parent / name).resolve()
        assert target.is_file(), name
        assert target.is_relative_to(_PAGE), name
