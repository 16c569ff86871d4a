"""The session store on SQLite: its queries. It holds convenience state only.

The first call creates a missing store, even if it only reads, because the reference's sessions are
imported then. If the store cannot be created, every call raises. A read-only store can be read.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from millracer.domain.workspaces import RegisteredWorkspace, Selection, Session
from millracer.errors import RunWarning, StoreUnavailable
from millracer.ports import SessionStore
from millracer.store import rows
from millracer.store.connection import Corrupt, Opening, choose_journal_mode, transaction
from millracer.store.database import NoStoreFile, StoreFile
from millracer.store.legacy_import import LegacySession, LegacyUnreadable, read_legacy_sessions
from millracer.system.user_folders import STORE_NAME

_BUSY_SECONDS = 5.0

_WORKSPACES = """
    SELECT workspace_id, root_path, display_name, default_mode, tags, is_default FROM workspaces
"""
# As bytes: a text that UTF-8 cannot encode is stored as a blob and is sorted among the others.
_BY_WORKSPACE = " ORDER BY CAST(workspace_id AS BLOB)"
_TAKE_DEFAULT = "UPDATE workspaces SET is_default = 0, updated_at = ? WHERE is_default = 1"
_PUT_WORKSPACE = """
    INSERT INTO workspaces (workspace_id, root_path, display_name, default_mode, tags, is_default,
                            created_at, updated_at)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7)
    ON CONFLICT (workspace_id) DO UPDATE SET
        root_path = ?2, display_name = ?3, default_mode = ?4, tags = ?5, is_default = ?6,
        updated_at = ?7
"""
_SESSIONS = """
    SELECT session_id, client_name, selected_workspace_id, selected_root_path, selected_mode,
           recent_request_ids, last_warning_codes, created_at, updated_at
    FROM sessions
"""
_BY_SESSION = " ORDER BY CAST(session_id AS BLOB)"
_REQUESTS = "SELECT recent_request_ids FROM sessions WHERE session_id = ?"
_REQUESTED = "UPDATE sessions SET recent_request_ids = ?2 WHERE session_id = ?1"
_ADD_SESSION = """
    INSERT OR IGNORE INTO sessions (session_id, client_name, last_warning_codes, created_at,
                                    updated_at)
    VALUES (?1, ?2, ?3, ?4, ?4)
"""
_SELECT = """
    UPDATE sessions
    SET selected_workspace_id = ?3, selected_root_path = ?4, selected_mode = ?5, updated_at = ?2
    WHERE session_id = ?1
"""
_SELECT_WORKSPACE = """
    UPDATE sessions
    SET selected_workspace_id = ?3, selected_root_path = ?4, updated_at = ?2
    WHERE session_id = ?1
"""
_SELECT_MODE = "UPDATE sessions SET selected_mode = ?3, updated_at = ?2 WHERE session_id = ?1"
_WARNED = "UPDATE sessions SET last_warning_codes = ?2, updated_at = ?3 WHERE session_id = ?1"


class SqliteSessionStore(SessionStore):
    """Registered workspaces and sessions in one SQLite file; for one thread at a time.

    Args:
        folder: the folder of the file, created if missing. If None, every call raises.
        legacy: the reference's `sessions.json`, imported once; existing sessions win.
        now: the wall clock, timezone-aware.
        busy_seconds: how long a call waits for other processes.
        sqlite_version: of the linked library; chooses the journal mode.
    """

    def __init__(
        self,
        folder: Path | None,
        *,
        legacy: Path | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        busy_seconds: float = _BUSY_SECONDS,
        sqlite_version: tuple[int, int, int] = sqlite3.sqlite_version_info,
    ) -> None:
        self._legacy = legacy
        self._now = now
        self._notices: dict[RunWarning, None] = {}
        self._file = (
            NoStoreFile()
            if folder is None
            else StoreFile(
                folder / STORE_NAME,
                prepare=self._import_legacy,
                notice=self._note,
                now=now,
                opening=Opening(
                    busy_seconds=busy_seconds, journal_mode=choose_journal_mode(sqlite_version)
                ),
            )
        )

    @property
    def notices(self) -> tuple[RunWarning, ...]:
        """Warnings about a replaced store and about sessions that could not be imported."""
        return tuple(self._notices)

    def close(self) -> None:
        """Close the file; repeatable, and a later call opens it again."""
        self._file.close()

    def list_workspaces(self) -> tuple[RegisteredWorkspace, ...]:
        """Return every registered workspace, by id."""

        def work(connection: sqlite3.Connection) -> tuple[RegisteredWorkspace, ...]:
            found = connection.execute(_WORKSPACES + _BY_WORKSPACE).fetchall()
            return tuple(rows.read_workspace(row) for row in found)

        return self._file.run(work, writes=False)

    def find_workspace(self, workspace_id: str) -> RegisteredWorkspace | None:
        """Return one registered workspace, or None."""

        def work(connection: sqlite3.Connection) -> RegisteredWorkspace | None:
            row = connection.execute(
                _WORKSPACES + " WHERE workspace_id = ?", (rows.stored_text(workspace_id),)
            ).fetchone()
            return None if row is None else rows.read_workspace(row)

        return self._file.run(work, writes=False)

    def register_workspace(self, workspace: RegisteredWorkspace) -> bool:
        """Add a workspace or replace the one with the same id; return whether it was new."""
        key = rows.stored_id(workspace.workspace_id)

        def work(connection: sqlite3.Connection) -> bool:
            moment = rows.stored_moment(self._now())
            known = connection.execute(
                "SELECT 1 FROM workspaces WHERE workspace_id = ?", (key,)
            ).fetchone()
            if workspace.is_default:
                connection.execute(_TAKE_DEFAULT, (moment,))
            connection.execute(
                _PUT_WORKSPACE,
                (
                    key,
                    rows.stored_path(workspace.root_path),
                    rows.stored_optional(workspace.display_name),
                    rows.stored_optional(workspace.default_mode),
                    rows.stored_texts(workspace.tags),
                    int(workspace.is_default),
                    moment,
                ),
            )
            return known is None

        return self._file.run(work, writes=True)

    def forget_workspace(self, workspace_id: str) -> bool:
        """Remove a workspace; return whether it existed. Sessions keep their selection of it."""

        def work(connection: sqlite3.Connection) -> bool:
            deleted = connection.execute(
                "DELETE FROM workspaces WHERE workspace_id = ?", (rows.stored_text(workspace_id),)
            )
            return deleted.rowcount > 0

        return self._file.run(work, writes=True)

    def list_sessions(self) -> tuple[Session, ...]:
        """Return every session, by id."""

        def work(connection: sqlite3.Connection) -> tuple[Session, ...]:
            found = connection.execute(_SESSIONS + _BY_SESSION).fetchall()
            return tuple(rows.read_session(row) for row in found)

        return self._file.run(work, writes=False)

    def find_session(self, session_id: str) -> Session | None:
        """Return one session, or None."""
        return self._file.run(
            lambda connection: _find_session(connection, rows.stored_text(session_id)),
            writes=False,
        )

    def select(self, session_id: str, selection: Selection, *, client_name: str) -> Session:
        """Set a session's selection; a new session is created with the client's name."""
        where = (
            rows.stored_optional(selection.workspace_id),
            rows.stored_path(selection.root_path),
        )
        mode = rows.stored_optional(selection.mode)
        return self._select(_SELECT, session_id, client_name, (*where, mode))

    def select_workspace(
        self, session_id: str, workspace_id: str | None, root_path: str, *, client_name: str
    ) -> Session:
        """Set a session's workspace and keep its mode; a new session is created."""
        where = (rows.stored_optional(workspace_id), rows.stored_path(root_path))
        return self._select(_SELECT_WORKSPACE, session_id, client_name, where)

    def select_mode(self, session_id: str, mode: str | None, *, client_name: str) -> Session:
        """Set or clear a session's mode and keep its workspace; a new session is created."""
        return self._select(_SELECT_MODE, session_id, client_name, (rows.stored_optional(mode),))

    def record_request(
        self,
        session_id: str,
        *,
        client_name: str,
        request_id: str | None,
        warning_codes: tuple[str, ...],
    ) -> Session:
        """Store one request of a session; a new session is created."""
        key = rows.stored_id(session_id)

        def work(connection: sqlite3.Connection) -> Session:
            moment = rows.stored_moment(self._now())
            _add_session(connection, key, client_name, moment)
            connection.execute(_WARNED, (key, rows.stored_texts(warning_codes), moment))
            if request_id is not None:
                _add_requests(connection, key, (request_id,))
            return _written_session(connection, key)

        return self._file.run(work, writes=True)

    def forget_session(self, session_id: str) -> bool:
        """Remove a session; return whether it existed."""

        def work(connection: sqlite3.Connection) -> bool:
            deleted = connection.execute(
                "DELETE FROM sessions WHERE session_id = ?", (rows.stored_text(session_id),)
            )
            return deleted.rowcount > 0

        return self._file.run(work, writes=True)

    def _select(
        self, statement: str, session_id: str, client_name: str, values: tuple[rows.Stored, ...]
    ) -> Session:
        key = rows.stored_id(session_id)

        def work(connection: sqlite3.Connection) -> Session:
            moment = rows.stored_moment(self._now())
            _add_session(connection, key, client_name, moment)
            connection.execute(statement, (key, moment, *values))
            return _written_session(connection, key)

        return self._file.run(work, writes=True)

    def _import_legacy(self, connection: sqlite3.Connection) -> None:
        if self._legacy is None or _was_imported(connection, self._legacy):
            return
        unreadable: LegacyUnreadable | None = None
        sessions: tuple[LegacySession, ...] | None = ()
        try:
            sessions = read_legacy_sessions(self._legacy)
        except LegacyUnreadable as error:
            unreadable = error
        if sessions is None:
            return
        with transaction(connection, writes=True):
            # Another process may have imported it since.
            if _was_imported(connection, self._legacy):
                return
            moment = rows.stored_moment(self._now())
            for session in sessions:
                with suppress(StoreUnavailable):  # a session whose id has a secret is not stored
                    _import_session(connection, session, moment)
            connection.execute(
                "INSERT INTO imports (source_path, imported_at) VALUES (?, ?)",
                (rows.stored_text(str(self._legacy)), moment),
            )
        if unreadable is not None:
            self._note(
                RunWarning(
                    "legacy_sessions_unreadable",
                    f"the sessions in {self._legacy} were not imported: {unreadable}",
                )
            )

    def _note(self, warning: RunWarning) -> None:
        self._notices[warning] = None


def _find_session(connection: sqlite3.Connection, key: rows.Stored) -> Session | None:
    row = connection.execute(_SESSIONS + " WHERE session_id = ?", (key,)).fetchone()
    return None if row is None else rows.read_session(row)


def _written_session(connection: sqlite3.Connection, key: rows.Stored) -> Session:
    session = _find_session(connection, key)
    if session is None:
        raise Corrupt("a session is missing after it was written")
    return session


def _add_session(
    connection: sqlite3.Connection, key: rows.Stored, client_name: str, moment: str
) -> bool:
    added = connection.execute(
        _ADD_SESSION, (key, rows.stored_text(client_name), rows.stored_texts(()), moment)
    )
    return added.rowcount > 0


def _add_requests(
    connection: sqlite3.Connection, key: rows.Stored, request_ids: tuple[str, ...]
) -> None:
    (known,) = connection.execute(_REQUESTS, (key,)).fetchone()
    connection.execute(_REQUESTED, (key, rows.stored_requests(known, request_ids)))


def _was_imported(connection: sqlite3.Connection, source: Path) -> bool:
    found = connection.execute(
        "SELECT 1 FROM imports WHERE source_path = ?", (rows.stored_text(str(source)),)
    ).fetchone()
    return found is not None


def _import_session(connection: sqlite3.Connection, session: LegacySession, moment: str) -> None:
    key = rows.stored_id(session.session_id)
    if not _add_session(connection, key, session.client_name, moment):
        return
    connection.execute(
        _SELECT,
        (
            key,
            moment,
            rows.stored_optional(session.workspace_id),
            None,
            rows.stored_optional(session.mode),
        ),
    )
    connection.execute(_WARNED, (key, rows.stored_texts(session.last_warning_codes), moment))
    _add_requests(connection, key, session.recent_request_ids)
