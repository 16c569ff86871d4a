"""Every error names a next step, wherever in the product it is raised."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from pathlib import Path

import pytest

from millracer import errors
from millracer.errors import INTERNAL_ERROR, MillracerError, ToolError

_PACKAGE = Path(__file__).parents[2] / "millracer"
_ERRORS = {
    name: kind
    for name, kind in inspect.getmembers(errors, inspect.isclass)
    if issubclass(kind, MillracerError)
}


def _made(path: Path) -> Iterator[ast.Call]:
    """Yield every place in a module where an error is made by its name."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and _name(node.func) in _ERRORS:
            yield node


def _name(called: ast.expr) -> str:
    match called:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case ast.IfExp(body=ast.Name(id=name)):
            return name
        case _:
            return ""


def _says_what_to_do(made: ast.Call) -> bool:
    said = {keyword.arg: keyword.value for keyword in made.keywords}
    if "suggested_action" in said:
        value = said["suggested_action"]
        return not (isinstance(value, ast.Constant) and not value.value)
    kind = _ERRORS[_name(made.func)]
    if issubclass(kind, ToolError):
        return kind.default_action is not None
    return kind.code == INTERNAL_ERROR and "code" not in said


@pytest.mark.parametrize(
    "path",
    sorted(
        path
        for path in _PACKAGE.rglob("*.py")
        # The author of a script chooses the errors of the stand-ins.
        if path.name != "errors.py" and path.parent.name != "testing"
    ),
    ids=lambda path: str(path.relative_to(_PACKAGE)),
)
def test_every_error_says_what_to_do_next(path: Path) -> None:
    silent = [made.lineno for made in _made(path) if not _says_what_to_do(made)]

    assert silent == []


def test_the_places_are_found() -> None:
    found = {_name(made.func) for path in _PACKAGE.rglob("*.py") for made in _made(path)}

    # What is made by another name is looked for as well: a conditional, or a family's own parent.
    assert found >= set(_ERRORS) - {"ToolError", "DaemonDied"}


@pytest.mark.parametrize("kind", [errors.ToolNotFound, errors.ToolTimeout, errors.ProtocolError])
def test_a_tools_error_names_the_tool(kind: type[ToolError]) -> None:
    assert "pi" in (kind("pi", "m").suggested_action or "")
    assert kind("pi", "m", suggested_action="do it").suggested_action == "do it"


def test_a_bug_of_millracer_is_to_be_reported() -> None:
    assert "report it" in (MillracerError("m").suggested_action or "")
    assert MillracerError("m", code="other").suggested_action is None
