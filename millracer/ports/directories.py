"""The port of the paths in requests."""

from __future__ import annotations

from typing import Protocol


class Directories(Protocol):
    """What a request's paths mean on this machine; reads only."""

    def current(self) -> str | None:
        """Return the directory the command runs in, None where it is gone."""
        ...

    def absolute(self, path: str) -> str:
        """Return a path made absolute, `~` and links resolved; it need not exist.

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
