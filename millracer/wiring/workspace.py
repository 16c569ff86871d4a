"""Find the workspace of a command or client: an argument, the session or the current directory."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from millracer.domain.workspaces import Resolution, ResolutionRule
from millracer.errors import RunWarning
from millracer.operations.context import SelectedWorkspace
from millracer.operations.session.memory import SessionMemory
from millracer.operations.session.resolve_workspace import (
    resolve_option,
    resolve_selection,
    shadow_warning,
)
from millracer.wiring import open_directories
from millracer.wiring.tool_factory import existing


def find_place(
    named: Path | None, session_id: str | None, memory: SessionMemory
) -> SelectedWorkspace:
    """Return the named workspace, else what the session selected, else the current directory.

    A name is a directory, else the id of a registered workspace. The registry's default is not
    used: a command works in its current directory.

    Raises:
        InvalidRequest: the workspace is not a directory.
    """
    session = None if session_id is None else memory.session(session_id)
    selection = None if session is None else session.selection
    selected = resolve_selection(selection, memory)
    mode = None if selection is None else selection.mode
    if named is not None:
        directories = open_directories()
        found = resolve_option(str(named), memory, directories)
        workspace = existing(Path(found.root_path), "workspace")
        return SelectedWorkspace(
            root_path=str(workspace),
            resolution=replace(found, root_path=str(workspace)),
            mode=mode or found.default_mode,
            warnings=shadow_warning(str(named), memory, directories),
        )
    if selected is not None:
        workspace = existing(Path(selected.root_path), "workspace")
        return SelectedWorkspace(
            root_path=str(workspace),
            resolution=replace(selected, root_path=str(workspace)),
            mode=mode or selected.default_mode,
        )
    workspace = existing(Path(), "workspace")
    resolution = _resolution(ResolutionRule.CWD, workspace)
    if session_id is None:
        return SelectedWorkspace(root_path=str(workspace), resolution=resolution, mode=mode)
    text = f"session {session_id} has no selected workspace; the run uses {workspace}"
    return SelectedWorkspace(
        root_path=str(workspace),
        resolution=resolution,
        mode=mode,
        warnings=(RunWarning("session_without_workspace", text),),
    )


def _resolution(rule: ResolutionRule, workspace: Path) -> Resolution:
    return Resolution(rule=rule, root_path=str(workspace))
