"""Describe Millrace's folder in a workspace, and let git ignore it."""

from __future__ import annotations

import os
from pathlib import Path

from millracer.cancellation import Wait
from millracer.domain.new_workspace import WorkspaceFolder
from millracer.errors import MillracerError
from millracer.millrace.files.workspace import WorkspacePaths
from millracer.system import processes
from millracer.system.files import read_regular, unwritable
from millracer.system.processes import Command

_GIT_SECONDS = 10.0
_NOT_IGNORED = 1  #: of `git check-ignore`; 0 is ignored, 128 is not a repository


def describe_folder(paths: WorkspacePaths, wait: Wait) -> WorkspaceFolder:
    """Return name, size and git's view of Millrace's folder; runs `git` once."""
    files = size = 0
    for folder, _, names in os.walk(paths.agents):
        for name in names:
            files += 1
            size += _size_of(Path(folder, name))
    return WorkspaceFolder(
        name=_name(paths), files=files, size=size, is_shown_by_git=_is_shown(paths, wait)
    )


def ignore_folder(paths: WorkspacePaths) -> None:
    """Append Millrace's folder to the `.gitignore` of the workspace.

    Raises:
        WorkspaceUnusable: the file cannot be read or written.
    """
    path = paths.root / ".gitignore"
    try:
        text = read_regular(path) if path.exists() else b""
        start = b"\n" if text and not text.endswith(b"\n") else b""
        with path.open("ab") as file:
            file.write(start + f"/{_name(paths)}\n".encode())
    except OSError as error:
        raise unwritable(path, error) from error


def _name(paths: WorkspacePaths) -> str:
    return f"{paths.agents.name}/"


def _size_of(path: Path) -> int:
    try:
        return path.lstat().st_size
    except OSError:
        return 0


def _is_shown(paths: WorkspacePaths, wait: Wait) -> bool:
    command = Command(
        tool="git", argv=("git", "check-ignore", "--quiet", _name(paths)), cwd=paths.root
    )
    try:
        completed = processes.run(command, wait.within(_GIT_SECONDS))
    except MillracerError:
        return False  # without git nothing shows the folder
    return completed.exit_code == _NOT_IGNORED
