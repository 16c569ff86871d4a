"""Where the user's folders lie: where a variable says, else as the platform has it. Makes none."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path


def data_folder(environment: Mapping[str, str], variable: str) -> Path | None:
    """Return the user's data folder, absolute; it need not exist. None without a home.

    Args:
        environment: a folder that `variable` names in it goes before the platform's.
        variable: its name.
    """
    return _folder(environment.get(variable, ""), _data_of_platform)


def config_folder(environment: Mapping[str, str], variable: str) -> Path | None:
    """Return the user's configuration folder, as `data_folder` does."""
    return _folder(environment.get(variable, ""), _config_of_platform)


def _folder(named: str, of_platform: Callable[[], Path]) -> Path | None:
    try:
        return Path(named).expanduser().absolute() if named else of_platform()
    except (OSError, RuntimeError):  # no HOME nor user entry; our own directory is gone
        return None


def _data_of_platform() -> Path:
    import platformdirs  # noqa: PLC0415 - a folder that is named is not looked for

    return platformdirs.user_data_path("millracer", appauthor=False)


def _config_of_platform() -> Path:
    import platformdirs  # noqa: PLC0415 - the same

    return platformdirs.user_config_path("millracer", appauthor=False)


STATE_VARIABLE = "MILLRACER_STATE_DIR"
#: The session store's file in it.
STORE_NAME = "sessions.sqlite3"

_FOLDER_MODE = 0o700
_FILE_MODE = 0o600

_making = threading.Lock()


def state_folder(environment: Mapping[str, str]) -> Path | None:
    """Return the folder, absolute; it need not exist. None where the user has no home to be found.

    Args:
        environment: `MILLRACER_STATE_DIR` in it overrides the platform's user data folder.
    """
    return data_folder(environment, STATE_VARIABLE)


def make_private_folder(folder: Path) -> None:
    """Make the folder and each parent that is missing, 0700; one that exists is left as it is.

    Raises:
        OSError: it cannot be made, or is not a directory.
    """
    for missing in reversed([path for path in (folder, *folder.parents) if not path.exists()]):
        missing.mkdir(mode=_FOLDER_MODE, exist_ok=True)
    if not folder.is_dir():
        raise NotADirectoryError(20, "it is not a directory", str(folder))


def make_private_file(path: Path) -> None:
    """Make the file empty, 0600, if there is none; one of ours that others may read is closed.

    A file that exists is never opened: closing it again would drop the POSIX locks that a
    connection of this process holds on it. For the same reason one thread at a time makes one.

    Raises:
        OSError: it cannot be made.
    """
    with _making, suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _FILE_MODE))
    status = path.stat()
    if status.st_mode & 0o077 and status.st_uid == os.geteuid():
        path.chmod(_FILE_MODE)


def operator_history(environment: Mapping[str, str] = os.environ) -> Path | None:
    """Return the private file with the operator's past input; None where it cannot be made."""
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
