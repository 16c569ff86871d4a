"""Where a value comes from, and what a workspace's own file must not decide."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from millracer.domain.run_options import (
    CHOOSES_PROGRAMS,
    COMMAND_LINE_OPTIONS,
    WORKSPACE_OPTIONS,
)

#: The name of the user's file, in the user's configuration folder.
USER_FILE = "config.toml"

#: The name of a workspace's file, at its root.
WORKSPACE_FILE = "millracer.toml"

#: A larger file is nobody's configuration. One made to be slow to read takes time with the cube of
#: its length: minutes with eight times as much.
LONGEST_CONFIG_BYTES = 1 << 13


class ValueOrigin(StrEnum):
    """Who said what a value is; the first goes before those behind it."""

    OPTION = "option"
    ENVIRONMENT = "environment"
    SESSION = "session"  #: a session's selection, or the registry: a mode alone
    WORKSPACE_FILE = "workspace_file"
    USER_FILE = "user_file"
    SETUP = "setup"  #: what `millracer setup` installed: a program alone
    DEFAULT = "default"


#: What a workspace's file must not set, and why: it comes with a repository that was cloned.
NOT_FOR_A_WORKSPACE: Mapping[str, str] = MappingProxyType(
    {
        each.name: each.refused_in_workspace_file
        for each in COMMAND_LINE_OPTIONS
        if each.refused_in_workspace_file is not None
    }
    | {"environment": CHOOSES_PROGRAMS}
)

#: What no file sets, and who does.
NOT_FOR_A_FILE: Mapping[str, str] = MappingProxyType(
    {
        each.name: f"name the {each.name.removesuffix('_id')} with {each.flag} or {each.variable}"
        for each in WORKSPACE_OPTIONS
    }
    | {"environment": "set the variables before millracer is started: pi and Millrace get them"}
)

_FROM_ANYWHERE = ("/", "~")


def is_from_anywhere(path: str) -> bool:
    """Whether a path means the same in whatever directory a command is given."""
    return path.startswith(_FROM_ANYWHERE)


def starts_the_same_anywhere(command: str) -> bool:
    """Whether a program is the same in whatever directory: a path from the root, or a bare name."""
    program = command.strip("'\" ")
    return bool(program) and ("/" not in program.split()[0] or is_from_anywhere(program))
