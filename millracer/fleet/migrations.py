"""The fleet's schema: `migrations/fleet/NNNN_verb_noun.sql`, applied in order, each once.

A released script is never edited; a change is a new script. The engine's own schema is migrated
first: the scripts call its functions and read its tables.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Final

import psycopg

from millracer.errors import FleetOutdated
from millracer.system.sql_scripts import (
    BrokenScripts,
    SqlScript,
    find_scripts,
    installed_scripts_folder,
)

#: Serialises migrations; any constant.
_LOCK: Final = 0x4D6C7263


@cache
def find_migrations() -> tuple[SqlScript, ...]:
    """Return the scripts in order.

    Raises:
        FleetOutdated: this installation lacks some.
    """
    try:
        return find_scripts(installed_scripts_folder() / "fleet")
    except BrokenScripts as error:
        raise FleetOutdated(
            f"the migrations of the fleet cannot be used: {error}",
            suggested_action="install millracer again",
        ) from error


def read_version(connection: psycopg.Connection[Any]) -> int:
    """Return the number of the last applied script; 0 without a schema."""
    exists = connection.execute("select to_regclass('fleet.version') is not null").fetchone()
    if exists is None or not _only(exists):
        return 0
    return int(_only(connection.execute("select max(number) from fleet.version").fetchone()) or 0)


def migrate(connection: psycopg.Connection[Any]) -> list[str]:
    """Apply each missing script, all in one transaction; return their names.

    Raises:
        FleetOutdated: the schema is newer than this Millracer.
    """
    applied = []
    scripts = find_migrations()
    with connection.transaction():
        connection.execute("select pg_advisory_xact_lock(%s)", (_LOCK,))
        version = read_version(connection)
        if version > len(scripts):
            raise newer_schema(version)
        for script in scripts[version:]:
            connection.execute(script.sql.encode())
            connection.execute(
                "insert into fleet.version (number, name) values (%s, %s)",
                (script.number, script.name),
            )
            applied.append(script.name)
    return applied


def newer_schema(version: int) -> FleetOutdated:
    """Return the error for a schema that is newer than this Millracer."""
    return FleetOutdated(
        f"the schema of the fleet has version {version}; this millracer supports up to "
        f"{len(find_migrations())}",
        suggested_action="upgrade millracer on this machine",
    )


def _only(row: Any) -> Any:
    return next(iter(row.values())) if isinstance(row, dict) else row[0]
