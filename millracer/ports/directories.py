"""The port of the paths in requests."""

from __future__ import annotations

from typing import Protocol


class Directories(Protocol):
    """Resolves and checks a request's paths on this machine; read-only."""

    def current(self) -> str | None:
        """Return the current directory, None if it no longer exists."""
        ...

    def absolute(self, path: str) -> str:
        """Return the absolute path with `~` and links resolved; it need not exist.

        Raises:
            WorkspaceUnusable: it is not a path, or names the home of an unknown user.
        """
        ...

    def exists(self, path: str) -> bool:
        """Whether it is a directory."""
        ...

    def is_workspace(self, path: str) -> bool:
        """Whether Millrace was ever initialised there."""
        ...
