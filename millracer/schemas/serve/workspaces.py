"""The workspaces of a server: `millracer.workspaces.v1`."""

from __future__ import annotations

from typing import Literal

from millracer.schemas.base import Published


class ServedWorkspaceDocument(Published):
    """A workspace that the server serves.

    Attributes:
        key: names the workspace in the paths of the API; it depends only on its path.
        path: its absolute path.
        name: its display name, else the last part of the path.
        workspace_id: its id in the registry; null if it is not registered.
        is_default: whether it is the registry's default.
        is_registered: whether it is in the registry.
        exists: whether the path is a directory.
        is_initialized: whether Millrace was ever initialised there.
    """

    key: str
    path: str
    name: str
    workspace_id: str | None
    is_default: bool
    is_registered: bool
    exists: bool
    is_initialized: bool


class WorkspacesResult(Published):
    """The workspaces that the server serves, by name.

    Attributes:
        schema_version: the format of this document.
        workspaces: the workspaces.
    """

    schema_version: Literal["millracer.workspaces.v1"] = "millracer.workspaces.v1"
    workspaces: list[ServedWorkspaceDocument]
