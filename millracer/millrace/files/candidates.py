"""Names that a shell may complete, looked up at a glance: nothing is started, made or waited for.

What cannot be read has no names: a completion is no place for an error.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path

from millracer.domain.intake import DEFAULT_MODE
from millracer.domain.items import ItemState
from millracer.millrace.files.folders import (
    IDEA_PREFIX,
    SUFFIX,
    documents_in,
    idea_inboxes,
    work_folders,
)
from millracer.millrace.files.workspace import WorkspacePaths
from millracer.system.user_folders import STORE_NAME, state_folder

#: A database that somebody writes to is not waited for.
_BUSY_SECONDS = 0.05
_UNFINISHED = (ItemState.ACTIVE, ItemState.QUEUED, ItemState.BLOCKED)


def item_names(root: Path) -> Iterator[str]:
    """Yield the ids of what Millrace works on, will work on or has blocked in a workspace."""
    paths = WorkspacePaths(root)
    folders = [folder for folder in work_folders(paths) if folder.state in _UNFINISHED]
    for folder in sorted(folders, key=lambda folder: _UNFINISHED.index(folder.state)):
        yield from sorted(entry.name.removesuffix(SUFFIX) for entry in documents_in(folder.path))
    inbox, *_ = idea_inboxes(paths)  # in the one of up to 0.20 files stay for ever
    for entry in documents_in(inbox):
        yield entry.name.removesuffix(SUFFIX).removeprefix(IDEA_PREFIX)


def mode_names(root: Path) -> Iterator[str]:
    """Yield the names of the modes that lie in a workspace, and of the one that is the default."""
    yield DEFAULT_MODE
    try:
        found = sorted((WorkspacePaths(root).agents / "modes").glob("*.json"))
    except OSError:
        return
    yield from (path.stem for path in found if path.stem != DEFAULT_MODE)


def session_names(environment: Mapping[str, str]) -> tuple[str, ...]:
    """Return the ids of the remembered sessions."""
    return _ids(environment, "SELECT session_id FROM sessions ORDER BY updated_at DESC")


def workspace_names(environment: Mapping[str, str]) -> tuple[str, ...]:
    """Return the ids of the registered workspaces."""
    return _ids(environment, "SELECT workspace_id FROM workspaces ORDER BY workspace_id")


def selected_workspace(session_id: str, environment: Mapping[str, str]) -> str | None:
    """Return the path of the workspace that a session selected."""
    found = _ids(
        environment,
        "SELECT coalesce(w.root_path, s.selected_root_path) FROM sessions AS s LEFT JOIN workspaces"
        " AS w ON w.workspace_id = s.selected_workspace_id WHERE s.session_id = ?",
        session_id,
    )
    return found[0] if found else None


def _ids(environment: Mapping[str, str], query: str, *values: str) -> tuple[str, ...]:
    folder = state_folder(environment)
    if folder is None or not (folder / STORE_NAME).is_file():
        return ()
    store = folder / STORE_NAME
    # What nobody has open needs no locks and no index beside it, which reading would make.
    is_open = store.with_name(f"{store.name}-wal").exists()
    how = "mode=ro" if is_open else "mode=ro&immutable=1"
    try:
        with closing(
            sqlite3.connect(f"{store.as_uri()}?{how}", uri=True, timeout=_BUSY_SECONDS)
        ) as connection:
            return tuple(str(name) for (name,) in connection.execute(query, values) if name)
    except sqlite3.Error:
        return ()
