"""Locate and read the configuration files; no file is created, and a missing one is empty."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from millracer.domain.configuration import LONGEST_CONFIG_BYTES, USER_FILE, WORKSPACE_FILE
from millracer.errors import ConfigInvalid
from millracer.system.user_folders import config_folder

if TYPE_CHECKING:
    from millracer.schemas.config_file import ConfigOptions


CONFIG_VARIABLE = "MILLRACER_CONFIG_DIR"


def user_config_file(environment: Mapping[str, str] = os.environ) -> Path | None:
    """Return the user's file, absolute; it need not exist. None without a home directory.

    Args:
        environment: `MILLRACER_CONFIG_DIR` in it overrides the platform's configuration folder.
    """
    folder = config_folder(environment, CONFIG_VARIABLE)
    return None if folder is None else folder / USER_FILE


def workspace_config_file(root_path: str) -> Path:
    """Return a workspace's file; it need not exist."""
    return Path(root_path) / WORKSPACE_FILE


def read_user_config() -> ConfigOptions | None:
    """Return the options of the user's configuration file; None if there is no file.

    Raises:
        ConfigInvalid: it cannot be read, or its content is invalid.
    """
    return read_config_file(user_config_file(), of_workspace=False)


def read_workspace_config(root_path: str) -> ConfigOptions | None:
    """Return the options of a workspace's configuration file, as `read_user_config` does."""
    return read_config_file(workspace_config_file(root_path), of_workspace=True)


def read_config_file(path: Path | None, *, of_workspace: bool) -> ConfigOptions | None:
    """Return the options of a configuration file; None if there is no file.

    Raises:
        ConfigInvalid: it cannot be read, or its content is invalid.
    """
    raw = None if path is None else _content(path)
    if raw is None:
        return None
    from millracer.schemas.config_file import parse_config  # noqa: PLC0415 - most users have no file

    return parse_config(raw, str(path), of_workspace=of_workspace)


def peek_user_file(environment: Mapping[str, str] = os.environ) -> dict[str, Any]:
    """Return the user's file as unchecked keys and values; empty if it cannot be read."""
    path = user_config_file(environment)
    raw = None
    with suppress(ConfigInvalid):
        raw = None if path is None else _content(path)
    if raw is None:
        return {}
    import tomllib  # noqa: PLC0415 - the same

    try:
        return tomllib.loads(raw.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return {}


def _content(path: Path) -> bytes | None:
    """Return a file's bytes, at most one more than a configuration file may have.

    Opening never blocks, even on a pipe: a workspace may contain anything under this name.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(descriptor, "rb") as file:  # noqa: PTH123 - a descriptor has no path
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise _unreadable(path, "it is not a regular file")
            return file.read(LONGEST_CONFIG_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        raise _unreadable(path, getattr(error, "strerror", None) or str(error)) from error


def _unreadable(path: Path, why: str) -> ConfigInvalid:
    return ConfigInvalid(
        f"the configuration file {path} cannot be read: {why}",
        suggested_action="make it readable, or remove it",
    )
