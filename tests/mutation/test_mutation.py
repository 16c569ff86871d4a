"""The tool that tries the mutants; the mutants themselves are tried by `make mutants`."""

from __future__ import annotations

import ast

import pytest

from tests.mutation.changes import changes
from tests.mutation.mutants import compile_mutant, modules, mutants_of
from tests.mutation.report import DOCUMENT, explained_in, read_counts, read_reasons, render

MEMBERS = {"State": ("DONE", "LOST", "LEFT")}


def changed(source: str) -> list[str]:
    """What becomes of the one expression or statement."""
    (node,) = ast.parse(source).body
    at = node.value if isinstance(node, ast.Expr) and not isinstance(node.value, ast.Call) else node
    return [
        ast.unparse(ast.fix_missing_locations(change.after))
        for change in changes(at, ast.Module(body=[], type_ignores=[]), "body", MEMBERS)
    ]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("a == b", ["a != b"]),
        ("a < b", ["a <= b", "a >= b"]),
        ("a and b", ["a or b", "b", "a"]),
        ("not a", ["a"]),
        ("a + b", ["a - b"]),
        ("3", ["4"]),
        ("True", ["False"]),
        ("'word'", ["'XXword'"]),
        ("'two words'", []),
        ("None", []),
        ("(a, b)", ["(b,)", "(a,)"]),
        ("{a}", ["set()"]),
        ("{a: b, c: d}", ["{c: d}", "{a: b}"]),
        ("State.LEFT", ["State.DONE"]),
        ("State.unknown", []),
        ("do(it)", ["pass"]),
        ("a += b", ["pass", "a -= b"]),
        ("raise a", ["pass"]),
        ("a.b = c", ["pass"]),
        ("a = b", []),
    ],
)
def test_a_node_is_changed_in_each_way(source: str, expected: list[str]) -> None:
    assert expected == changed(source)


def test_every_mutant_has_a_name_of_its_own_and_another_code() -> None:
    names = [mutant.name for module in modules() for mutant in mutants_of(module)]
    mutants = mutants_of("doctor_report")

    assert len(set(names)) == len(names)
    assert len({compile_mutant(mutant).co_consts for mutant in mutants}) == len(mutants)


def test_every_explained_mutant_exists() -> None:
    names = {mutant.name for module in modules() for mutant in mutants_of(module)}

    assert explained_in(read_reasons()) <= names


def test_the_document_reports_what_was_tried_last() -> None:
    assert render(modules(), read_counts(), read_reasons()) == DOCUMENT.read_text(encoding="utf-8")
