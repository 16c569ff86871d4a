"""An install of a fake Millrace, laid out as pip does it."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from millracer.system.processes import Command

_CHILDREN = Path(__file__).parents[1] / "children"
_CLI = _CHILDREN / "fake_millrace_cli.py"
#: What that imports.
_BESIDE = _CHILDREN / "idle_status.py"
_MODULES = ("click", "pydantic", "tomlkit", "typer", "watchdog")
_ENTRY_POINTS = "[console_scripts]\nmillrace = millrace_ai.cli:main\n"
_SCRIPT = """\
#!{python}
# -*- coding: utf-8 -*-
import re
import sys
from millrace_ai.cli import main
if __name__ == '__main__':
    sys.argv[0] = re.sub(r'(-script\\.pyw|\\.exe)?$', '', sys.argv[0])
    sys.exit(main())
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class FakeInstall:
    """One environment with an interpreter of its own."""

    folder: Path
    version: str = "0.21.1"

    @classmethod
    def at(
        cls,
        folder: Path,
        *,
        version: str = "0.21.1",
        script: str = _SCRIPT,
        entry_points: str = _ENTRY_POINTS,
    ) -> FakeInstall:
        """Lay one out; the folder must not exist."""
        install = cls(folder=folder, version=version)
        install.program.parent.mkdir(parents=True)
        base = Path(sys.base_prefix) / "bin" / f"python{sys.version_info[0]}.{sys.version_info[1]}"
        install.python.symlink_to(base)
        (folder / "pyvenv.cfg").write_text(f"home = {base.parent}\n", encoding="utf-8")
        # As pip does, which compiles: a first import does not change the folders.
        caches = ("__pycache__", "millrace_ai/__pycache__")
        for name in (*_MODULES, "millrace_ai", install.metadata.name, *caches):
            (install.site / name).mkdir(parents=True)
        (install.site / "millrace_ai" / "__init__.py").touch()
        shutil.copy(_CLI, install.site / "millrace_ai" / "cli.py")
        shutil.copy(_BESIDE, install.site)
        (install.metadata / "entry_points.txt").write_text(entry_points, encoding="utf-8")
        (install.metadata / "RECORD").write_text(f"{version}\n", encoding="utf-8")
        install.program.write_text(script.format(python=install.python), encoding="utf-8")
        install.program.chmod(0o755)
        return install

    @property
    def program(self) -> Path:
        """The console script."""
        return self.folder / "bin" / "millrace"

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.folder / "bin" / "python3"

    @property
    def site(self) -> Path:
        """Where its packages lie."""
        version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
        return self.folder / "lib" / version / "site-packages"

    @property
    def metadata(self) -> Path:
        """The dist-info folder."""
        return self.site / f"millrace_ai-{self.version}.dist-info"

    def command(self, *arguments: str, **env: str) -> Command:
        """Return a command of it, working in its folder."""
        # pytest changes its variable from a test's set-up to its call.
        inherited = {
            name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")
        }
        return Command(
            tool="millrace",
            argv=(str(self.program), *arguments),
            cwd=self.folder,
            env={**inherited, **env},
        )


def with_env(command: Command, env: Mapping[str, str]) -> Command:
    """Return the command with more in its environment."""
    return replace(command, env={**(command.env or {}), **env})
