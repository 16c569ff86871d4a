"""`millracer setup` with the real pip and npm, for a user who has neither tools nor a Node."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from millracer.domain.programs import TESTED_VERSIONS, Tool
from millracer.programs.installed import read_installed

_LIMIT_SECONDS = 540
_INSTALLERS_OWN = ("PIP_", "NPM_", "npm_", "SSL_", "NODE_EXTRA", "http_", "https_", "HTTP", "NO_")
_ROOT = Path(__file__).parents[2]


def _millracer(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        (sys.executable, "-m", "millracer", *arguments),
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_LIMIT_SECONDS,
        check=False,
    )


@pytest.fixture
def stranger(tmp_path: Path) -> dict[str, str]:
    """The environment of a user with an empty home and a PATH with a shell and little else."""
    plain = tmp_path / "bin"
    plain.mkdir()
    for name in ("sh", "git", "uname", "cat", "ls"):
        (plain / name).symlink_to(f"/usr/bin/{name}")
    kept = {name: value for name, value in os.environ.items() if name.startswith(_INSTALLERS_OWN)}
    return {
        **kept,
        "HOME": str(tmp_path),
        "PATH": str(plain),
        "PYTHONPATH": str(_ROOT),
        "MILLRACER_DATA_DIR": str(tmp_path / "data"),
    }


@pytest.mark.slow
@pytest.mark.timeout(2 * _LIMIT_SECONDS)
def test_a_stranger_gets_from_nothing_to_a_truthful_result(
    stranger: dict[str, str], tmp_path: Path
) -> None:
    """What is installed is what the demonstration uses, its stages and their Node included."""
    before = _millracer(stranger, "demo", "--json")
    assert before.returncode == 8
    assert "`millracer setup`" in json.loads(before.stdout)["errors"][0]["suggested_action"]

    done = _millracer(stranger, "setup", "--yes")

    assert done.returncode == 0, done.stderr
    installed = read_installed(stranger)
    assert {tool: each.version for tool, each in installed.items()} == TESTED_VERSIONS
    assert installed[Tool.PI].argv[0].startswith(str(tmp_path))

    shown = _millracer(stranger, "demo", "--json")

    result = json.loads(shown.stdout)
    assert shown.returncode == 0, shown.stderr
    assert result["scoped_completion"] is True
    assert {name: tool["origin"] for name, tool in result["tools"].items()} == {
        "millrace": "setup",
        "pi": "setup",
    }
    assert {tool: result["versions"][tool] for tool in Tool} == TESTED_VERSIONS

    assert _millracer(stranger, "setup").returncode == 0
    assert _millracer(stranger, "setup", "--remove", "--yes").returncode == 0
    assert not (tmp_path / "data" / "tools").exists()
