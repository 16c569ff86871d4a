"""The backend's own words stay in the backend: its commands appear in no other package."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

_PACKAGE = Path(__file__).parents[2] / "millracer"
#: The backend, its stand-in, and the demonstration of the real program.
_BACKENDS = frozenset({"millrace", "testing", "demo"})
_SUBCOMMANDS = "init|status|control|queue|runs|modes|compile|run|upgrade|config"
_COMMAND = re.compile(rf"\bmillrace (?:{_SUBCOMMANDS})\b")

_MODULES = sorted(
    path for path in _PACKAGE.rglob("*.py") if path.relative_to(_PACKAGE).parts[0] not in _BACKENDS
)


def _texts(path: Path) -> Iterator[str]:
    """Yield every text in a module, documentation included."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


@pytest.mark.parametrize("path", _MODULES, ids=lambda path: str(path.relative_to(_PACKAGE)))
def test_only_the_backend_writes_its_commands(path: Path) -> None:
    found = [text for text in _texts(path) if _COMMAND.search(text)]

    assert found == []


def test_a_command_of_the_backend_is_found() -> None:
    assert _COMMAND.search("end it with `millrace control stop`")
    assert not _COMMAND.search("end it with `millracer stop`")
