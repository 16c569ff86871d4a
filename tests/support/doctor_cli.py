"""`millracer doctor --json` as a caller meets it: one document, and nothing written."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from millracer.demo.scripted_model import PROVIDER, write_agent_directory
from millracer.pi.install import Version
from millracer.schemas.names import SchemaName
from tests.support.forked_command import start_command
from tests.support.ops_cli import Printed
from tests.support.ops_world import assert_published
from tests.support.trees import tree

_LIMIT_SECONDS = 150


@dataclass(frozen=True, slots=True)
class Examined:
    """The output of one command."""

    exit_code: int
    document: dict[str, Any]
    stderr: str

    @property
    def levels(self) -> dict[str, str]:
        """The level of each check."""
        return {check["name"]: check["level"] for check in self.document["checks"]}

    def not_ok(self) -> dict[str, str]:
        """The level of each check that is not ok."""
        return {name: level for name, level in self.levels.items() if level != "ok"}

    def check(self, name: str) -> dict[str, Any]:
        """Return one check."""
        (found,) = [check for check in self.document["checks"] if check["name"] == name]
        return dict(found)


@dataclass(slots=True, kw_only=True)
class DoctorCaller:
    """Calls the doctor for a workspace, and holds it to changing nothing.

    Attributes:
        folder: an empty folder, in which home, state, temporary files and configuration lie.
        forks: whether the doctor is forked from a server instead of started with Python.
    """

    folder: Path
    millrace: str
    pi: str
    workspace: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    forks: bool = False

    def __post_init__(self) -> None:
        for each in (self.home, self.temporary):
            each.mkdir(parents=True)

    @property
    def home(self) -> Path:
        """The user's home."""
        return self.folder / "home"

    @property
    def state(self) -> Path:
        """Where sessions are kept."""
        return self.folder / "state"

    @property
    def temporary(self) -> Path:
        """Where throw-away folders are made."""
        return self.folder / "tmp"

    def signs_in(self, base_url: str = "http://127.0.0.1:9/v1") -> None:
        """Give pi a model with credentials."""
        write_agent_directory(self.home / ".pi" / "agent", base_url)

    def variables(self) -> dict[str, str]:
        """Return the environment of the command."""
        return {
            **os.environ,
            "HOME": str(self.home),
            "MILLRACER_STATE_DIR": str(self.state),
            "MILLRACER_CONFIG_DIR": str(self.folder / "config"),
            "TMPDIR": str(self.temporary),
            "NODE_COMPILE_CACHE": str(self.temporary / "node"),
            **self.environment,
        }

    def words(self, *arguments: str) -> tuple[str, ...]:
        """Return the command line."""
        return (sys.executable, "-m", "millracer", *self.arguments(*arguments))

    def arguments(self, *arguments: str) -> tuple[str, ...]:
        """Return the command line behind `millracer`."""
        return (
            *("doctor", "--workspace", str(self.workspace)),
            *("--millrace-command", self.millrace, "--pi-command", self.pi),
            *arguments,
        )

    def says(self, *arguments: str) -> Printed:
        """Run the doctor and return what it printed."""
        return self._call(self.arguments(*arguments))

    def ask_ops(self, request: bytes) -> Printed:
        """Send a request to `millracer ops --json` with the same programs."""
        programs = ("--millrace-command", self.millrace, "--pi-command", self.pi)
        return self._call(("ops", "--json", *programs), request)

    def _call(self, arguments: tuple[str, ...], stdin: bytes = b"") -> Printed:
        started = start_command(arguments, cwd=None, env=self.variables(), forks=self.forks)
        with started as process:
            stdout, stderr = process.communicate(stdin, timeout=_LIMIT_SECONDS)
        return Printed(process.returncode, stdout.decode(), stderr.decode())

    def examine(self, *arguments: str) -> Examined:
        """Run the doctor; fail if it wrote anything, or its document is not as published."""
        checked = [self.home, self.folder / "config", self.state, self.workspace]
        before = tree(*checked)
        printed = self.says("--json", *arguments)
        assert tree(*checked) == before
        assert list(self.temporary.glob("millracer-*")) == []
        assert_published(SchemaName.DOCTOR_RESULT, printed.document)
        return Examined(printed.exit_code, printed.document, printed.stderr)


def stages_on_scripted_models(millrace_version: Version) -> str:
    """Return what lets the stages of a workspace take their model from the scripted provider."""
    if millrace_version < (0, 20):
        return ""
    return f'\n[runners.pi]\nprovider = "{PROVIDER}"\n'
