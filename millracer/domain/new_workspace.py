"""The folder that the backend creates in a new workspace."""

from __future__ import annotations

from dataclasses import dataclass

_KILO = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkspaceFolder:
    """The backend's folder in a workspace.

    Attributes:
        name: its path in the workspace, with a slash at its end.
        size: in bytes.
        is_shown_by_git: the workspace is in a git repository that does not ignore the folder.
    """

    name: str
    files: int
    size: int
    is_shown_by_git: bool

    def __str__(self) -> str:
        """Return name and size for people."""
        kilobytes = -(-self.size // _KILO)
        shown = f"{kilobytes} kB" if kilobytes < _KILO else f"{kilobytes / _KILO:.1f} MB"
        return f"{self.name} ({self.files} files, {shown})"
