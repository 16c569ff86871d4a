"""A certificate of a real run, verified where neither Millrace nor pi is installed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.cli import Millracer
from tests.support.scenario import Scenario, Step
from tests.support.workspace import Workspace, make_workspace

_WRITES = Scenario({"builder": (Step(workspace_files={"made.txt": "made\n"}),)})
_READS = f"{sys.executable} -c 'print(open(\"made.txt\").read())'"
_LIMIT_SECONDS = 120
_GIT = ("git", "-c", "user.name=tests", "-c", "user.email=tests@localhost")


def _millracer(*arguments: str, home: Path, cwd: Path, **variables: str) -> tuple[int, str, str]:
    """Run a command with git alone on PATH, and with another home."""
    home.mkdir(exist_ok=True)
    git = shutil.which("git")
    assert git is not None
    tools = home / "bin"
    tools.mkdir(exist_ok=True)
    if not (tools / "git").exists():
        (tools / "git").symlink_to(git)
    kept = {
        name: os.environ[name] for name in ("LANG", "COVERAGE_PROCESS_START") if name in os.environ
    }
    ran = subprocess.run(
        (sys.executable, "-m", "millracer", *arguments),
        env={**kept, "HOME": str(home), "PATH": str(tools), **variables},
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_LIMIT_SECONDS,
        check=False,
    )
    return ran.returncode, ran.stdout, ran.stderr


def _results(output: str) -> dict[str, str]:
    document: dict[str, Any] = json.loads(output)
    return {finding["step"]: finding["result"] for finding in document["findings"]}


def _commit(workspace: Workspace) -> None:
    for arguments in (("add", "-A"), ("commit", "--quiet", "-m", "the work")):
        subprocess.run((*_GIT, *arguments), cwd=workspace.root, check=True, timeout=_LIMIT_SECONDS)


@pytest.mark.ending
def test_a_certificate_of_a_run_is_verified_elsewhere(
    tmp_path: Path, millrace_command: str
) -> None:
    config, home = tmp_path / "config", tmp_path / "elsewhere"
    workspace = make_workspace(tmp_path / "workspace", millrace_command, _WRITES)
    (workspace.root / ".gitignore").write_text("millrace-agents/\n", encoding="utf-8")
    _commit(workspace)
    made = _millracer("keys", "new", home=home, cwd=tmp_path, MILLRACER_CONFIG_DIR=str(config))
    assert made[0] == 0, made
    certificate, public = tmp_path / "cert.dsse.json", str(config / "keys" / "signing.pub")
    millracer = Millracer(
        workspace, millrace_command, environment={"MILLRACER_CONFIG_DIR": str(config)}
    )

    ran = millracer.delegate_scoped(
        "ITEM-1", "Make it", "--check", _READS, "--certificate", str(certificate)
    )
    assert (ran.exit_code, ran.result["outcome"]) == (0, "completed"), ran.stderr
    assert "certificate_not_made" not in ran.warning_codes, ran.result["warnings"]
    _commit(workspace)

    arguments = ("verify", str(certificate), "--key", public, "--json")
    alone = _millracer(*arguments, home=home, cwd=tmp_path)
    assert alone[0] == 0, alone
    assert _results(alone[1])["evidence"] == "not_checked"

    whole = _millracer(
        *arguments,
        "--commit",
        "HEAD",
        "--rerun",
        "--require-check",
        _READS,
        "--workspace",
        str(workspace.root),
        home=home,
        cwd=tmp_path,
    )
    assert whole[0] == 0, whole
    assert set(_results(whole[1]).values()) == {"passed"}

    (workspace.root / "made.txt").write_text("other\n", encoding="utf-8")
    _commit(workspace)
    other = _millracer(*arguments, "--commit", "HEAD", home=home, cwd=workspace.root)
    assert other[0] == 4
    assert _results(other[1])["commit"] == "contradicted"
