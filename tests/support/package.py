"""The project as it is handed out: both archives built, and installed where nothing else is."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]

_LIMIT_SECONDS = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Archives:
    """A wheel and a source distribution."""

    wheel: Path
    sdist: Path

    @classmethod
    def built_from(cls, source: Path, folder: Path) -> Archives:
        """Build both with the backend that pyproject.toml names, without asking a registry."""
        command(sys.executable, "-m", "hatchling", "build", "-d", str(folder), cwd=source)
        (wheel,) = folder.glob("*.whl")
        (sdist,) = folder.glob("*.tar.gz")
        return cls(wheel=wheel, sdist=sdist)

    def in_wheel(self) -> dict[str, bytes]:
        """Return every file of the wheel."""
        with zipfile.ZipFile(self.wheel) as archive:
            return {name: archive.read(name) for name in archive.namelist()}

    def in_sdist(self) -> list[str]:
        """Return the name of every file of the source distribution, without its one folder."""
        with tarfile.open(self.sdist) as archive:
            return [
                member.name.partition("/")[2] for member in archive.getmembers() if member.isfile()
            ]

    def unpacked_sdist(self, folder: Path) -> Path:
        """Unpack the source distribution and return its one folder."""
        with tarfile.open(self.sdist) as archive:
            archive.extractall(folder, filter="data")
        (source,) = folder.iterdir()
        return source


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """A virtual environment of its own."""

    folder: Path

    @classmethod
    def made_by(cls, python: str, folder: Path) -> Environment:
        """Make one with nothing but pip in it."""
        command(python, "-m", "venv", str(folder))
        return cls(folder=folder)

    @property
    def python(self) -> str:
        """Its interpreter."""
        return str(self.folder / "bin" / "python")

    @property
    def millracer(self) -> str:
        """The command installed in it."""
        return str(self.folder / "bin" / "millracer")

    @property
    def site(self) -> Path:
        """Where its packages lie."""
        (site,) = self.folder.glob("lib/python3.*/site-packages")
        return site

    def pip(self, *arguments: str) -> str:
        """Run its pip and return what that said."""
        return command(
            self.python, "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments
        )

    def lend(self, site: Path) -> None:
        """Let it see another environment's packages, though none that lie elsewhere."""
        (self.site / "lent.pth").write_text(f"{site}\n", encoding="utf-8")


def packed_files(*folders: str) -> Iterator[str]:
    """Yield what of the source tree's folders belongs into an archive."""
    for folder in folders:
        for path in (ROOT / folder).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                yield path.relative_to(ROOT).as_posix()


def command(*argv: str, cwd: Path | None = None) -> str:
    """Run a program away from the source tree's import path and return its standard output."""
    ended = subprocess.run(
        argv,
        cwd=cwd,
        env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_LIMIT_SECONDS,
        check=False,
    )
    assert ended.returncode == 0, f"{argv}\n{ended.stdout}{ended.stderr}"
    return ended.stdout
