"""One connection to an SQLite file: journal mode, transactions, errors; independent of tables."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from millracer.errors import StoreUnavailable
from millracer.system.user_folders import STATE_VARIABLE

_WAL = "wal"
#: The journal mode without WAL; cheaper than deleting the journal after each transaction.
_ROLLBACK = "truncate"

#: The first SQLite release without the WAL-reset bug, and the first patch releases of older lines.
_FIXED = (3, 51, 3)
_FIXED_IN = {(3, 44): 6, (3, 50): 7}

#: The primary result code is the low byte of an extended one.
_PRIMARY = 0xFF

_HELD = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
_CANNOT_MAKE = (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY)
_MEANINGS = {
    **dict.fromkeys(_HELD, "is locked by another process"),
    sqlite3.SQLITE_FULL: "cannot be written: the disk is full",
    sqlite3.SQLITE_READONLY: "is read-only",
    sqlite3.SQLITE_CANTOPEN: "cannot be opened",
    sqlite3.SQLITE_PERM: "cannot be opened",
}
_ACTIONS = {
    **dict.fromkeys(_HELD, "try again, or end the command that holds the lock"),
    sqlite3.SQLITE_FULL: "free disk space",
    sqlite3.SQLITE_READONLY: f"make it writable, or set {STATE_VARIABLE} to a writable folder",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """How a database is opened.

    Attributes:
        busy_seconds: how long a call waits for other processes.
        journal_mode: the preferred mode; see `set_journal_mode`.
    """

    busy_seconds: float
    journal_mode: str


class Corrupt(Exception):
    """The file is not a database, is damaged, or is not a session store; the text says which."""


def choose_journal_mode(version: tuple[int, int, int]) -> str:
    """Return `wal` if this SQLite version does not have the WAL-reset bug, else `truncate`.

    The bug corrupts a database in WAL mode when connections write and checkpoint at once. It is
    in 3.7.0 to 3.51.2, fixed in 3.51.3 and in the patch releases 3.50.7 and 3.44.6 of the older
    lines (sqlite.org/wal.html, "The WAL-Reset Bug"; sqlite.org/changes.html).
    """
    fixed = (
        version[2] >= _FIXED_IN[line] if (line := version[:2]) in _FIXED_IN else version >= _FIXED
    )
    return _WAL if fixed else _ROLLBACK


def connect(path: Path, opening: Opening) -> sqlite3.Connection:
    """Open an existing file for reading and writing.

    Raises:
        sqlite3.Error: the file is not a database, or cannot be opened.
    """
    return _open(path, "mode=rw", opening)


def connect_read_only(path: Path, opening: Opening) -> sqlite3.Connection:
    """Open a file for reading if the file or its folder is not writable.

    A database in WAL mode needs its `-shm` file, which cannot be created in such a folder. The
    database is then read without it, unless a journal beside it holds a part of the data.

    Raises:
        sqlite3.Error: the file is not a database, or cannot be opened.
    """
    connection = _open(path, "mode=ro", opening)
    try:
        connection.execute("PRAGMA schema_version").fetchone()
    except sqlite3.OperationalError as error:
        connection.close()
        if _code(error) not in _CANNOT_MAKE or any(map(_has_content, sidecars(path))):
            raise
        return _open(path, "mode=ro&immutable=1", opening)
    except BaseException:
        connection.close()
        raise
    return connection


def set_journal_mode(connection: sqlite3.Connection, wanted: str) -> None:
    """Set the database's journal mode; while other connections use it, the mode does not change.

    Call it only on a file that was checked to be a session store: the mode is written into the
    file.
    """
    (current,) = connection.execute("PRAGMA journal_mode").fetchone()
    if current != wanted:
        (timeout,) = connection.execute("PRAGMA busy_timeout").fetchone()
        connection.execute("PRAGMA busy_timeout = 0")
        try:
            (current,) = connection.execute(f"PRAGMA journal_mode = {wanted}").fetchone()
        except sqlite3.OperationalError as error:
            if _code(error) not in _HELD:
                raise
        connection.execute(f"PRAGMA busy_timeout = {timeout:d}")
    # In WAL mode, NORMAL can lose the last transactions in a power failure, never the database.
    connection.execute(f"PRAGMA synchronous = {'NORMAL' if current == _WAL else 'FULL'}")


@contextmanager
def transaction(connection: sqlite3.Connection, *, writes: bool) -> Iterator[None]:
    """Open a transaction, commit it at the end, and roll it back on any error.

    A writing transaction takes the write lock immediately: if it took the lock at its first write,
    its earlier reads could be outdated and the write would fail.
    """
    connection.execute("BEGIN IMMEDIATE" if writes else "BEGIN")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        with suppress(sqlite3.Error):
            connection.execute("ROLLBACK")
        raise


def is_corruption(error: sqlite3.Error) -> bool:
    """Whether the error means that the file is damaged or not a database."""
    return _code(error) in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


def explain(error: sqlite3.Error | OSError, path: Path) -> StoreUnavailable:
    """Translate an error into one with a message and a next step for the user."""
    if isinstance(error, OSError):
        meaning, action = f"cannot be used: {error.strerror or error}", None
    else:
        meaning = _MEANINGS.get(_code(error), f"cannot be used: {error}")
        action = _ACTIONS.get(_code(error))
    return StoreUnavailable(
        f"the session store {path} {meaning}",
        suggested_action=action
        or f"make it readable and writable, or set {STATE_VARIABLE} to another folder",
    )


def read_only(path: Path) -> StoreUnavailable:
    """Return the error for a write to a store that is read-only."""
    return StoreUnavailable(
        f"the session store {path} {_MEANINGS[sqlite3.SQLITE_READONLY]}",
        suggested_action=_ACTIONS[sqlite3.SQLITE_READONLY],
    )


def sidecars(path: Path) -> tuple[Path, ...]:
    """Return the paths of the files that SQLite keeps beside the database: journals and index."""
    return tuple(Path(f"{path}{suffix}") for suffix in ("-journal", "-wal", "-shm"))


def locked_too_long(path: Path) -> StoreUnavailable:
    """Return the error for a store that another process kept locked beyond the limit."""
    return StoreUnavailable(
        f"the session store {path} {_MEANINGS[sqlite3.SQLITE_BUSY]}",
        suggested_action=_ACTIONS[sqlite3.SQLITE_BUSY],
    )


def _open(path: Path, parameters: str, opening: Opening) -> sqlite3.Connection:
    return sqlite3.connect(
        f"{path.absolute().as_uri()}?{parameters}",
        uri=True,
        timeout=opening.busy_seconds,
        isolation_level=None,
        check_same_thread=False,
    )


def _has_content(path: Path) -> bool:
    return path.exists() and path.stat().st_size > 0


def _code(error: sqlite3.Error) -> int:
    # Errors that Python itself raises have no code.
    code: int = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
    return code & _PRIMARY
