"""The session store's schema: `migrations/NNNN_verb_noun.sql`, applied in order, each once.

A released script is never edited; a change is a new script. Its number is stored in `PRAGMA
user_version` in the transaction that applies it, so a crash leaves the whole script or nothing.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

from millracer.errors import StoreUnavailable
from millracer.store.connection import Corrupt, transaction
from millracer.store.rows import json_text
from millracer.system.sql_scripts import (
    BrokenScripts,
    SqlScript,
    find_scripts,
    installed_scripts_folder,
)
from millracer.system.user_folders import STATE_VARIABLE

#: The `PRAGMA application_id` of a store: "Mlrc". The first script sets it.
APPLICATION_ID = int.from_bytes(b"Mlrc", "big")


class Migration(SqlScript):
    """One script; `number` is the store's version after it is applied."""

    __slots__ = ()

    def statements(self) -> Iterator[str]:
        """Yield each statement; a statement ends at a line end.

        `sqlite3.executescript` is not used: it commits the transaction it is called in.

        Raises:
            ValueError: the script ends within a statement.
        """
        statement = ""
        for line in self.sql.splitlines(keepends=True):
            statement += line
            if sqlite3.complete_statement(statement):
                yield statement
                statement = ""
        if statement.strip():
            raise ValueError(f"{self.name} ends within a statement")


def find_migrations(folder: Path | None = None) -> tuple[Migration, ...]:
    """Return the scripts in order.

    Args:
        folder: None for the installed scripts: in the package, or beside it in a source tree.

    Raises:
        StoreUnavailable: they are missing, or are not numbered 1, 2, 3 ...
    """
    return _find_installed() if folder is None else _find(folder)


def migrate(connection: sqlite3.Connection, migrations: Sequence[Migration]) -> None:
    """Apply each missing script to a checked store.

    Raises:
        sqlite3.Error: a script failed and was rolled back.
    """
    for migration in migrations:
        with transaction(connection, writes=True):
            # Another process may have applied it since the store was checked.
            if read_version(connection) < migration.number:
                _apply(connection, migration)
                connection.execute(f"PRAGMA user_version = {migration.number:d}")


def check_version(
    connection: sqlite3.Connection, migrations: Sequence[Migration], path: Path
) -> int:
    """Check that the database is a usable store and return its version, 0 if it is empty.

    Raises:
        Corrupt: the database is not a session store.
        StoreUnavailable: the store is newer than this Millracer.
    """
    with transaction(connection, writes=False):
        version = read_version(connection)
        (application,) = connection.execute("PRAGMA application_id").fetchone()
        columns = _columns(connection)
    if application != (APPLICATION_ID if version else 0) or (columns and not version):
        raise Corrupt("it belongs to another program")
    if version > len(migrations):
        raise StoreUnavailable(
            f"the session store {path} has version {version}; this millracer supports up to"
            f" {len(migrations)}",
            suggested_action=f"upgrade millracer, or set {STATE_VARIABLE} to another folder",
        )
    missing = _expected_columns(migrations[:version]) - columns
    if missing:
        raise Corrupt("it lacks " + ", ".join(".".join(column) for column in sorted(missing)))
    return version


def read_version(connection: sqlite3.Connection) -> int:
    """Return the number of the last applied script."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return int(version)


@cache
def _find_installed() -> tuple[Migration, ...]:
    return _find(installed_scripts_folder())


def _find(folder: Path) -> tuple[Migration, ...]:
    try:
        scripts = find_scripts(folder)
    except BrokenScripts as error:
        raise _broken_install(str(error)) from error
    return tuple(
        Migration(number=script.number, name=script.name, sql=script.sql) for script in scripts
    )


def _expected_columns(migrations: Sequence[Migration]) -> set[tuple[str, str]]:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    try:
        for migration in migrations:
            _apply(connection, migration)
        return _columns(connection)
    finally:
        connection.close()


def _apply(connection: sqlite3.Connection, migration: Migration) -> None:
    connection.create_function("json_text", 1, json_text, deterministic=True)
    for statement in migration.statements():
        connection.execute(statement)


def _columns(connection: sqlite3.Connection) -> set[tuple[str, str]]:
    return set(
        connection.execute(
            "SELECT tables.name, columns.name FROM sqlite_master AS tables"
            " JOIN pragma_table_info(tables.name) AS columns WHERE tables.type = 'table'"
        )
    )


def _broken_install(why: str) -> StoreUnavailable:
    return StoreUnavailable(
        f"the session store's migrations cannot be used: {why}",
        suggested_action="install millracer again",
    )
