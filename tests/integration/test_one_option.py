"""One field in the table of options is an option everywhere; nothing else has to be changed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

_PACKAGE = Path(__file__).parents[2] / "millracer"
_LAST_FIELD = "    no_warm_millrace: bool = _option("
_NEW_FIELD = """    dummy_seconds: float = _option(2.5, "A new option.", minimum=1.0)
"""
_LIBRARY = """
from millracer import Client, InvalidRequest, RunOptions, run_task
assert RunOptions().dummy_seconds == 2.5
Client(dummy_seconds=3).close()
for call in (
    lambda: run_task("t", workspace=".", options=RunOptions(dummy_seconds=0.5)),
    lambda: Client(dummy_seconds=0.5),
    lambda: Client().run("t", dummy_seconds=0.5),
    lambda: Client().watch("t", dummy_seconds=0.5),
):
    try:
        call()
    except InvalidRequest as error:
        print(error.field)
"""
_LIMIT_SECONDS = 60


@pytest.fixture(scope="module")
def changed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a copy of the package whose table has one more field."""
    folder = tmp_path_factory.mktemp("changed")
    package = folder / "millracer"
    shutil.copytree(_PACKAGE, package, ignore=shutil.ignore_patterns("__pycache__"))
    table = package / "domain" / "run" / "options.py"
    text = table.read_text()
    assert text.count(_LAST_FIELD) == 1
    table.write_text(text.replace(_LAST_FIELD, _NEW_FIELD + _LAST_FIELD))
    (folder / "config").mkdir()
    return folder


def python(
    changed: Path, *words: str, code: int = 0, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run Python with the changed package first, and expect an exit code."""
    variables = {
        "PYTHONPATH": str(changed),
        "MILLRACER_CONFIG_DIR": str(changed / "config"),
        "MILLRACER_STATE_DIR": str(changed / "state"),
    }
    done = subprocess.run(
        (sys.executable, *words),
        cwd=changed,
        env={**os.environ, **variables, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_LIMIT_SECONDS,
        check=False,
    )
    assert done.returncode == code, done.stderr
    return done


def dummy(changed: Path, *words: str, **environment: str) -> tuple[Any, str]:
    """Return the value and the origin of the new option that `config show` prints."""
    shown = python(
        changed, "-m", "millracer", "config", "show", "--json", *words, **environment
    ).stdout
    (value,) = (each for each in json.loads(shown)["values"] if each["name"] == "dummy_seconds")
    return value["value"], value["origin"]


def test_a_new_field_is_an_option_a_variable_and_a_key(changed: Path) -> None:
    assert dummy(changed) == (2.5, "default")
    (changed / "config" / "config.toml").write_text("dummy_seconds = 3")
    assert dummy(changed) == (3.0, "user_file")
    (changed / "millracer.toml").write_text("dummy_seconds = 4")
    assert dummy(changed) == (4.0, "workspace_file")
    assert dummy(changed, MILLRACER_DUMMY_SECONDS="5") == (5.0, "environment")
    assert dummy(changed, "--dummy-seconds", "6", MILLRACER_DUMMY_SECONDS="5") == (6.0, "option")


def test_its_bounds_hold_on_every_surface(changed: Path) -> None:
    run = ("-m", "millracer", "run", "t")
    assert "--dummy-seconds" in python(changed, *run, "--dummy-seconds", "0.5", code=2).stderr
    (changed / "millracer.toml").write_text("dummy_seconds = 0.5")
    assert "dummy_seconds" in python(changed, *run, code=2).stderr
    assert python(changed, "-c", _LIBRARY).stdout.split() == ["dummy_seconds"] * 4


def test_it_is_an_option_of_an_ops_request(changed: Path) -> None:
    schema = python(changed, "-m", "millracer", "schema", "ops-request").stdout

    options = json.loads(schema)["$defs"]["OpsOptions"]["properties"]
    assert options["dummy_seconds"] == options["dummy-seconds"]
    assert options["dummy_seconds"]["anyOf"][0] == {"type": "number", "minimum": 1.0}
