"""The session store's file: created if missing, migrated if older, replaced if corrupt.

Every call on the store uses `StoreFile.run`, which raises every failure as `StoreUnavailable`.
After any error the connection is closed, and the next call opens a new one.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn, TypeVar

from millracer.errors import RunWarning, StoreUnavailable
from millracer.store import connection as sqlite_connection
from millracer.store import lock, migrations
from millracer.store.connection import Corrupt, Opening, transaction
from millracer.store.lock import FileIdentity
from millracer.system.user_folders import STATE_VARIABLE, make_private_file, make_private_folder

_T = TypeVar("_T")

Prepare = Callable[[sqlite3.Connection], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Opened:
    connection: sqlite3.Connection
    identity: FileIdentity | None
    read_only: bool


class StoreFile:
    """One database at a path, opened by the first call; for one thread at a time.

    Args:
        path: the database; its folder is created if missing.
        prepare: called once with each connection that may write, after the migrations.
        notice: receives warnings for the caller.
        now: the wall clock, timezone-aware.
        opening: how the database is opened, and how long a call waits.
    """

    def __init__(
        self,
        path: Path,
        *,
        prepare: Prepare,
        notice: Callable[[RunWarning], None],
        now: Callable[[], datetime],
        opening: Opening,
    ) -> None:
        self._path = path
        self._prepare = prepare
        self._notice = notice
        self._now = now
        self._opening = opening
        self._opened: _Opened | None = None

    def run(self, work: Callable[[sqlite3.Connection], _T], *, writes: bool) -> _T:
        """Run the work in one transaction and return its result.

        A corrupt store is replaced and the work runs again on the new one. So it may be called
        twice, each time in a transaction of its own, of which only the last is committed.

        Raises:
            StoreUnavailable: nothing was changed; after a disk failure, the change may be complete.
        """
        try:
            try:
                return self._attempt(work, writes=writes)
            except _FoundCorrupt as found:
                self._replace(found)
            return self._attempt(work, writes=writes)
        except _FoundCorrupt as found:
            raise StoreUnavailable(
                f"the session store {self._path} is corrupt, and so is the new one: {found}",
                suggested_action=f"check the disk, or set {STATE_VARIABLE} to another folder",
            ) from found
        except (OSError, sqlite3.Error) as error:
            raise sqlite_connection.explain(error, self._path) from error

    def close(self) -> None:
        """Close the connection, if there is one; a later call opens a new one."""
        if self._opened is not None:
            self._opened.connection.close()
            self._opened = None

    def _attempt(self, work: Callable[[sqlite3.Connection], _T], *, writes: bool) -> _T:
        if not self._path.exists():
            make_private_folder(self._path.parent)
        with lock.using(self._path, seconds=self._opening.busy_seconds):
            identity = FileIdentity.of(self._path)
            try:
                opened = self._open_current(writes=writes)
                identity = opened.identity
                with transaction(opened.connection, writes=writes):
                    return work(opened.connection)
            except BaseException as error:
                self.close()
                if isinstance(error, Corrupt) or (
                    isinstance(error, sqlite3.Error) and sqlite_connection.is_corruption(error)
                ):
                    raise _FoundCorrupt(str(error), identity) from error
                raise

    def _open_current(self, *, writes: bool) -> _Opened:
        opened = self._opened
        # A read-only file may be writable by now, and another file may have replaced this one.
        if opened and (opened.read_only or opened.identity != FileIdentity.of(self._path)):
            self.close()
        if self._opened is None:
            self._opened = self._open()
        if writes and self._opened.read_only:
            raise sqlite_connection.read_only(self._path)
        return self._opened

    def _open(self) -> _Opened:
        read_only = self._path.exists() and not (
            os.access(self._path, os.W_OK) and os.access(self._path.parent, os.W_OK)
        )
        if read_only:
            connection = sqlite_connection.connect_read_only(self._path, self._opening)
        else:
            make_private_file(self._path)
            connection = sqlite_connection.connect(self._path, self._opening)
        try:
            self._prepare_connection(connection, read_only=read_only)
        except BaseException:
            connection.close()
            raise
        return _Opened(
            connection=connection, identity=FileIdentity.of(self._path), read_only=read_only
        )

    def _prepare_connection(self, connection: sqlite3.Connection, *, read_only: bool) -> None:
        scripts = migrations.find_migrations()
        version = migrations.check_version(connection, scripts, self._path)
        if not read_only:
            sqlite_connection.set_journal_mode(connection, self._opening.journal_mode)
            migrations.migrate(connection, scripts[version:])
            self._prepare(connection)
        elif version < len(scripts):
            raise StoreUnavailable(
                f"the session store {self._path} has an older version and is read-only",
                suggested_action=f"make it writable, or set {STATE_VARIABLE} to another folder",
            )

    def _replace(self, found: _FoundCorrupt) -> None:
        with lock.using(self._path, seconds=self._opening.busy_seconds, alone=True):
            try:
                aside = lock.set_aside(self._path, found.identity, self._now().astimezone(UTC))
            except OSError as error:
                raise StoreUnavailable(
                    f"the session store {self._path} is corrupt ({found}) and cannot be renamed:"
                    f" {error.strerror}",
                    suggested_action=f"move it away, or set {STATE_VARIABLE} to another folder",
                ) from error
        fate = "is gone" if aside is None else f"was renamed to {aside}"
        self._notice(
            RunWarning(
                "session_store_corrupt",
                f"the session store {self._path} was corrupt ({found}); it {fate},"
                " and a new one replaced it",
            )
        )


class NoStoreFile:
    """Replaces `StoreFile` if no folder for it can be determined."""

    def run(self, work: Callable[[sqlite3.Connection], object], *, writes: bool) -> NoReturn:
        """Refuse the work.

        Raises:
            StoreUnavailable: always.
        """
        del work, writes
        raise StoreUnavailable(
            "no folder for the session store: HOME is not set,"
            " and this user is not in the user database",
            suggested_action=f"set HOME, or {STATE_VARIABLE} to a folder",
        )

    def close(self) -> None:
        """Do nothing."""


class _FoundCorrupt(Exception):
    """The file with this identity is corrupt."""

    def __init__(self, why: str, identity: FileIdentity | None) -> None:
        super().__init__(why)
        self.identity = identity
