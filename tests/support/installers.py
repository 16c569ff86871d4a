"""A user with an empty home, installers that are scripts, and `millracer setup`."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from millracer.domain.programs import InstalledTool, Tool
from millracer.programs.installed import read_installed, read_record
from tests.children.fake_installers import write_program

_CHILD = Path(__file__).parents[1] / "children" / "setting_up.py"
_LIMIT_SECONDS = 60


@dataclass(frozen=True, slots=True)
class SetUp:
    """How a setup ended."""

    exit_code: int
    stdout: str
    stderr: str


@dataclass(slots=True)
class SetupUser:
    """A user who sets up, below one folder.

    Attributes:
        root: of all their files.
        environment: on top of one that holds little.
    """

    root: Path
    environment: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        write_program(self.python, "python")
        self.programs.mkdir()

    @property
    def python(self) -> Path:
        return self.root / "python" / "python"

    @property
    def programs(self) -> Path:
        """What is on PATH before the machine's own folders, which hold no Node here."""
        return self.root / "bin"

    @property
    def tools(self) -> Path:
        return self.root / "data" / "tools"

    @property
    def log(self) -> Path:
        return self.root / "state" / "logs" / "setup.log"

    @property
    def asked(self) -> list[str]:
        """What the installers were asked, in order."""
        file = self.root / "asked"
        return file.read_text().splitlines() if file.exists() else []

    @property
    def variables(self) -> dict[str, str]:
        """The whole environment of a setup."""
        return {
            **{name: value for name, value in os.environ.items() if name.startswith("MILLRACER")},
            "HOME": str(self.root),
            "PATH": f"{self.programs}:{self._plain_path()}",
            "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
            "MILLRACER_DATA_DIR": str(self.root / "data"),
            "MILLRACER_STATE_DIR": str(self.root / "state"),
            "MILLRACER_TEST_ASKED": str(self.root / "asked"),
            **self.environment,
        }

    def has_node(self, version: str, *, npm: bool = True) -> None:
        """Give the machine a Node of its own."""
        write_program(self.programs / "node", "node")
        self.environment["MILLRACER_TEST_NODE"] = version
        if npm:
            write_program(self.programs / "npm", "npm")

    def argv(self, *arguments: str) -> tuple[str, ...]:
        return (sys.executable, str(_CHILD), str(self.python), "setup", *arguments)

    def start(self, *arguments: str, fault: str = "") -> subprocess.Popen[str]:
        return subprocess.Popen(
            self.argv(*arguments),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**self.variables, "MILLRACER_TEST_FAULT": fault},
            text=True,
        )

    def setup(self, *arguments: str, fault: str = "") -> SetUp:
        """Run one setup to its end, as one that said yes."""
        return finish(self.start("--yes", *arguments, fault=fault))

    def installed(self) -> dict[Tool, InstalledTool]:
        """What commands would take."""
        return read_installed(self.variables)

    def recorded(self) -> Mapping[str, Mapping[str, object]]:
        return read_record(self.tools)

    def folders(self) -> set[str]:
        """The parts that lie there, whole or half."""
        return {path.name for path in self.tools.iterdir() if path.is_dir()}

    def _plain_path(self) -> str:
        """Return a folder with the few programs that scripts need."""
        plain = self.root / "plain"
        plain.mkdir(exist_ok=True)
        for name in ("sh", "dirname", "echo"):
            link = plain / name
            if not link.exists():
                link.symlink_to(Path("/bin") / name)
        return str(plain)


def finish(process: subprocess.Popen[str]) -> SetUp:
    """Wait for the end of a setup."""
    try:
        stdout, stderr = process.communicate(timeout=_LIMIT_SECONDS)
    except BaseException:
        process.kill()
        process.communicate()
        raise
    return SetUp(process.returncode, stdout, stderr)
