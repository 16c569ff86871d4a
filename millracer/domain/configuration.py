"""Where a value comes from, and what a workspace's own file must not decide."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

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


_WHAT_RUNS = "it would decide what runs on the machine of whoever opens the repository"
_WHERE = "it would decide where somebody else's work is done"

#: What a workspace's file must not set, and why: it comes with a repository that was cloned.
NOT_FOR_A_WORKSPACE: Mapping[str, str] = MappingProxyType(
    {
        "millrace_command": _WHAT_RUNS,
        "pi_command": _WHAT_RUNS,
        "skill": _WHAT_RUNS,
        "no_default_skills": _WHAT_RUNS,
        "environment": _WHAT_RUNS,
        "cwd": _WHERE,
        "workspace": _WHERE,
        "session_id": _WHERE,
    }
)

#: What no file sets, and who does.
NOT_FOR_A_FILE: Mapping[str, str] = MappingProxyType(
    {
        "workspace": "name the workspace with --workspace or MILLRACER_WORKSPACE",
        "session_id": "name the session with --session-id or MILLRACER_SESSION_ID",
        "environment": "set the variables before millracer is started: pi and Millrace get them",
    }
)

_FROM_ANYWHERE = ("/", "~")


def is_from_anywhere(path: str) -> bool:
    """Whether a path means the same in whatever directory a command is given."""
    return path.startswith(_FROM_ANYWHERE)


def starts_the_same_anywhere(command: str) -> bool:
    """Whether a program is the same in whatever directory: a path from the root, or a bare name."""
    program = command.strip("'\" ")
    return bool(program) and ("/" not in program.split()[0] or is_from_anywhere(program))
