"""The programs that Millracer works with, and who said which they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType


class Tool(StrEnum):
    """A program that does the work."""

    MILLRACE = "millrace"
    PI = "pi"

    @property
    def option(self) -> str:
        """The option that names the program."""
        return f"--{self}-command"

    @property
    def key(self) -> str:
        """The key that names the program in the user's configuration file."""
        return f"{self}_command"

    @property
    def install_hint(self) -> str:
        """What to do where there is none that can be used."""
        return (
            f"run `millracer setup`, which installs {self} {TESTED_VERSIONS[self]}, "
            f"or name yours with {self.option}"
        )


#: What the tests of this release run with, and what `millracer setup` installs.
TESTED_VERSIONS: Mapping[Tool, str] = MappingProxyType({Tool.MILLRACE: "0.21.1", Tool.PI: "0.73.1"})


class ToolOrigin(StrEnum):
    """Who said which program is used; the first goes before those behind it."""

    OPTION = "option"  #: the command line; a Python program's argument
    ENVIRONMENT = "environment"
    USER_FILE = "user_file"
    SETUP = "setup"  #: nobody, and `millracer setup` installed one
    PATH = "path"  #: nobody, and it is looked up on PATH by its name


#: The program that is found so is found again by a command that names none.
FOUND_UNTOLD = frozenset({ToolOrigin.USER_FILE, ToolOrigin.SETUP, ToolOrigin.PATH})


@dataclass(frozen=True, slots=True, kw_only=True)
class InstalledTool:
    """A tool that `millracer setup` installed, and that is still there.

    Attributes:
        argv: what starts it.
        folder: holds the tool under its own name and nothing else, for the PATH of others.
    """

    version: str
    argv: tuple[str, ...]
    folder: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgramUsed:
    """A program as it was found.

    Attributes:
        command: as it was named, else as it is started; for a shell.
    """

    command: str
    origin: ToolOrigin


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgramsUsed:
    """The programs that a run uses, or would; None where none was looked for."""

    millrace: ProgramUsed | None = None
    pi: ProgramUsed | None = None


#: Of a run that ended before any was looked for.
NO_PROGRAMS = ProgramsUsed()


def variable_of(option: str) -> str:
    """Return the environment variable that stands in for an option."""
    return f"MILLRACER_{option.removeprefix('--').upper().replace('-', '_')}"
