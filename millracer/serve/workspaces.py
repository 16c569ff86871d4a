"""The workspaces that a server serves, and their keys."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus

from millracer.domain.workspaces import (
    RegisteredWorkspace,
    Resolution,
    ResolutionRule,
    workspace_key,
)
from millracer.errors import InvalidRequest, StoreUnavailable
from millracer.operations.context import SelectedWorkspace
from millracer.schemas.serve.workspaces import ServedWorkspaceDocument, WorkspacesResult
from millracer.serve.errors import Refusal
from millracer.wiring import open_directories, open_store

_NOT_IN_IDS = re.compile(r"[^A-Za-z0-9._-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedWorkspace:
    """A workspace that the server serves; `registered` is None for one outside the registry."""

    path: str
    registered: RegisteredWorkspace | None = None

    @property
    def key(self) -> str:
        """The name of the workspace in the API, which depends only on its path."""
        return workspace_key(self.path)

    @property
    def workspace_id(self) -> str | None:
        """Its id in the registry."""
        return None if self.registered is None else self.registered.workspace_id

    @property
    def name(self) -> str:
        """Its name for people."""
        display = None if self.registered is None else self.registered.display_name
        return display or self.path.rpartition("/")[2] or self.path

    @property
    def place(self) -> SelectedWorkspace:
        """The workspace, as operations take it."""
        mode = None if self.registered is None else self.registered.default_mode
        return SelectedWorkspace(
            root_path=self.path,
            resolution=Resolution(
                rule=ResolutionRule.REQUEST_WORKSPACE_ID,
                root_path=self.path,
                workspace_id=self.workspace_id,
            ),
            mode=mode,
        )

    @property
    def exists(self) -> bool:
        """Whether its path is a directory."""
        return open_directories().exists(self.path)

    def describe(self) -> ServedWorkspaceDocument:
        """Return its published form."""
        return ServedWorkspaceDocument(**self.fields())

    def fields(self) -> dict[str, object]:
        """Return the fields of its published form."""
        directories = open_directories()
        return {
            "key": self.key,
            "path": self.path,
            "name": self.name,
            "workspace_id": self.workspace_id,
            "is_default": self.registered is not None and self.registered.is_default,
            "is_registered": self.registered is not None,
            "exists": directories.exists(self.path),
            "is_initialized": directories.is_workspace(self.path),
        }


class Workspaces:
    """The registered workspaces and those that the command line names. Thread-safe.

    Args:
        given: absolute paths that the command line names.
    """

    def __init__(self, given: Sequence[str]) -> None:
        self._given = tuple(given)

    def all(self) -> tuple[ServedWorkspace, ...]:
        """Return all served workspaces, by name; an unreadable registry has none."""
        found = {path: ServedWorkspace(path=path) for path in self._given}
        try:
            with open_store() as store:
                registered = store.list_workspaces()
        except StoreUnavailable:
            registered = ()
        for each in registered:
            found[each.root_path] = ServedWorkspace(path=each.root_path, registered=each)
        return tuple(sorted(found.values(), key=lambda each: (each.name.casefold(), each.path)))

    def find(self, name: str) -> ServedWorkspace:
        """Return the workspace of a key or a registered id.

        Raises:
            Refusal: it is not served.
        """
        served = self.all()
        for each in served:
            if name == each.key:
                return each
        for each in served:
            if name == each.workspace_id:
                return each
        raise not_served(name)

    def serves(self, path: str) -> bool:
        """Return whether the workspace at a path is served."""
        absolute = open_directories().absolute(path)
        return any(each.path == absolute for each in self.all())

    def describe(self) -> WorkspacesResult:
        """Return all of them in published form."""
        return WorkspacesResult(workspaces=[each.describe() for each in self.all()])

    def register(self, path: str, workspace_id: str | None, *, is_default: bool) -> None:
        """Register a directory.

        Raises:
            InvalidRequest: it is not the absolute path of a directory, or the id is in use.
            StoreUnavailable: the registry cannot be written.
        """
        if not path.startswith("/"):
            raise InvalidRequest(
                f"{path} is not an absolute path",
                field="path",
                suggested_action="write the whole path of the directory, from /",
            )
        directories = open_directories()
        absolute = directories.absolute(path)
        if not directories.exists(absolute):
            raise InvalidRequest(
                f"{absolute} is not a directory",
                field="path",
                suggested_action="name an existing directory of this machine",
            )
        with open_store() as store:
            registered = store.list_workspaces()
            known = next((each for each in registered if each.root_path == absolute), None)
            chosen = workspace_id or (None if known is None else known.workspace_id)
            if chosen is None:
                chosen = _free_id(absolute, {each.workspace_id for each in registered})
            taken = next((each for each in registered if each.workspace_id == chosen), None)
            if chosen == "default" or (taken is not None and taken.root_path != absolute):
                raise InvalidRequest(
                    f"the id {chosen} is in use",
                    field="workspace_id",
                    suggested_action="choose another id",
                )
            store.register_workspace(
                RegisteredWorkspace(
                    workspace_id=chosen,
                    root_path=absolute,
                    display_name=None if known is None else known.display_name,
                    default_mode=None if known is None else known.default_mode,
                    tags=() if known is None else known.tags,
                    is_default=is_default or (known is not None and known.is_default),
                )
            )
            if known is not None and known.workspace_id != chosen:
                store.forget_workspace(known.workspace_id)


def forget(workspace: ServedWorkspace) -> None:
    """Remove a workspace from the registry; its directory is not changed.

    Raises:
        StoreUnavailable: the registry cannot be written.
    """
    if workspace.workspace_id is not None:
        with open_store() as store:
            store.forget_workspace(workspace.workspace_id)


def not_served(name: str) -> Refusal:
    """Return the refusal of a workspace that the server does not serve."""
    return Refusal(
        HTTPStatus.NOT_FOUND,
        f"this server serves no workspace {name!r:.200}",
        "list the workspaces with GET /api/v1/workspaces; register one with "
        "`millracer workspaces add`",
        code="workspace_not_served",
    )


def _free_id(path: str, taken: set[str]) -> str:
    name = _NOT_IN_IDS.sub("-", path.rpartition("/")[2]).strip("-._") or "workspace"
    chosen, number = name, 2
    while chosen in taken or chosen == "default":
        chosen, number = f"{name}-{number}", number + 1
    return chosen
