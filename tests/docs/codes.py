"""Every code that a result can carry, read from where the code of the product makes it.

Found are the codes of the error tree, those given as `code=`, those of pi's failures, and of
warnings those handed to `RunWarning`, `warn` or `_note`. What passes another's code on makes none.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from types import ModuleType

import millracer
from millracer import errors
from millracer.domain.run.outcome import Outcome
from millracer.errors import MillracerError, ToolError
from millracer.pi import errors as pi_errors

_PACKAGE = Path(millracer.__file__).parent
_WARNS = {"RunWarning", "warn", "_note"}
_TOOLS = ("millrace", "pi")
#: The code in the ops result of a run that failed by its outcome, with no error of its own.
_OUTCOMES = {Outcome.RESTART_NEEDED, Outcome.CRASHED}


def error_codes() -> set[str]:
    """Return the codes of all errors."""
    kinds = [
        kind
        for _, kind in inspect.getmembers(errors, inspect.isclass)
        if issubclass(kind, MillracerError)
    ]
    tree = {kind.code for kind in kinds if not issubclass(kind, ToolError)}
    tools = {
        f"{tool}_{kind.suffix}" for kind in kinds if issubclass(kind, ToolError) for tool in _TOOLS
    }
    given = {
        code
        for path in _PACKAGE.rglob("*.py")
        for call in _calls(path)
        for keyword in call.keywords
        if keyword.arg == "code" and (code := _text(keyword.value, path)) is not None
    }
    return tree | tools | given | _codes_of(pi_errors) | {str(each) for each in _OUTCOMES}


def warning_codes() -> set[str]:
    """Return the codes of all warnings."""
    return {
        code
        for path in _PACKAGE.rglob("*.py")
        for call in _calls(path)
        if _name(call) in _WARNS and call.args
        if (code := _text(call.args[0], path)) is not None
    } | {errors.StoreUnavailable.code}


def _codes_of(module: ModuleType) -> set[str]:
    """Return the codes of pi's failures: the first word of each that is made there."""
    tree = ast.parse(inspect.getsource(module))
    return {
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and node.value.startswith("pi_")
        and node.value.isidentifier()
    }


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def _calls(path: Path) -> Sequence[ast.Call]:
    return [node for node in ast.walk(_tree(path)) if isinstance(node, ast.Call)]


def _name(call: ast.Call) -> str:
    match call.func:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case _:
            return ""


def _text(value: ast.expr, path: Path) -> str | None:
    """Return a text, or what a name in capitals of the same module stands for."""
    match value:
        case ast.Constant(value=str(text)):
            return text
        case ast.Name(id=name) if name.isupper():
            for node in _tree(path).body:
                match node:
                    case ast.Assign(
                        targets=[ast.Name(id=found)], value=ast.Constant(value=str(text))
                    ):
                        if found == name:
                            return text
    return None
