"""The `Directories` port on the file system."""

from __future__ import annotations

from pathlib import Path

from millracer.errors import WorkspaceUnusable
from millracer.millrace.files.workspace import WorkspacePaths
from millracer.ports import Directories


class DiskDirectories(Directories):
    """Resolves and checks paths on the local file system."""

    def current(self) -> str | None:
        """Return the command's working directory, None if it no longer exists."""
        try:
            return str(Path.cwd())
        except OSError:
            return None

    def absolute(self, path: str) -> str:
        """Return the absolute path with `~` and links resolved; the path need not exist."""
        try:
            return str(Path(path).expanduser().resolve())
        except (OSError, RuntimeError, ValueError) as exc:
            raise WorkspaceUnusable(
                f"the path {path!r} cannot be used: {exc}",
                suggested_action="pass the directory's absolute path",
            ) from exc

    def exists(self, path: str) -> bool:
        """Whether the path is a directory; False if it cannot be reached."""
        try:
            return Path(path).is_dir()
        except OSError:
            return False

    def is_workspace(self, path: str) -> bool:
        """Whether the directory contains Millrace's folder."""
        try:
            return WorkspacePaths(Path(path)).agents.is_dir()
        except OSError:
            return False
