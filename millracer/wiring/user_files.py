"""The user's and a workspace's own files, for the command line."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from millracer.errors import UsageError
from millracer.system.config_files import (
    peek_user_file,
    read_user_config,
    read_workspace_config,
    user_config_file,
    workspace_config_file,
)
from millracer.system.user_folders import operator_history

if TYPE_CHECKING:
    from millracer.programs.setup import Installer

__all__ = [
    "append_to_log",
    "open_installer",
    "operator_history",
    "peek_user_file",
    "read_user_config",
    "read_workspace_config",
    "user_config_file",
    "workspace_config_file",
]


def append_to_log(entry: str) -> Path:
    """Append an entry without secrets to the user's log and return the log's path.

    Raises:
        NoLog: the log has no folder or cannot be written.
    """
    from millracer.system import log_file  # noqa: PLC0415 - only a bug needs it

    return log_file.append_to_log(entry, os.environ)


def open_installer() -> tuple[Path, Installer]:
    """Return the user's tools folder, which need not exist, and the installer for it.

    Raises:
        UsageError: the user has no home directory, and no folder is configured.
    """
    from millracer.programs.installed import tools_folder  # noqa: PLC0415 - only `setup` needs it
    from millracer.programs.installer import DiskInstaller  # noqa: PLC0415 - the same

    folder = tools_folder(os.environ)
    if folder is None:
        raise UsageError(
            "cannot install: the user has no home directory",
            suggested_action="set MILLRACER_DATA_DIR to a folder",
        )
    return folder, DiskInstaller(folder, dict(os.environ))
