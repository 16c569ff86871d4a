"""A machine's directories as two sets of paths."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass, field

from millracer.errors import WorkspaceUnusable
from millracer.ports import Directories


@dataclass(slots=True, kw_only=True)
class NamedDirectories(Directories):
    """Knows the given directories; tests may change them at any time.

    Attributes:
        here: the directory the command runs in, None where it is gone.
        plain: directories that Millrace was never initialised in.
        workspaces: directories that it was.
    """

    here: str | None = "/here"
    plain: set[str] = field(default_factory=lambda: {"/here"})
    workspaces: set[str] = field(default_factory=set)

    def current(self) -> str | None:
        return self.here

    def absolute(self, path: str) -> str:
        if "\0" in path:
            raise WorkspaceUnusable(f"the path {path!r} cannot be used")
        return posixpath.normpath(posixpath.join(self.here or "/", path))

    def exists(self, path: str) -> bool:
        return path in self.plain | self.workspaces

    def is_workspace(self, path: str) -> bool:
        return path in self.workspaces
