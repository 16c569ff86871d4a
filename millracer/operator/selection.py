"""The operator's workspace and mode: from the options, the session store or a command.

Workspace and mode are stored separately, so that two operators of one session do not overwrite each
other's selection.
"""

from __future__ import annotations

from dataclasses import dataclass

from millracer.domain.workspaces import RegisteredWorkspace, Resolution, ResolutionRule, Selection
from millracer.errors import RunWarning, StoreUnavailable, UsageError, WorkspaceUnresolved
from millracer.operations.session.memory import SessionMemory
from millracer.operations.session.resolve_workspace import (
    resolve_option,
    resolve_selection,
    shadow_warning,
)
from millracer.ports import Directories, SessionStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A workspace that can be selected.

    Attributes:
        workspace_id: None for an unregistered workspace.
        default_mode: the mode it is registered with, if any.
        rule: the rule that selected it.
    """

    root_path: str
    rule: ResolutionRule = ResolutionRule.ACTIVE_SESSION
    workspace_id: str | None = None
    default_mode: str | None = None

    @property
    def resolution(self) -> Resolution:
        """The workspace with the rule that selected it."""
        return Resolution(rule=self.rule, root_path=self.root_path, workspace_id=self.workspace_id)


class OperatorSelection:
    """The selected workspace and mode of one session.

    Args:
        workspace: `--workspace`; None: what the session selected, or the current directory.
        mode: `--millrace-mode`; None: what the session selected.

    Raises:
        WorkspaceUnresolved: no workspace is selected, and the current directory does not exist.
        WorkspaceUnusable: `workspace` is not a path.
    """

    def __init__(
        self,
        *,
        store: SessionStore,
        directories: Directories,
        session_id: str,
        workspace: str | None,
        mode: str | None,
    ) -> None:
        self._store = store
        self._directories = directories
        self._session_id = session_id
        memory = SessionMemory(store)
        session = memory.session(session_id)
        selection = None if session is None else session.selection
        self._mode = mode or (None if selection is None else selection.mode)
        self._place = (
            self._remembered(selection, memory)
            if workspace is None
            else _place_of(resolve_option(workspace, memory, directories))
        )
        shadowed = () if workspace is None else shadow_warning(workspace, memory, directories)
        self.warnings: tuple[RunWarning, ...] = (*shadowed, *memory.warnings)

    @property
    def place(self) -> Place:
        """The workspace."""
        return self._place

    @property
    def mode(self) -> str | None:
        """The mode from the options, the session store or `choose_mode`."""
        return self._mode

    @property
    def usable(self) -> bool:
        """Whether the workspace is a directory."""
        return self._directories.exists(self._place.root_path)

    def find(self, name: str) -> Place:
        """Return the workspace of this id or path.

        Raises:
            UsageError: it is neither.
            StoreUnavailable: it is not a path, and the registry cannot be read.
            WorkspaceUnusable: it cannot be a path.
        """
        try:
            found = self._store.find_workspace(name)
        except StoreUnavailable:
            if not self._directories.exists(self._directories.absolute(name)):
                raise
            found = None  # a path needs no registry
        path = self._directories.absolute(name) if found is None else found.root_path
        if self._directories.exists(path):
            return Place(root_path=path) if found is None else _registered(found)
        if found is not None:
            raise UsageError(
                f"{name} is registered as {path}, which is not a directory",
                suggested_action="register it again with `millracer workspaces add`",
            )
        raise UsageError(
            f"{name!r} is neither a registered workspace nor a directory",
            suggested_action="see /workspace, or `millracer workspaces add`",
        )

    def choose_place(self, place: Place) -> None:
        """Select another workspace.

        Raises:
            StoreUnavailable: it is selected, but not stored.
        """
        self._place = place
        self._store.select_workspace(
            self._session_id, place.workspace_id, place.root_path, client_name=self._session_id
        )

    def choose_mode(self, mode: str | None) -> None:
        """Select another mode; None: the workspace, pi or the default determines it.

        Raises:
            StoreUnavailable: it is selected, but not stored.
        """
        self._mode = mode
        self._store.select_mode(self._session_id, mode, client_name=self._session_id)

    def _remembered(self, selection: Selection | None, memory: SessionMemory) -> Place:
        resolution = resolve_selection(selection, memory)
        if resolution is not None:
            return _place_of(resolution)
        current = self._directories.current()
        if current is None:
            raise WorkspaceUnresolved(
                "the current directory is gone", suggested_action="pass --workspace"
            )
        return Place(root_path=current, rule=ResolutionRule.CWD)


def _place_of(resolution: Resolution) -> Place:
    return Place(
        root_path=resolution.root_path,
        rule=resolution.rule,
        workspace_id=resolution.workspace_id,
        default_mode=resolution.default_mode,
    )


def _registered(workspace: RegisteredWorkspace) -> Place:
    return Place(
        root_path=workspace.root_path,
        workspace_id=workspace.workspace_id,
        default_mode=workspace.default_mode,
    )
