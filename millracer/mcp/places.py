"""The one workspace of a server on standard input and output."""

from __future__ import annotations

from dataclasses import dataclass

from millracer.domain.workspaces import workspace_key
from millracer.errors import InvalidRequest
from millracer.operations.context import SelectedWorkspace
from millracer.wiring import open_directories


@dataclass(frozen=True, slots=True)
class OnePlace:
    """Serves one workspace and refuses every other one."""

    place: SelectedWorkspace

    def find(self, name: str | None) -> SelectedWorkspace:
        """Return the workspace.

        Raises:
            InvalidRequest: the name is that of another one.
        """
        own = (self.place.root_path, self.place.resolution.workspace_id, self._key)
        if name is None or name in own or open_directories().absolute(name) == own[0]:
            return self.place
        raise InvalidRequest(
            f"this server does not serve the workspace {name!r:.200}",
            field="workspace",
            suggested_action=f"leave `workspace` out: this server serves {self.place.root_path}",
            code="workspace_not_served",
        )

    def find_key(self, key: str) -> SelectedWorkspace | None:
        """Return the workspace if it has this key."""
        return self.place if key == self._key else None

    @property
    def _key(self) -> str:
        return workspace_key(self.place.root_path)
