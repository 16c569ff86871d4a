"""The external programs that Millracer uses, and their origins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType


class Tool(StrEnum):
    """An external program."""

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
        """The next step where no usable program was found."""
        return (
            f"run `millracer setup`, which installs {self} {TESTED_VERSIONS[self]}, "
            f"or name yours with {self.option}"
        )


#: The versions that this release is tested with and that `millracer setup` installs.
TESTED_VERSIONS: Mapping[Tool, str] = MappingProxyType({Tool.MILLRACE: "0.21.1", Tool.PI: "1.6.0"})


class ToolOrigin(StrEnum):
    """Where the choice of a program came from. Earlier members take precedence over later ones."""

    OPTION = "option"  #: the command line; a Python program's argument
    ENVIRONMENT = "environment"
    USER_FILE = "user_file"
    SETUP = "setup"  #: nothing names it, and `millracer setup` installed one
    PATH = "path"  #: nothing names it, and it is looked up on PATH by its name


#: Origins by which a later command finds the same program without naming it.
FOUND_UNTOLD = frozenset({ToolOrigin.USER_FILE, ToolOrigin.SETUP, ToolOrigin.PATH})


@dataclass(frozen=True, slots=True, kw_only=True)
class InstalledTool:
    """A program that `millracer setup` installed, and that still exists.

    Attributes:
        argv: the command that starts it.
        folder: holds the program under its own name and nothing else, for other programs' PATH.
    """

    version: str
    argv: tuple[str, ...]
    folder: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HiddenPi:
    """A pi on PATH that no command uses while setup's pi is installed.

    Attributes:
        program: its path.
        is_newer: whether it is newer than setup's.
    """

    version: str
    program: str
    is_newer: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgramUsed:
    """A program as it was found.

    Attributes:
        command: a shell command: as the user named it, else as it is started.
    """

    command: str
    origin: ToolOrigin


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgramsUsed:
    """The programs that a run uses, or would use; None where none was looked for."""

    millrace: ProgramUsed | None = None
    pi: ProgramUsed | None = None


#: The programs of a run that ended before any was looked for.
NO_PROGRAMS = ProgramsUsed()


#: The beginning of the name of every environment variable that Millracer reads.
VARIABLE_PREFIX = "MILLRACER_"


def variable_of(option: str) -> str:
    """Return the environment variable that can replace an option."""
    return f"{VARIABLE_PREFIX}{option.removeprefix('--').upper().replace('-', '_')}"
