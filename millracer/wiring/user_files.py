"""What the user's and a workspace's own files say, and where they lie; no logic.

Each function imports what it asks, so that a command loads no others.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from millracer.errors import UsageError

if TYPE_CHECKING:
    from millracer.programs.setup import Installer
    from millracer.schemas.config_file import ConfigOptions


def append_to_log(entry: str) -> Path:
    """Keep an entry, already without secrets, in the user's log and return the file it is in.

    Raises:
        NoLog: there is no place for it, or it cannot be written.
    """
    from millracer.system import log_file  # noqa: PLC0415 - see above

    return log_file.append_to_log(entry, os.environ)


def user_config_file() -> Path | None:
    """Return where the user's configuration file lies, be it there or not; None without a home."""
    from millracer.system import config_files  # noqa: PLC0415 - see above

    return config_files.user_config_file(os.environ)


def workspace_config_file(root_path: str) -> Path:
    """Return where a workspace's configuration file lies, be it there or not."""
    from millracer.system import config_files  # noqa: PLC0415 - see above

    return config_files.workspace_config_file(root_path)


def read_user_config() -> ConfigOptions | None:
    """Return what the user's configuration file says; None where there is none.

    Raises:
        ConfigInvalid: it cannot be read, or holds what it must not.
    """
    from millracer.system.config_files import read_config_file  # noqa: PLC0415 - see above

    return read_config_file(user_config_file(), of_workspace=False)


def read_workspace_config(root_path: str) -> ConfigOptions | None:
    """Return what a workspace's configuration file says; None where there is none.

    Raises:
        ConfigInvalid: it cannot be read, or holds what it must not.
    """
    from millracer.system.config_files import read_config_file  # noqa: PLC0415 - see above

    return read_config_file(workspace_config_file(root_path), of_workspace=True)


def open_installer() -> tuple[Path, Installer]:
    """Return the user's tools folder, be it there or not, and what installs in it.

    Raises:
        UsageError: the user has no home, and no folder is named.
    """
    from millracer.programs.installed import tools_folder  # noqa: PLC0415 - see above
    from millracer.programs.installer import DiskInstaller  # noqa: PLC0415

    folder = tools_folder(os.environ)
    if folder is None:
        raise UsageError(
            "there is no home to install in",
            suggested_action="name a folder in MILLRACER_DATA_DIR",
        )
    return folder, DiskInstaller(folder, dict(os.environ))


def glance_at_user_config() -> Mapping[str, object]:
    """Return the keys and values of the user's configuration file, unchecked; never raises."""
    from millracer.system.config_files import glance_at_user_file  # noqa: PLC0415 - see above

    return glance_at_user_file(os.environ)


def glance_at_items(root: Path) -> Iterator[str]:
    """Yield the ids of what is unfinished in a workspace; starts and makes nothing."""
    from millracer.millrace.files import candidates  # noqa: PLC0415 - see above

    return candidates.item_names(root)


def glance_at_modes(root: Path) -> Iterator[str]:
    """Yield the names of a workspace's modes; starts and makes nothing."""
    from millracer.millrace.files import candidates  # noqa: PLC0415 - see above

    return candidates.mode_names(root)


def glance_at_sessions() -> tuple[str, ...]:
    """Return the ids of the user's sessions; opens nothing for writing and waits for nobody."""
    from millracer.millrace.files import candidates  # noqa: PLC0415 - see above

    return candidates.session_names(os.environ)


def glance_at_workspaces() -> tuple[str, ...]:
    """Return the ids of the user's registered workspaces, as `glance_at_sessions` does."""
    from millracer.millrace.files import candidates  # noqa: PLC0415 - see above

    return candidates.workspace_names(os.environ)


def glance_at_selection(session_id: str) -> str | None:
    """Return the path of the workspace a session selected, as `glance_at_sessions` does."""
    from millracer.millrace.files import candidates  # noqa: PLC0415 - see above

    return candidates.selected_workspace(session_id, os.environ)


def operator_history() -> Path | None:
    """Return the private file that keeps what was typed to the operator, None if there is none."""
    from millracer.system.user_folders import make_private_file, make_private_folder, state_folder  # noqa: PLC0415 - see above

    folder = state_folder(os.environ)
    if folder is None:
        return None
    path = folder / "operator_history"
    try:
        make_private_folder(path.parent)
        make_private_file(path)
    except OSError:
        return None
    return path
