"""Real Millrace workspaces for tests: initialised, with the scripted stage runner, under git."""

from __future__ import annotations

import atexit
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.support.scenario import Scenario, StageCall, read_calls

_STAGE_RUNNER = Path(__file__).with_name("stage_runner.py")
_INIT_TIMEOUT_SECONDS = 60
_GIT = ("git", "-c", "user.name=tests", "-c", "user.email=tests@localhost")


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace:
    """A prepared workspace.

    Attributes:
        root: the directory Millrace owns.
        scenario_path: the stage runner reads it at each call; it is outside of the workspace.
        log_path: where the stage runner notes its calls.
    """

    root: Path
    scenario_path: Path
    log_path: Path

    @property
    def agents(self) -> Path:
        """Millrace's own folder."""
        return self.root / "millrace-agents"

    def play(self, scenario: Scenario) -> None:
        """Replace the scenario; it holds from the next stage call on."""
        scenario.write(self.scenario_path, log=self.log_path)

    def calls(self) -> list[StageCall]:
        """Return every stage call so far, both phases."""
        return read_calls(self.log_path)

    def stages(self, item_id: str | None = None) -> list[str]:
        """Return the stages that started, in order, of one item or of all."""
        return [
            call.stage
            for call in self.calls()
            if call.phase == "started" and item_id in {None, call.item_id}
        ]


def make_workspace(
    path: Path,
    millrace_command: str,
    scenario: Scenario | None = None,
    *,
    files: Mapping[str, str] | None = None,
    settings: str = "",
) -> Workspace:
    """Create and initialise a workspace at `path`, with its scenario and log beside it.

    Args:
        path: must not exist yet; its parent must.
        millrace_command: the executable.
        scenario: what the stages do; by default every one succeeds at once.
        files: the repository's first commit, by path; by default a README.
        settings: TOML to add to Millrace's configuration.
    """
    path.mkdir()
    workspace = Workspace(
        root=path,
        scenario_path=path.with_name(f"{path.name}-scenario.json"),
        log_path=path.with_name(f"{path.name}-stages.jsonl"),
    )
    workspace.play(scenario or Scenario())
    for name, text in (files or {"README.md": "# A small project\n"}).items():
        target = path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
    _run("git", "init", "--quiet", cwd=path)
    _run("git", "add", ".", cwd=path)
    _run(*_GIT, "commit", "--quiet", "--message", "Begin", cwd=path)
    _initialise(path, millrace_command)
    configuration = workspace.agents / "millrace.toml"
    configuration.write_text(_configuration(workspace.scenario_path) + settings, encoding="utf-8")
    return workspace


def _initialise(path: Path, millrace_command: str) -> None:
    """Copy what `millrace init` made once; run it here where its files name their place."""
    template = _template(millrace_command)
    if template is None:
        _run(millrace_command, "init", "--workspace", str(path), cwd=path)
    else:
        shutil.copytree(template, path, symlinks=True, dirs_exist_ok=True)


@cache
def _template(millrace_command: str) -> Path | None:
    folder = Path(tempfile.mkdtemp(prefix="millracer-test-workspace-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    _run(millrace_command, "init", "--workspace", str(folder), cwd=folder)
    place = os.fsencode(folder)
    files = (file for file in folder.rglob("*") if file.is_file())
    return None if any(place in file.read_bytes() for file in files) else folder


def _configuration(scenario_path: Path) -> str:
    arguments = ["-I", "-S", str(_STAGE_RUNNER), "--scenario", str(scenario_path)]
    return f"""\
[runtime]
default_mode = "default_pi"
run_style = "daemon"
idle_sleep_seconds = 0.2

[runners.pi]
command = {json.dumps(sys.executable)}
args = {json.dumps(arguments)}

"""


def _run(*argv: str, cwd: Path) -> None:
    completed = subprocess.run(
        argv,
        cwd=cwd,
        env={**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        timeout=_INIT_TIMEOUT_SECONDS,
        check=False,
    )
    assert completed.returncode == 0, f"{' '.join(argv)} failed:\n{completed.stdout}"
