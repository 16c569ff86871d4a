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
_REPORT = """
import importlib, json, sys
from millracer.wiring import preload, tool_factory
from millracer.cli import app, main
from millracer.cli.startup import prewarm
from millracer.cli.startup.preload import load_endings
importlib.import_module("millracer.cli." + {command!r})
load_endings()
preload.{load}()
print(json.dumps(sorted(name for name in sys.modules)))
"""
#: Functions that import, and that no waiting command calls after it has started to wait.
_BEFORE_OR_NEVER = frozenset(
    {
        # They choose the command, or complete a line.
        "millracer.cli.app",
        "millracer.cli.options.completion",
        # They are what loads.
        "millracer.wiring.preload",
    }
)
#: Imported before the command starts: the second in process 1 alone.
_AT_START = frozenset({"millracer.cli.commands.ops.plain", "millracer.cli.process.process_one"})
_OF_OTHERS = frozenset(
    {
        # The doctor's, setup's, the library's, completion's.
        *("millracer.pi.inspection", "millracer.millrace.stage_models", "millracer.api"),
        *("millracer.doctor.machine", "millracer.programs.installer", "millracer.programs.plan"),
        "millracer.millrace.files.candidates",
        # The server's, which loads it before it listens.
        "millracer.system.server_records",
        # That of `logs`, read at once.
        "millracer.millrace.evidence.transcripts",
        # A terminal's: loaded at the start, or when its progress or its prompt begins.
        *(
            "millracer.cli.terminal.layout",
            "millracer.cli.terminal.live_progress",
            "millracer.cli.terminal.markdown",
            "millracer.cli.terminal.task_screen",
            "millracer.cli.operator.terminal",
            "rich.console",
        ),
        # Documents of a command that renders them: loaded with it.
        *("millracer.schemas.config", "millracer.schemas.control"),
        *("millracer.schemas.doctor", "millracer.schemas.status"),
        "millracer.schemas.submit",
        # The fleet's: of its own commands, and loaded at the start if a fleet is configured.
        *(
            f"millracer.{name}"
            for name in (
                *("wiring.fleet", "fleet.place", "fleet.store", "fleet.schedules"),
                *("fleet.access", "fleet.checks", "fleet.provision"),
            )
        ),
        # Listeners of a run's end: loaded at the start if they are configured.
        *("millracer.notify.notifications", "millracer.tracing.export"),
    }
)
_OF_OTHER_PLATFORMS = {
    "linux": "millracer.system.watchfiles_changes",
    "portable": "millracer.system.inotify_changes",
}
_OF_ANSWERS = frozenset(
    {"millracer.millrace.files.directories", "millracer.operations.ops.gateway"}
)
#: The operator shares the views of commands, not their harness.
_OF_COMMANDS = frozenset({"millracer.cli.operation_calls"})


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


@pytest.mark.portable
@pytest.mark.parametrize(
    ("command", "load", "others"),
    [
        ("commands.run.task", "load_run", _OF_OTHERS | _OF_ANSWERS),
        ("operator.command", "load_run", _OF_OTHERS | _OF_ANSWERS | _OF_COMMANDS),
        ("commands.demo.run", "load_run", _OF_OTHERS | _OF_ANSWERS),
        ("commands.ops.jsonl_server", "load_answers", _OF_OTHERS),
    ],
)
def test_nothing_is_left_to_load_when_it_waits(
    command: str, load: str, others: frozenset[str], system_calls: str
) -> None:
    ran = subprocess.run(
        (sys.executable, "-c", _REPORT.format(command=command, load=load)),
        capture_output=True,
        timeout=_LIMIT_SECONDS,
        check=True,
    )
    loaded = set(json.loads(ran.stdout))
    own = {name for name in loaded if name.startswith("millracer.")} - _BEFORE_OR_NEVER

    others = others | _AT_START | {_OF_OTHER_PLATFORMS[system_calls]}
    late = {module: _imported_late(module) - loaded - others for module in sorted(own)}

    assert {module: names for module, names in late.items() if names} == {}
