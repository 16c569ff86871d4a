"""Locate the user's folders: from an environment variable, else the platform's; none is created."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path


def data_folder(environment: Mapping[str, str], variable: str) -> Path | None:
    """Return the user's data folder, absolute; it need not exist. None without a home directory.

    Args:
        environment: `variable` in it overrides the platform's folder.
        variable: the variable's name.
    """
    return _folder(environment.get(variable, ""), _data_of_platform)


def config_folder(environment: Mapping[str, str], variable: str) -> Path | None:
    """Return the user's configuration folder, as `data_folder` does."""
    return _folder(environment.get(variable, ""), _config_of_platform)


def _folder(named: str, of_platform: Callable[[], Path]) -> Path | None:
    try:
        return Path(named).expanduser().absolute() if named else of_platform()
    except (OSError, RuntimeError):  # no HOME nor user entry; the working directory is gone
        return None


def _data_of_platform() -> Path:
    import platformdirs  # noqa: PLC0415 - not needed if the variable is set

    return platformdirs.user_data_path("millracer", appauthor=False)


def _config_of_platform() -> Path:
    import platformdirs  # noqa: PLC0415 - the same

    return platformdirs.user_config_path("millracer", appauthor=False)


STATE_VARIABLE = "MILLRACER_STATE_DIR"
#: The session store's file name in the state folder.
STORE_NAME = "sessions.sqlite3"

_FOLDER_MODE = 0o700
_FILE_MODE = 0o600

_making = threading.Lock()


def state_folder(environment: Mapping[str, str]) -> Path | None:
    """Return the state folder, absolute; it need not exist. None without a home directory.

    Args:
        environment: `MILLRACER_STATE_DIR` in it overrides the platform's user data folder.
    """
    return data_folder(environment, STATE_VARIABLE)


def make_private_folder(folder: Path) -> None:
    """Create the folder and each missing parent with mode 0700; existing ones are unchanged.

    Raises:
        OSError: it cannot be created, or is not a directory.
    """
    for missing in reversed([path for path in (folder, *folder.parents) if not path.exists()]):
        missing.mkdir(mode=_FOLDER_MODE, exist_ok=True)
    if not folder.is_dir():
        raise NotADirectoryError(20, "it is not a directory", str(folder))


def make_private_file(path: Path) -> None:
    """Create the file, empty and with mode 0600, or restrict this user's existing file to 0600.

    An existing file is never opened: closing it would drop the POSIX locks that a connection of
    this process holds on it. For the same reason one thread at a time creates a file.

    Raises:
        OSError: it cannot be created.
    """
    with _making, suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _FILE_MODE))
    status = path.stat()
    if status.st_mode & 0o077 and status.st_uid == os.geteuid():
        path.chmod(_FILE_MODE)


def operator_history(environment: Mapping[str, str] = os.environ) -> Path | None:
    """Return the private file with the operator's past input; None if it cannot be created."""
    folder = state_folder(environment)
    if folder is None:
        return None
    path = folder / "operator_history"
    try:
        make_private_folder(path.parent)
        make_private_file(path)
    except OSError:
        return None
    return path
