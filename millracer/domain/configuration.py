"""Origins of configuration values, and the settings that a file must not contain."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from millracer.domain.notifications import NOTIFY_KEY
from millracer.domain.run.options import (
    CHOOSES_PROGRAMS,
    COMMAND_LINE_OPTIONS,
    WORKSPACE_OPTIONS,
)

#: The name of the user's file, in the user's configuration folder.
USER_FILE = "config.toml"

#: The name of a workspace's file, at its root.
WORKSPACE_FILE = "millracer.toml"

#: No real configuration is larger. The time for a file crafted to be slow grows with the cube of
#: its length: minutes at eight times this limit.
LONGEST_CONFIG_BYTES = 1 << 13


class ValueOrigin(StrEnum):
    """Where a value came from. Earlier members take precedence over later ones."""

    OPTION = "option"
    ENVIRONMENT = "environment"
    SESSION = "session"  #: a session's selection, or the registry: a mode alone
    WORKSPACE_FILE = "workspace_file"
    USER_FILE = "user_file"
    SETUP = "setup"  #: what `millracer setup` installed: a program alone
    DEFAULT = "default"


#: Settings that a workspace's file must not contain, because it may come with a cloned repository;
#: with the reason shown to the user.
NOT_FOR_A_WORKSPACE: Mapping[str, str] = MappingProxyType(
    {
        each.name: each.refused_in_workspace_file
        for each in COMMAND_LINE_OPTIONS
        if each.refused_in_workspace_file is not None
    }
    | {
        "environment": CHOOSES_PROGRAMS,
        NOTIFY_KEY: "it would start a program or send the result to an address",
    }
)

#: Settings that no file may contain, and what to use instead.
NOT_FOR_A_FILE: Mapping[str, str] = MappingProxyType(
    {
        each.name: f"name the {each.name.removesuffix('_id')} with {each.flag} or {each.variable}"
        for each in WORKSPACE_OPTIONS
    }
    | {"environment": "set the variables before millracer is started: pi and Millrace get them"}
)

_FROM_ANYWHERE = ("/", "~")


def is_from_anywhere(path: str) -> bool:
    """Return whether a path is independent of the current directory."""
    return path.startswith(_FROM_ANYWHERE)


def starts_the_same_anywhere(command: str) -> bool:
    """Return whether a command starts the same program in every directory.

    It does if the program is an absolute path, a path from the home folder or a bare name.
    """
    program = command.strip("'\" ")
    return bool(program) and ("/" not in program.split()[0] or is_from_anywhere(program))
