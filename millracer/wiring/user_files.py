"""The user's and a workspace's own files, for the command line."""

from __future__ import annotations

import os
import shutil
import stat
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from millracer.cancellation import Wait
from millracer.domain.programs import TESTED_VERSIONS, HiddenPi, Tool, ToolOrigin
from millracer.errors import MillracerError, UsageError
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
    "find_hidden_pi",
    "log_to_file",
    "open_installer",
    "operator_history",
    "peek_user_file",
    "read_user_config",
    "read_workspace_config",
    "require_writable",
    "user_config_file",
    "workspace_config_file",
    "write_file",
]

_OTHER_FILE = "name a file in a folder that you can write"


def append_to_log(entry: str) -> Path:
    """Append an entry without secrets to the user's log and return the log's path.

    Raises:
        NoLog: the log has no folder or cannot be written.
    """
    from millracer.system import log_file  # noqa: PLC0415 - only a bug needs it

    return log_file.append_to_log(entry, os.environ)


def log_to_file() -> Callable[[str], None]:
    """Return a function that appends a line to the user's log, from any thread; never raises."""
    from millracer.system import log_file  # noqa: PLC0415 - only the server logs every request

    lock = threading.Lock()

    def emit(line: str) -> None:
        with lock, suppress(log_file.NoLog):
            log_file.append_to_log(line, os.environ)

    return emit


def require_writable(path: Path) -> None:
    """Check that `write_file` can write a file of the user, before the work for its content begins.

    Raises:
        UsageError: the path is a folder or a device, or its folder is missing or read-only.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            kind = "a folder" if path.is_dir() else "not a regular file"
            raise _unwritable(path, f"it is {kind}")
    except FileNotFoundError:
        if not path.parent.is_dir():
            raise _unwritable(path, f"there is no folder {path.parent}") from None
    except OSError as error:
        raise _unwritable(path, error.strerror) from error
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise _unwritable(path, f"the folder {path.parent} is read-only")


def write_file(path: Path, text: str) -> None:
    """Replace a file of the user atomically; as readable as its folder's other files.

    Raises:
        UsageError: it cannot be written.
    """
    from millracer.system.files import write_atomically  # noqa: PLC0415 - few commands write files

    require_writable(path)
    try:
        write_atomically(path, text)
        mask = os.umask(0)
        os.umask(mask)
        path.chmod(0o666 & ~mask)
    except MillracerError as error:
        raise UsageError(error.message, suggested_action=_OTHER_FILE) from error
    except OSError as error:
        raise _unwritable(path, error.strerror) from error


def _unwritable(path: Path, reason: str | None) -> UsageError:
    return UsageError(f"{path} cannot be written: {reason}", suggested_action=_OTHER_FILE)


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


def find_hidden_pi(tools: Path, wait: Wait) -> HiddenPi | None:
    """Return the pi on PATH that setup's pi replaces; None if setup's replaces no other version.

    Starts that pi only if its package does not name its version. A pi that does not start, or that
    is not supported, is not reported: no command could use it.

    Args:
        tools: setup's folder; the programs in it are setup's own.
        wait: limits the start of that pi.

    Raises:
        Cancelled: the caller cancelled.
    """
    from millracer.pi import install  # noqa: PLC0415 - only `setup` needs it
    from millracer.programs.discovery import resolve_programs  # noqa: PLC0415 - the same

    used = resolve_programs({}, os.environ, peek_user_file()).pi
    program = shutil.which(Tool.PI)
    is_named = used.origin not in {ToolOrigin.SETUP, ToolOrigin.PATH}
    if is_named or program is None or tools in Path(program).parents:
        return None
    try:
        version = install.read_version((program,), cwd=Path("/"), env=os.environ, wait=wait)
        install.refuse_unsupported(version)
    except MillracerError:
        return None
    own = TESTED_VERSIONS[Tool.PI]
    if version == own:
        return None
    is_newer = install.parse_version(version) > install.parse_version(own)
    return HiddenPi(version=version, program=program, is_newer=is_newer)
