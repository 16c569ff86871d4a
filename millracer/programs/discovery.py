"""Which pi and Millrace are used: the one place that looks for them.

The first of these counts: the option, its environment variable, the user's configuration file, what
`millracer setup` installed, PATH.
"""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from types import MappingProxyType

from millracer.domain.configuration import USER_FILE, starts_the_same_anywhere
from millracer.domain.programs import (
    InstalledTool,
    ProgramsUsed,
    ProgramUsed,
    Tool,
    ToolOrigin,
    variable_of,
)
from millracer.errors import UsageError
from millracer.programs.installed import installed_tools
from millracer.redaction.process import learn_environment

_NOTHING: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolvedProgram:
    """A program, and who said that it is this one.

    Attributes:
        named: what it was called; None where it is setup's.
        installed: what setup installed, where it is that.
    """

    tool: Tool
    origin: ToolOrigin
    named: str | None = None
    installed: InstalledTool | None = None

    @property
    def words(self) -> tuple[str, ...]:
        """What starts it; whether there is such a program is not known.

        Raises:
            UsageError: what it was called names nothing.
        """
        if self.installed is not None:
            return self.installed.argv
        return program_words(self.named or "", self._said_by)

    @property
    def used(self) -> ProgramUsed:
        """What results tell of it."""
        command = self.named if self.installed is None else shlex.join(self.installed.argv)
        return ProgramUsed(command=command or "", origin=self.origin)

    @property
    def _said_by(self) -> str:
        match self.origin:
            case ToolOrigin.ENVIRONMENT:
                return variable_of(self.tool.option)
            case ToolOrigin.USER_FILE:
                return f"{self.tool.key} in {USER_FILE}"
            case _:
                return self.tool.option


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolvedPrograms:
    """Both programs, and what they shall find themselves."""

    millrace: ResolvedProgram
    pi: ResolvedProgram

    @property
    def used(self) -> ProgramsUsed:
        """What results tell of them."""
        return ProgramsUsed(millrace=self.millrace.used, pi=self.pi.used)

    def environment(self) -> dict[str, str]:
        """Return the environment of all that is started.

        Millrace starts pi by its name for each stage, and pi may call Millrace by its name: what
        setup installed and is used here is found there too, before others of its name.
        """
        folders = [
            each.installed.folder for each in (self.millrace, self.pi) if each.installed is not None
        ]
        environment = dict(os.environ)
        if folders:
            path = environment.get("PATH", os.defpath)
            environment["PATH"] = os.pathsep.join([*folders, path] if path else folders)
        return environment


def resolve_programs(
    options: Mapping[str, str | None],
    environment: Mapping[str, str] = _NOTHING,
    configured: Mapping[str, object] = _NOTHING,
) -> ResolvedPrograms:
    """Find both programs, each as `find_program` does.

    Args:
        options: by the key of each, what its option was given; None: nothing.
        environment: whose variables stand in for options.
        configured: the keys and values of the user's configuration file, unchecked.
    """
    installed = installed_tools()
    millrace, pi = (
        find_program(
            tool,
            options.get(tool.key),
            environment=environment,
            configured=configured.get(tool.key),
            installed=installed.get(tool),
        )
        for tool in (Tool.MILLRACE, Tool.PI)
    )
    return ResolvedPrograms(millrace=millrace, pi=pi)


def find_program(
    tool: Tool,
    option: str | None,
    *,
    environment: Mapping[str, str],
    configured: object,
    installed: InstalledTool | None,
) -> ResolvedProgram:
    """Return the program that the first one names who names any.

    What its words give a key's name to, as in `pi --api-key …`, counts as secret from now on: the
    command is told in results.

    Args:
        tool: which of them.
        option: what its option was given; None: nothing.
        environment: holds the variable that stands in for the option.
        configured: what the user's configuration file says, unchecked; a program that depends on
            our directory is not taken from it: that may be a repository that was only cloned.
        installed: what setup installed, None where that is nothing, or is gone.
    """
    if option is not None:
        return _named(tool, ToolOrigin.OPTION, option)
    variable = environment.get(variable_of(tool.option))
    if variable:
        return _named(tool, ToolOrigin.ENVIRONMENT, variable)
    if isinstance(configured, str) and starts_the_same_anywhere(configured):
        return _named(tool, ToolOrigin.USER_FILE, configured)
    if installed is not None:
        return ResolvedProgram(tool=tool, origin=ToolOrigin.SETUP, installed=installed)
    return ResolvedProgram(tool=tool, origin=ToolOrigin.PATH, named=str(tool))


def _named(tool: Tool, origin: ToolOrigin, command: str) -> ResolvedProgram:
    for name, value in _values_named(command):
        learn_environment({name: value})
    return ResolvedProgram(tool=tool, origin=origin, named=command)


def _values_named(command: str) -> Iterator[tuple[str, str]]:
    """Yield what a command's words give a name to: `--api-key x`, `--api-key=x`, `API_KEY=x`."""
    try:
        words = shlex.split(command)
    except ValueError:
        words = command.split()
    for word, following in zip_longest(words, words[1:], fillvalue=""):
        name, is_given, value = word.partition("=")
        if not is_given and word.startswith("-") and not following.startswith("-"):
            value = following
        yield name.lstrip("-").replace("-", "_"), value


def program_words(command: str, said_by: str) -> tuple[str, ...]:
    """Split what names a program into argv; a path with blanks that exists is one word.

    A path is made absolute, where that can be: the program is started in another directory than
    ours.

    Raises:
        UsageError: it is empty or its quoting does not close.
    """
    # `Path.is_file` raises where words are too many to be a path.
    if os.path.isfile(command) or shutil.which(command):  # noqa: PTH113 - see above
        return (_absolute(command),)
    try:
        words = shlex.split(command)
    except ValueError as exc:
        raise UsageError(
            f"{said_by} cannot be read: {exc}",
            suggested_action="quote it as a shell would read it: the program, then its arguments",
        ) from exc
    if not words:
        raise UsageError(f"{said_by} is empty", suggested_action="name a program")
    return (_absolute(words[0]), *words[1:])


def _absolute(word: str) -> str:
    """Return a path made absolute, and a bare name, which is looked up on PATH, as it is."""
    if "/" not in word:
        return word
    path = Path(word)
    with suppress(RuntimeError):  # `~nobody` is a folder's name then
        path = path.expanduser()
    try:
        return str(path.absolute())
    except FileNotFoundError:  # our own directory is gone, and what lay there with it
        return word
