"""List names for shell completion, fast: starts no process, creates no file and waits for no lock.

A source that cannot be read yields no names, because a completion cannot show an error.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path

from millracer.domain.work.items import ItemState
from millracer.domain.work.modes import DEFAULT_MODE
from millracer.millrace.files.folders import (
    IDEA_PREFIX,
    SUFFIX,
    documents_in,
    idea_inboxes,
    work_folders,
)
from millracer.millrace.files.workspace import WorkspacePaths
from millracer.system.user_folders import STORE_NAME, state_folder

#: The longest wait, in seconds, for a store that another process is writing to.
_BUSY_SECONDS = 0.05
_UNFINISHED = (ItemState.ACTIVE, ItemState.QUEUED, ItemState.BLOCKED)


def item_names(root: Path) -> Iterator[str]:
    """Yield the ids of a workspace's active, queued, blocked and inbox items, in that order."""
    paths = WorkspacePaths(root)
    folders = [folder for folder in work_folders(paths) if folder.state in _UNFINISHED]
    for folder in sorted(folders, key=lambda folder: _UNFINISHED.index(folder.state)):
        yield from sorted(entry.name.removesuffix(SUFFIX) for entry in documents_in(folder.path))
    inbox, *_ = idea_inboxes(paths)  # not the inbox up to 0.20: files are never removed from it
    for entry in documents_in(inbox):
        yield entry.name.removesuffix(SUFFIX).removeprefix(IDEA_PREFIX)


def mode_names(root: Path) -> Iterator[str]:
    """Yield the default mode's name, then the names of a workspace's other modes."""
    yield DEFAULT_MODE
    try:
        found = sorted((WorkspacePaths(root).agents / "modes").glob("*.json"))
    except OSError:
        return
    yield from (path.stem for path in found if path.stem != DEFAULT_MODE)


def session_names(environment: Mapping[str, str]) -> tuple[str, ...]:
    """Return the ids of the stored sessions, the most recently updated first."""
    return _query_names(environment, "SELECT session_id FROM sessions ORDER BY updated_at DESC")


def workspace_names(environment: Mapping[str, str]) -> tuple[str, ...]:
    """Return the ids of the registered workspaces."""
    return _query_names(environment, "SELECT workspace_id FROM workspaces ORDER BY workspace_id")


def registered_workspace(workspace_id: str, environment: Mapping[str, str]) -> str | None:
    """Return the path of a registered workspace, None if it is unknown."""
    query = "SELECT root_path FROM workspaces WHERE workspace_id = ?"
    found = _query_names(environment, query, workspace_id)
    return found[0] if found else None


def selected_workspace(session_id: str, environment: Mapping[str, str]) -> str | None:
    """Return the path of a session's selected workspace, None if it is unknown."""
    found = _query_names(
        environment,
        "SELECT coalesce(w.root_path, s.selected_root_path) FROM sessions AS s LEFT JOIN workspaces"
        " AS w ON w.workspace_id = s.selected_workspace_id WHERE s.session_id = ?",
        session_id,
    )
    return found[0] if found else None


def _query_names(environment: Mapping[str, str], query: str, *values: str) -> tuple[str, ...]:
    folder = state_folder(environment)
    if folder is None or not (folder / STORE_NAME).is_file():
        return ()
    store = folder / STORE_NAME
    # A store that no process has open needs no locks and no index file, which a read would create.
    is_open = store.with_name(f"{store.name}-wal").exists()
    mode = "mode=ro" if is_open else "mode=ro&immutable=1"
    try:
        with closing(
            sqlite3.connect(f"{store.as_uri()}?{mode}", uri=True, timeout=_BUSY_SECONDS)
        ) as connection:
            return tuple(str(name) for (name,) in connection.execute(query, values) if name)
    except sqlite3.Error:
        return ()
