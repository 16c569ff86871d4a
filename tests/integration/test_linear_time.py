"""What reads text from outside takes time in proportion to it, whatever the text is."""

import ast
import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.ops_requests import asks, encoded

ROOT = Path(__file__).parents[2]
CHILD = ROOT / "tests" / "children" / "slow_patterns.py"
#: Only ends a test that hangs; what is slow is ended by the child's own limit.
LIMIT_SECONDS = 900
#: Many times what a command needs; an environment once took ten times as long.
COMMAND_CPU_SECONDS = 10
#: Linux allows no longer variable.
LARGEST_VARIABLE = 120_000
#: Functions of `re` that are given an expression.
COMPILING = frozenset(
    {"compile", "search", "match", "fullmatch", "split", "findall", "finditer", "sub", "subn"}
)
#: Functions that make an expression when they run. The child runs those of the secrets, the files
#: and the intake; the others repeat one class of characters at most, or nothing.
MADE_LATE = {
    "schemas/config_file.py:_line_of",
    "schemas/notify_tables.py:_line_of",
    "redaction/key_patterns.py:_compiled",
    "redaction/key_patterns.py:_any_anchor",
    "domain/work/intake.py:_words",
    "domain/work/identity.py:_slug",
    "millrace/commands/mode_aliases.py:resolve_alias",
    "millrace/files/items/locate.py:_find_invalid",
    "millrace/commands/install.py:entry_module",
    "cli/terminal/layout.py:_without",
    "demo/stages.py:_passed",
}


@pytest.mark.slow
def test_no_expression_takes_more_than_linear_time() -> None:
    tried = subprocess.run(
        (sys.executable, str(CHILD)), capture_output=True, timeout=LIMIT_SECONDS, check=False
    )

    last = tried.stdout.decode().splitlines()[-1]
    assert (tried.returncode, tried.stderr) == (0, b""), last
    assert last.endswith(" expressions")


def test_every_expression_is_one_of_those_that_are_tried() -> None:
    found = set()
    for file in (ROOT / "millracer").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef) and any(map(_compiles, ast.walk(node))):
                found.add(f"{file.relative_to(ROOT / 'millracer')}:{node.name}")

    assert found == MADE_LATE


def _compiles(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == "re"
        and node.func.attr in COMPILING
    )


def test_a_large_environment_costs_a_command_nothing(tmp_path: Path) -> None:
    value = "0123456789abcdef" * (LARGEST_VARIABLE // 16)
    environment = {"BLOB": value, "BLOB_KEY": value, "MILLRACER_STATE_DIR": str(tmp_path)}

    ran = subprocess.run(
        (sys.executable, "-m", "millracer", "ops", "--json"),
        env={**os.environ, **environment},
        input=encoded(asks("list_workspaces", request_id=f"req-{value}")),
        capture_output=True,
        preexec_fn=_limit_processor_time,
        timeout=LIMIT_SECONDS,
        check=False,
    )

    assert (ran.returncode, ran.stderr) == (0, b"")
    assert json.loads(ran.stdout)["request_id"] == "req-[redacted]"


def _limit_processor_time() -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (COMMAND_CPU_SECONDS, COMMAND_CPU_SECONDS))
