"""Reads the session store without changing it: the usual code opens a temporary copy.

Opening the store may create it, migrate it, import the reference's sessions, and move it aside if
it is corrupt; all of this happens to the copy.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from millracer.cancellation import Wait
from millracer.domain.doctor_report import FolderReport, StoreReport
from millracer.errors import StoreUnavailable
from millracer.millrace.files.state import stamp
from millracer.ports import SessionStore
from millracer.store import connection
from millracer.store.legacy_import import legacy_sessions_file
from millracer.store.sessions import SqliteSessionStore
from millracer.system.user_folders import STORE_NAME, state_folder

_CORRUPT = "session_store_corrupt"
_RETRY_SECONDS = 0.05
_OTHERS_WRITE = 0o022


def inspect_state_folder(environment: Mapping[str, str]) -> FolderReport:
    """Return the state and permissions of the state folder; creates nothing."""
    folder = state_folder(environment)
    if folder is None:
        return FolderReport(path=None)
    path = str(folder)
    try:
        status = folder.stat()
    except FileNotFoundError:
        above = next(parent for parent in folder.parents if parent.exists())
        return FolderReport(path=path, writable=above.is_dir() and _may_write(above))
    except OSError:  # a parent is not a folder, or may not be entered
        return FolderReport(path=path, writable=False)
    return FolderReport(
        path=path,
        exists=True,
        is_folder=folder.is_dir(),
        writable=_may_write(folder),
        shared=bool(status.st_mode & _OTHERS_WRITE),
    )


def open_new_store(folder: Path) -> str:
    """Create a store in an empty folder, as the first command does; describe its storage.

    Raises:
        StoreUnavailable: this SQLite cannot hold one.
    """
    store = SqliteSessionStore(folder)
    try:
        store.list_sessions()
    finally:
        store.close()
    mode = connection.choose_journal_mode(sqlite3.sqlite_version_info)
    return f"SQLite {sqlite3.sqlite_version}, journal mode {mode}"


class CopiedStore:
    """The user's session store, as a copy.

    Args:
        environment: environment variables that locate the store.
        into: an empty folder of the caller.
    """

    def __init__(self, environment: Mapping[str, str], into: Path) -> None:
        self._folder = state_folder(environment)
        self._into = into
        self._trouble: StoreUnavailable | None = None
        self._exists = False
        self._store = SqliteSessionStore(
            None if self._folder is None else into, legacy=legacy_sessions_file(environment)
        )

    @property
    def store(self) -> SessionStore:
        """What commands would find; it refuses every call where they would find nothing."""
        return self._store if self._trouble is None else SqliteSessionStore(None)

    def copy(self, wait: Wait) -> None:
        """Copy the store between two writes of others; `inspect` raises what prevents it."""
        if self._folder is None:
            return
        source = self._folder / STORE_NAME
        try:
            self._exists = source.exists()
            while self._exists and not _copy_unchanged(source, self._into / STORE_NAME):
                if wait.expired:
                    self._trouble = connection.locked_too_long(source)
                    return
                wait.sleep(_RETRY_SECONDS)
            if self._exists and not os.access(source, os.W_OK):
                self._trouble = connection.read_only(source)
        except OSError as error:
            self._trouble = connection.explain(error, source)

    def inspect(self) -> StoreReport:
        """Return a summary of the store's contents.

        Raises:
            StoreUnavailable: it cannot be opened.
        """
        if self._trouble is not None:
            raise self._trouble
        try:
            sessions, workspaces = self._store.list_sessions(), self._store.list_workspaces()
        except StoreUnavailable as error:
            raise StoreUnavailable(
                self._as_original(error.message), suggested_action=error.suggested_action
            ) from error
        corrupt = [each.text for each in self._store.notices if each.code == _CORRUPT]
        return StoreReport(
            exists=self._exists,
            sessions=len(sessions),
            workspaces=len(workspaces),
            corrupt=self._as_original(corrupt[0].partition(";")[0]) if corrupt else None,
        )

    def close(self) -> None:
        """Close the copy."""
        self._store.close()

    def _as_original(self, text: str) -> str:
        return text.replace(str(self._into), str(self._folder))


def _copy_unchanged(source: Path, target: Path) -> bool:
    """Copy a database and its sidecar files; return whether no process wrote meanwhile."""
    pairs = list(
        zip(
            (source, *connection.sidecars(source)),
            (target, *connection.sidecars(target)),
            strict=True,
        )
    )
    before = [stamp(each) for each, _ in pairs]
    for original, copy in pairs:
        copy.unlink(missing_ok=True)
        # SQLite rebuilds the log's index (`-shm`), and an empty sidecar holds nothing.
        with suppress(FileNotFoundError):
            if original == source or (
                not original.name.endswith("-shm") and original.stat().st_size > 0
            ):
                shutil.copyfile(original, copy)
                copy.chmod(0o600)
    return before == [stamp(each) for each, _ in pairs]


def _may_write(folder: Path) -> bool:
    return os.access(folder, os.W_OK | os.X_OK)
