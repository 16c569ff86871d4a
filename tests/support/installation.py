"""A copy of the installed package and of what it depends on, to be replaced under a command."""

from __future__ import annotations

import re
import shutil
import sys
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import millracer

_START = """
import sys
sys.path.insert(0, {folder!r})
from millracer.cli.main import main
main()
"""
_NAME = re.compile(r"[\w.-]+")


@dataclass(frozen=True, slots=True)
class Installation:
    """A folder as `pip install --target` makes it; commands find no other packages."""

    folder: Path

    @classmethod
    def at(cls, folder: Path) -> Installation:
        """Copy the packages of this interpreter; the folder must not exist."""
        package = Path(millracer.__file__).parent
        shutil.copytree(package, folder / "millracer")
        scripts = package.parent / "migrations"
        shutil.copytree(scripts, folder / "millracer" / "migrations")
        for name in _dependencies("millracer", set()) - {"millracer"}:
            _copy(name, folder)
        return cls(folder)

    def argv(self, *arguments: str) -> tuple[str, ...]:
        """Return what runs `millracer` from it."""
        return (
            sys.executable,
            "-I",
            "-S",
            "-c",
            _START.format(folder=str(self.folder)),
            *arguments,
        )

    def remove(self) -> None:
        """Take all of it away, as an installer does that creates the environment again."""
        self.folder.rename(self.folder.with_name(f"{self.folder.name}-former"))

    def replace(self) -> None:
        """Put another version in its place, which does not fit."""
        for path in self.folder.rglob("*"):
            if path.suffix == ".py":
                path.unlink()  # as pip does: a new file, not other content of the same
                path.write_text("raise RuntimeError('this is of another version')\n")
            elif path.suffix in {".pyc", ".sql", ".json"}:
                path.unlink()


def _dependencies(name: str, known: set[str]) -> set[str]:
    if name in known:
        return known
    known.add(name)
    for requirement in distribution(name).requires or ():
        needed = _NAME.match(requirement)
        if needed and "extra ==" not in requirement:
            try:
                _dependencies(needed[0].lower(), known)
            except PackageNotFoundError:
                known.discard(needed[0].lower())  # of another platform
    return known


def _copy(name: str, folder: Path) -> None:
    for file in distribution(name).files or ():
        source = Path(str(file.locate()))
        if ".." not in file.parts and source.is_file():
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, folder / file)
