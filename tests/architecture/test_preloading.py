"""A command that waits has loaded all it can need afterwards: its package may be upgraded then."""

from __future__ import annotations

import ast
import importlib.util
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import millracer

_LIMIT_SECONDS = 60
_TELL = """
import importlib, json, sys
from millracer.bootstrap import loading
from millracer.interfaces import cli, entry, head_start, preloading, tools
importlib.import_module("millracer.interfaces." + {command!r})
preloading.load_endings()
loading.{load}()
print(json.dumps(sorted(name for name in sys.modules)))
"""
#: Functions that import, and that no command which waits calls after it has begun to wait.
_BEFORE_OR_NEVER = frozenset(
    {
        # They choose the command, or complete a line.
        "millracer.interfaces.cli",
        "millracer.interfaces.completion",
        "millracer.interfaces.config_cli",
        "millracer.interfaces.doctor_cli",
        "millracer.interfaces.queue_cli",
        "millracer.interfaces.session_cli",
        # They are what loads.
        "millracer.bootstrap.loading",
    }
)
#: Imported in process 1 alone, before the command starts.
_AT_START = frozenset({"millracer.interfaces.process_one"})
_OF_OTHERS = frozenset(
    {
        # The doctor's, setup's, the library's, completion's.
        *("millracer.adapters.pi_look", "millracer.adapters.stage_models", "millracer.api"),
        *("millracer.adapters.surroundings", "millracer.adapters.tool_install"),
        "millracer.adapters.names",
        # A terminal's: loaded when its progress or its prompt begins.
        *("millracer.interfaces.live", "millracer.interfaces.operator_terminal", "rich.console"),
        # Documents of a command that renders them: loaded with it.
        *("millracer.contracts.config_result", "millracer.contracts.control_result"),
        *("millracer.contracts.doctor_result", "millracer.contracts.status_result"),
        "millracer.contracts.submit_result",
    }
)
_OF_ANSWERS = frozenset({"millracer.adapters.directories", "millracer.application.ops"})


def _modules_of(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.ImportFrom(module=str(module), names=names):
            for each in names:
                name = f"{module}.{each.name}"
                yield name if _is_module(name) else module
        case ast.Import(names=names):
            yield from (each.name for each in names)


def _is_module(name: str) -> bool:
    path = Path(millracer.__file__).parents[1].joinpath(*name.split("."))
    return path.is_dir() or path.with_suffix(".py").is_file()


def _imported_late(module: str) -> set[str]:
    """Return what the functions of a module import."""
    spec = importlib.util.find_spec(module)
    assert spec is not None
    assert spec.origin is not None
    tree = ast.parse(Path(spec.origin).read_bytes())
    functions = [each for each in ast.walk(tree) if isinstance(each, ast.FunctionDef)]
    nodes = (node for function in functions for node in ast.walk(function))
    return {name for node in nodes for name in _modules_of(node)}


@pytest.mark.parametrize(
    ("command", "load", "others"),
    [
        ("run_command", "load_run", _OF_OTHERS | _OF_ANSWERS),
        ("operator_command", "load_run", _OF_OTHERS | _OF_ANSWERS),
        ("demo_command", "load_run", _OF_OTHERS | _OF_ANSWERS),
        ("ops_lines", "load_answers", _OF_OTHERS),
    ],
)
def test_nothing_is_left_to_load_when_it_waits(
    command: str, load: str, others: frozenset[str]
) -> None:
    told = subprocess.run(
        (sys.executable, "-c", _TELL.format(command=command, load=load)),
        capture_output=True,
        timeout=_LIMIT_SECONDS,
        check=True,
    )
    loaded = set(json.loads(told.stdout))
    ours = {name for name in loaded if name.startswith("millracer.")} - _BEFORE_OR_NEVER

    late = {module: _imported_late(module) - loaded - others - _AT_START for module in sorted(ours)}

    assert {module: names for module, names in late.items() if names} == {}
