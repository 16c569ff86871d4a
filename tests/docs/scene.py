"""The scene in which the commands that pages show are run.

A home folder of its own, the real Millrace and pi on PATH, a model that answers by a script, and
the workspace `path/to/workspace` that pages speak of, whose stages play a scenario. It offers a
terminal to commands that need one.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pexpect

from millracer.demo.project import FILES
from millracer.demo.scripted_model import (
    ModelRequest,
    Reply,
    ScriptedModel,
    agent_environment,
    write_agent_directory,
)
from millracer.run.prompts import DECISION_MARK, NOTICE_MARK, REPORT_MARK
from tests.docs.screen import Screen
from tests.docs.shown import ROOT, Block
from tests.support.fleet_folder import fleet_data_folder
from tests.support.operator_cli import NEW_PROMPT, Terminal
from tests.support.scenario import Scenario
from tests.support.workspace import Workspace, make_workspace

#: The home folder, and the Node, that pages show.
HOME = "/home/me"
NODE = "/usr/bin/node"
WORKSPACE = "path/to/workspace"
_LIMIT_SECONDS = 150
COLUMNS, ROWS = 100, 50
MAKES_OWN = ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")


@dataclass(frozen=True, slots=True)
class Ran:
    """How one command ended, and all it printed, in the order it came."""

    exit_code: int
    printed: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """Where commands are run.

    Attributes:
        home: the home folder, in which commands are given.
        environment: of every command, in full.
        workspace: the one that pages speak of.
        model: what pi asks.
    """

    home: Path
    environment: dict[str, str]
    workspace: Workspace
    model: ScriptedModel

    def run(self, command: str, *, folder: str = ".", before: int = 0) -> Ran:
        """Give one command to a shell in which the one before ended with this exit code.

        `folder` is where, seen from the home folder.
        """
        ran = subprocess.run(
            ("bash", "-c", f"set -o pipefail; (exit {before})\n{command}"),  # noqa: S607 - any
            cwd=self.home / folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=_LIMIT_SECONDS,
            check=False,
        )
        return Ran(ran.returncode, self.as_shown(ran.stdout))

    @contextmanager
    def terminal(
        self, command: str, *, columns: int = COLUMNS, rows: int = ROWS
    ) -> Iterator[tuple[Terminal, Screen]]:
        """Open a terminal on which the command runs; what is left of it ends with the block."""
        node = shutil.which("node") or NODE
        nodes = ((str(Path(node).resolve()), NODE), (node, NODE))
        screen = Screen(columns, rows, ((str(self.home), HOME), *nodes))
        child: pexpect.spawn[str] = pexpect.spawn(
            "bash",
            ["-c", f"exec {command}"],
            cwd=str(self.home),
            # No terminal answers here when the program asks for the cursor's place.
            env={
                **self.environment,
                "TERM": "xterm-256color",
                "COLORTERM": "truecolor",
                "PROMPT_TOOLKIT_NO_CPR": "1",
            },
            dimensions=(rows, columns),
            encoding="utf-8",
            codec_errors="replace",
            timeout=_LIMIT_SECONDS,
        )
        child.logfile_read = screen
        with Terminal(child, prompt=NEW_PROMPT) as terminal:
            yield terminal, screen

    def put(self, block: Block) -> None:
        """Write a file that a page shows by its name."""
        assert block.file_name is not None
        path = self.home / block.file_name
        assert path.resolve().is_relative_to(self.home), block
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(self.as_meant(block.text), encoding="utf-8")

    def as_shown(self, text: str) -> str:
        """Return output with the home folder that pages show."""
        return text.replace(str(self.home), HOME)

    def as_meant(self, text: str) -> str:
        """Return what a page shows with the home folder that is here."""
        return text.replace(HOME, str(self.home))


@contextmanager
def scene(
    folder: Path, millrace: str, pi: str, scenario: Scenario | None = None
) -> Iterator[Scene]:
    """Prepare the scene below an empty folder and serve its model while the block is open."""
    home = folder.resolve() / "home"
    workspace_folder = home / WORKSPACE
    workspace_folder.parent.mkdir(parents=True)
    workspace = make_workspace(workspace_folder, millrace, scenario, files=FILES)
    shutil.copytree(ROOT / "docs" / "examples", home / "docs" / "examples")
    with ScriptedModel(respond) as model, fleet_data_folder() as fleet_data:
        write_agent_directory(folder / "agent", model.base_url)
        environment = {
            **{name: value for name, value in os.environ.items() if not _is_left_out(name)},
            **agent_environment(folder / "agent", home),
            "PATH": f"{_commands(home / '.local' / 'bin', millrace, pi)}:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "MILLRACER_FLEET_DATA_DIR": str(fleet_data),
        }
        yield Scene(home=home, environment=environment, workspace=workspace, model=model)


def _is_left_out(name: str) -> bool:
    """Whether a variable would put something elsewhere than below the home folder, or is make's."""
    return name in {*MAKES_OWN, "TMPDIR"} or name.startswith("XDG_")


def respond(request: ModelRequest) -> Reply:
    """Have a question answered by pi itself, and everything else done by Millrace."""
    text = request.last_user_text
    if text.startswith(DECISION_MARK):
        task = text.partition("The task")[2].partition("Answer with")[0]
        route = "direct" if "?" in task else "millrace"
        decision = {"decision": route, "intake_kind": "task", "why": "a small, named change"}
        return Reply.text(json.dumps(decision))
    if text.startswith(NOTICE_MARK):
        return Reply.text("Noted.")
    if text.startswith(REPORT_MARK):
        return Reply.text("Millrace did it; the tests pass.")
    return Reply.text("It takes the percentage off as if it were cents.")


def _commands(folder: Path, millrace: str, pi: str) -> Path:
    """Return a folder with the three programs under the names that pages call them by."""
    folder.mkdir(parents=True)
    for name, program in (("millrace", millrace), ("pi", pi)):
        (folder / name).symlink_to(program)
    for name, words in (("millracer", " -m millracer"), ("python", "")):
        script = folder / name
        script.write_text(f'#!/bin/sh\nexec {sys.executable}{words} "$@"\n', encoding="utf-8")
        script.chmod(0o755)
    return folder
