"""Select the workspace of a request: the first rule that names one decides.

A wrong name is an error and never falls through to the next rule: work must not be done in another
workspace than the named one.
"""

from __future__ import annotations

from dataclasses import dataclass

from millracer.domain.workspaces import (
    DEFAULT_WORKSPACE,
    RegisteredWorkspace,
    Resolution,
    ResolutionRule,
    Selection,
    Session,
)
from millracer.errors import RunWarning, WorkspaceUnresolved
from millracer.operations.session.memory import SessionMemory
from millracer.ports import Directories

#: Names that are never ids.
_PATHS = frozenset({".", "..", "~"})
_HOW_TO_NAME = (
    "pass workspace_ref.root_path or --workspace, or register and select a workspace"
    " (`millracer workspaces add`)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedWorkspace:
    """The workspace names in a request and on the command line; None where absent."""

    workspace_id: str | None = None
    root_path: str | None = None
    command_workspace: str | None = None


def resolve_workspace(
    named: NamedWorkspace, session: Session | None, memory: SessionMemory, directories: Directories
) -> Resolution:
    """Return the selected workspace.

    Raises:
        WorkspaceUnresolved: no rule names one, or the id is not registered.
        WorkspaceUnusable: the given path is not a valid path.
        StoreUnavailable: an id names it, and the registry cannot be read.
    """
    if named.workspace_id is not None:
        return _by_id(named, named.workspace_id, memory, directories)
    if named.root_path is not None:
        path = directories.absolute(named.root_path)
        return Resolution(rule=ResolutionRule.REQUEST_ROOT_PATH, root_path=path)
    if named.command_workspace is not None:
        return resolve_option(named.command_workspace, memory, directories)
    remembered = resolve_remembered(None if session is None else session.selection, memory)
    if remembered is not None:
        return remembered
    current = directories.current()
    if current is not None and directories.is_workspace(current):
        return Resolution(rule=ResolutionRule.CWD, root_path=current)
    raise WorkspaceUnresolved(
        "no workspace is named, and the current directory is not a Millrace workspace",
        suggested_action=_HOW_TO_NAME,
    )


def resolve_option(name: str, memory: SessionMemory, directories: Directories) -> Resolution:
    """Return the workspace that `--workspace` names: a directory, else a registered id.

    Raises:
        WorkspaceUnusable: the name is not a valid path.
    """
    path = directories.absolute(name)
    registered = None if directories.exists(path) else _registered_as(name, memory)
    if registered is not None:
        return _registered(registered, ResolutionRule.CLI_WORKSPACE)
    return Resolution(rule=ResolutionRule.CLI_WORKSPACE, root_path=path)


def shadow_warning(
    name: str, memory: SessionMemory, directories: Directories
) -> tuple[RunWarning, ...]:
    """Return the warning that a directory was taken and not the workspace of the same id."""
    path = directories.absolute(name)
    registered = _registered_as(name, memory)
    if registered is None or registered.root_path == path or not directories.exists(path):
        return ()
    text = (
        f"the directory {path} is used, not the workspace that is registered as {name} "
        f"({registered.root_path})"
    )
    return (RunWarning("workspace_id_shadowed", text),)


def _registered_as(name: str, memory: SessionMemory) -> RegisteredWorkspace | None:
    """Return the workspace of an id; None for a name that can only be a path."""
    if "/" in name or name in _PATHS:
        return None
    return memory.find_workspace(name)


def command_workspace(
    named: str | None, memory: SessionMemory, directories: Directories
) -> RegisteredWorkspace:
    """Return the command's own workspace, `default`: `--workspace`, else the current directory.

    Raises:
        WorkspaceUnresolved: the current directory is gone.
        WorkspaceUnusable: the given path is not a valid path.
    """
    path = (
        directories.current()
        if named is None
        else resolve_option(named, memory, directories).root_path
    )
    if path is None:
        raise WorkspaceUnresolved(
            "the current directory is gone", suggested_action="pass --workspace"
        )
    return RegisteredWorkspace(
        workspace_id=DEFAULT_WORKSPACE,
        root_path=path,
        display_name=path.rpartition("/")[2] or path,
    )


def resolve_remembered(selection: Selection | None, memory: SessionMemory) -> Resolution | None:
    """Return the selected workspace, else the registry's default; None where there is neither.

    For ops requests, whose callers' current directory means nothing.
    """
    selected = resolve_selection(selection, memory)
    if selected is not None:
        return selected
    default = memory.default_workspace()
    return None if default is None else _registered(default, ResolutionRule.REGISTRY_DEFAULT)


def resolve_selection(selection: Selection | None, memory: SessionMemory) -> Resolution | None:
    """Return a selected workspace as it is registered now, else as it was selected."""
    if selection is None:
        return None
    if selection.workspace_id is not None:
        registered = memory.find_workspace(selection.workspace_id)
        if registered is not None:
            return _registered(registered, ResolutionRule.ACTIVE_SESSION)
    if selection.root_path is None:
        return None
    return Resolution(
        rule=ResolutionRule.ACTIVE_SESSION,
        root_path=selection.root_path,
        workspace_id=selection.workspace_id,
    )


def _by_id(
    named: NamedWorkspace, workspace_id: str, memory: SessionMemory, directories: Directories
) -> Resolution:
    if workspace_id == DEFAULT_WORKSPACE:
        own = command_workspace(named.command_workspace, memory, directories)
        return _registered(own, ResolutionRule.REQUEST_WORKSPACE_ID)
    # A path beside the id can replace a registry that cannot be read.
    registered = (
        memory.store.find_workspace(workspace_id)
        if named.root_path is None
        else memory.find_workspace(workspace_id)
    )
    if registered is not None:
        return _registered(registered, ResolutionRule.REQUEST_WORKSPACE_ID)
    if named.root_path is not None:
        return Resolution(
            rule=ResolutionRule.REQUEST_ROOT_PATH,
            root_path=directories.absolute(named.root_path),
            workspace_id=workspace_id,
        )
    raise WorkspaceUnresolved(
        f"no workspace is registered as {workspace_id!r}",
        suggested_action="see `millracer workspaces list`, or pass workspace_ref.root_path",
    )


def _registered(workspace: RegisteredWorkspace, rule: ResolutionRule) -> Resolution:
    return Resolution(
        rule=rule,
        root_path=workspace.root_path,
        workspace_id=workspace.workspace_id,
        display_name=workspace.display_name,
        default_mode=workspace.default_mode,
    )
