"""The distributed package, installed with its dependencies on each available Python.

An installer fetches those from its configured index, as for a user.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

import millracer
from tests.matrix.cells import PYTHONS
from tests.matrix.tools import NotHad, find_python
from tests.support.package import ROOT, Archives, Environment, command

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def archives(tmp_path_factory: pytest.TempPathFactory) -> Archives:
    return Archives.built_from(ROOT, tmp_path_factory.mktemp("dist"))


def _works(environment: Environment, elsewhere: Path) -> None:
    """Hold an installed command against what it has to do anywhere."""
    elsewhere.mkdir()

    def says(*arguments: str) -> str:
        return command(environment.millracer, *arguments, cwd=elsewhere)

    assert says("--version") == f"millracer {millracer.__version__}\n"
    assert "$schema" in json.loads(says("schema", "run-result"))
    assert json.loads(says("sessions", "list", "--json"))["errors"] == []
    asked = "from millracer import handle_request; print(handle_request(b'{}').status)"
    assert command(environment.python, "-c", asked, cwd=elsewhere) == "failed\n"


@pytest.mark.parametrize("version", PYTHONS)
def test_the_wheel_installs_and_works(archives: Archives, version: str, tmp_path: Path) -> None:
    try:
        python = find_python(version)
    except NotHad as not_had:
        pytest.skip(str(not_had))
    environment = Environment.made_by(python, tmp_path / "venv")

    environment.pip("install", str(archives.wheel))

    environment.pip("check")
    _works(environment, tmp_path / "elsewhere")


def test_the_source_distribution_installs_and_its_types_are_seen(
    archives: Archives, tmp_path: Path
) -> None:
    environment = Environment.made_by(sys.executable, tmp_path / "venv")
    example = tmp_path / "run_task.py"
    example.write_bytes((ROOT / "docs" / "examples" / "run_task.py").read_bytes())
    wrong = tmp_path / "wrong.py"
    wrong.write_text("from millracer import run_task\n\nrun_task(3)\n", encoding="utf-8")

    environment.pip("install", str(archives.sdist))

    _works(environment, tmp_path / "elsewhere")
    checker = (sys.executable, "-m", "mypy", "--strict", "--config-file=", "--cache-dir=/dev/null")
    checked = (*checker, "--python-executable", environment.python)
    assert "Success" in command(*checked, str(example), cwd=tmp_path)
    with pytest.raises(AssertionError, match="call-arg"):
        command(*checked, str(wrong), cwd=tmp_path)
