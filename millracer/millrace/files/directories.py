"""The `Directories` port on the file system."""

from __future__ import annotations

from pathlib import Path

from millracer.errors import WorkspaceUnusable
from millracer.millrace.files.workspace import WorkspacePaths
from millracer.ports import Directories


class DiskDirectories(Directories):
    """Paths as the file system has them."""

    def current(self) -> str | None:
        """Return the directory the command runs in, None where it is gone."""
        try:
            return str(Path.cwd())
        except OSError:
            return None

    def absolute(self, path: str) -> str:
        """Return a path made absolute, `~` and links resolved; it need not exist."""
        try:
            return str(Path(path).expanduser().resolve())
        except (OSError, RuntimeError, ValueError) as exc:
            raise WorkspaceUnusable(
                f"the path {path!r} cannot be used: {exc}",
                suggested_action="name the directory by its absolute path",
            ) from exc

    def exists(self, path: str) -> bool:
        """Whether it is a directory; one that cannot be reached is none."""
        try:
            return Path(path).is_dir()
        except OSError:
            return False

    def is_workspace(self, path: str) -> bool:
        """Whether Millrace's folder stands in it."""
        try:
            return WorkspacePaths(Path(path)).agents.is_dir()
        except OSError:
            return False
