"""Find the pi and the Millrace to use; no other module searches for them.

The order of precedence: the option, its environment variable, the user's configuration file, the
installation of `millracer setup`, PATH.
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
from millracer.domain.notifications import secret_variables
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
from millracer.system.config_files import peek_user_file

_NOTHING: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolvedProgram:
    """A program and its origin.

    Attributes:
        named: the command as given; None for setup's installation.
        installed: setup's installation, if that is used.
    """

    tool: Tool
    origin: ToolOrigin
    named: str | None = None
    installed: InstalledTool | None = None

    @property
    def words(self) -> tuple[str, ...]:
        """The argv that starts it; whether the program exists was not checked.

        Raises:
            UsageError: the given command is empty or its quoting is not closed.
        """
        if self.installed is not None:
            return self.installed.argv
        return program_words(self.named or "", self._source)

    @property
    def used(self) -> ProgramUsed:
        """The command and origin that results report."""
        command = self.named if self.installed is None else shlex.join(self.installed.argv)
        return ProgramUsed(command=command or "", origin=self.origin)

    @property
    def _source(self) -> str:
        match self.origin:
            case ToolOrigin.ENVIRONMENT:
                return variable_of(self.tool.option)
            case ToolOrigin.USER_FILE:
                return f"{self.tool.key} in {USER_FILE}"
            case _:
                return self.tool.option


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolvedPrograms:
    """Both programs, and the environment in which they find each other.

    Attributes:
        withheld: names of variables that child processes do not get.
    """

    millrace: ResolvedProgram
    pi: ResolvedProgram
    withheld: frozenset[str] = frozenset()

    @property
    def used(self) -> ProgramsUsed:
        """The commands and origins that results report."""
        return ProgramsUsed(millrace=self.millrace.used, pi=self.pi.used)

    def environment(self) -> dict[str, str]:
        """Return the environment for all child processes.

        Millrace starts pi by name for each stage, and pi may call Millrace by name. So the folders
        of setup's installations that are used here come first on PATH. An agent must not be able to
        sign a notification, so the secrets of notifications are left out.
        """
        folders = [
            each.installed.folder for each in (self.millrace, self.pi) if each.installed is not None
        ]
        environment = {
            name: value for name, value in os.environ.items() if name not in self.withheld
        }
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
        options: the value of each program's option by its key; None if not given.
        environment: its variables replace missing options.
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
    return ResolvedPrograms(millrace=millrace, pi=pi, withheld=_notification_secrets())


def _notification_secrets() -> frozenset[str]:
    """Return the names of the variables with notification secrets; their values become secret."""
    names = secret_variables(peek_user_file())
    for name in names:
        learn_environment({f"{name}_SECRET": os.environ.get(name, "")})
    return names


def find_program(
    tool: Tool,
    option: str | None,
    *,
    environment: Mapping[str, str],
    configured: object,
    installed: InstalledTool | None,
) -> ResolvedProgram:
    """Return the program from the first source that names one.

    A value with a key's name in the command, as in `pi --api-key …`, counts as secret from now on,
    because results contain the command.

    Args:
        tool: which program.
        option: the value of its option; None if not given.
        environment: has the variable that replaces the option.
        configured: the value in the user's configuration file, unchecked. It is ignored if it
            depends on the working directory, which may be a repository that was only cloned.
        installed: setup's installation; None if there is none.
    """
    if option is not None:
        return _resolve_named(tool, ToolOrigin.OPTION, option)
    variable = environment.get(variable_of(tool.option))
    if variable:
        return _resolve_named(tool, ToolOrigin.ENVIRONMENT, variable)
    if isinstance(configured, str) and starts_the_same_anywhere(configured):
        return _resolve_named(tool, ToolOrigin.USER_FILE, configured)
    if installed is not None:
        return ResolvedProgram(tool=tool, origin=ToolOrigin.SETUP, installed=installed)
    return ResolvedProgram(tool=tool, origin=ToolOrigin.PATH, named=str(tool))


def _resolve_named(tool: Tool, origin: ToolOrigin, command: str) -> ResolvedProgram:
    for name, value in _find_named_values(command):
        learn_environment({name: value})
    return ResolvedProgram(tool=tool, origin=origin, named=command)


def _find_named_values(command: str) -> Iterator[tuple[str, str]]:
    """Yield name and value of words such as `--api-key x`, `--api-key=x` and `API_KEY=x`."""
    try:
        words = shlex.split(command)
    except ValueError:
        words = command.split()
    for word, following in zip_longest(words, words[1:], fillvalue=""):
        name, is_given, value = word.partition("=")
        if not is_given and word.startswith("-") and not following.startswith("-"):
            value = following
        yield name.lstrip("-").replace("-", "_"), value


def program_words(command: str, source: str) -> tuple[str, ...]:
    """Split a command into argv; an existing path with blanks is one word.

    A path is made absolute if possible, because the program starts in another directory.

    Args:
        command: as the user gave it.
        source: the option, variable or key it came from, for errors.

    Raises:
        UsageError: it is empty or its quoting is not closed.
    """
    # `Path.is_file` raises for a text that is too long for a path.
    if os.path.isfile(command) or shutil.which(command):  # noqa: PTH113 - see above
        return (_absolute(command),)
    try:
        words = shlex.split(command)
    except ValueError as exc:
        raise UsageError(
            f"{source} cannot be parsed: {exc}",
            suggested_action="quote it as for a shell: the program, then its arguments",
        ) from exc
    if not words:
        raise UsageError(f"{source} is empty", suggested_action="name a program")
    return (_absolute(words[0]), *words[1:])


def _absolute(word: str) -> str:
    """Return a path as absolute; return a bare name, which is searched for on PATH, unchanged."""
    if "/" not in word:
        return word
    path = Path(word)
    with suppress(RuntimeError):  # no such user: `~name` is then a folder's name
        path = path.expanduser()
    try:
        return str(path.absolute())
    except FileNotFoundError:  # the working directory is gone, and the program with it
        return word
