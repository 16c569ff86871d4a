"""What a measurement works with: the tools, a contender's command, a workspace with its model."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from millracer.cancellation import Wait
from millracer.demo.scripted_model import (
    MODEL_ID,
    PROVIDER,
    ModelRequest,
    Reply,
    ScriptedModel,
    agent_environment,
    write_agent_directory,
)
from millracer.millrace.commands.calls import MillraceCalls
from millracer.millrace.commands.version import find_version
from millracer.pi.install import read_version
from tests.support.scenario import Scenario
from tests.support.workspace import Workspace, make_workspace

_ROOT = Path(__file__).parents[2]
_VERSION_SECONDS = 60.0
#: What a caller may have set and no measurement shall depend on.
_SCRUBBED = ("MILLRACER_", "PI_", "XDG_", "PYTHON")


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """A `millracer` command.

    Attributes:
        name: `ours` or `reference`.
        is_ours: the options that the reference lacks may be used.
    """

    name: str
    command: Path
    is_millracer: bool

    def environment(self, home: Path) -> dict[str, str]:
        """Return an isolated environment: no user settings, bytecode cached as usual."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(_SCRUBBED)}
        source = {"PYTHONPATH": str(_ROOT)} if self.is_millracer else {}
        return {**kept, **source, "HOME": str(home)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """The real programs, and the contenders that use them."""

    millrace: str
    pi: str
    millracer: Contender
    reference: Contender

    def millrace_version(self) -> str:
        """Ask which Millrace it is."""
        calls = MillraceCalls(argv=(self.millrace,), workspace=_ROOT, cwd=_ROOT)
        return find_version(calls, Wait.for_seconds(_VERSION_SECONDS)).version

    def pi_version(self) -> str:
        """Ask which pi it is."""
        wait = Wait.for_seconds(_VERSION_SECONDS)
        return read_version((self.pi,), cwd=_ROOT, env=os.environ, wait=wait)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """One repetition's surroundings, used by nothing else.

    Attributes:
        asked: when the model was asked, by the wall clock, and with which first words.
    """

    tools: Tools
    workspace: Workspace
    home: Path
    agent: Path
    asked: list[tuple[float, str]]

    def environment(self, contender: Contender) -> dict[str, str]:
        """Return the environment of a contender whose pi knows the scripted model."""
        return {**contender.environment(self.home), **agent_environment(self.agent, self.home)}

    def run_command(self, contender: Contender, *arguments: str) -> tuple[str, ...]:
        """Return the command line of a delegated task; what the contenders share is the same."""
        return (
            *(str(contender.command), "run", "--workspace", str(self.workspace.root)),
            *("--millrace-command", self.tools.millrace, "--pi-command", self.tools.pi),
            *("--provider", PROVIDER, "--model", MODEL_ID, "--no-default-skills"),
            *("--route", "millrace", "--intake", "task", "--output", "json"),
            *arguments,
            "Mend the widget",
        )


@contextmanager
def scene(tools: Tools, scenario: Scenario) -> Iterator[Scene]:
    """Yield a new workspace, an empty home, and a model that agrees to everything."""
    asked: list[tuple[float, str]] = []

    def respond(request: ModelRequest) -> Reply:
        asked.append((time.time(), request.last_user_text[:100]))
        return Reply.text("Noted.")

    with (
        tempfile.TemporaryDirectory(prefix="millracer-bench-") as folder,
        ScriptedModel(respond) as model,
    ):
        home, agent = Path(folder) / "home", Path(folder) / "agent"
        home.mkdir()
        write_agent_directory(agent, model.base_url)
        workspace = make_workspace(Path(folder) / "workspace", tools.millrace, scenario)
        yield Scene(tools=tools, workspace=workspace, home=home, agent=agent, asked=asked)
