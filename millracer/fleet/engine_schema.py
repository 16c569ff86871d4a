"""The schema of the engine, DBOS Transact: make it, and read its version."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import psycopg

from millracer.domain.fleet.setup import FleetPlace
from millracer.errors import FleetOutdated
from millracer.fleet.urls import tuned_url

if TYPE_CHECKING:
    from collections.abc import Iterator

#: The group of the hosts' login roles, which the engine's tables are open to.
WORKER_GROUP: Final = "fleet_worker"
#: The group of the submitters' login roles.
SUBMIT_GROUP: Final = "fleet_submit"

_RIGHTS: Final = f"""
revoke all on all tables in schema dbos from {WORKER_GROUP};
grant usage on schema dbos to {WORKER_GROUP};
grant select, insert, update, delete on all tables in schema dbos to {WORKER_GROUP};
grant usage, select on all sequences in schema dbos to {WORKER_GROUP};
grant execute on all functions in schema dbos to {WORKER_GROUP};
"""


def migrate_engine(place: FleetPlace) -> None:
    """Make or update the engine's schema; repeatable.

    Raises:
        Exception: the engine failed; its errors have no common class.
    """
    from dbos import DBOS  # noqa: PLC0415 - takes half a second

    with _quiet_engine():
        DBOS.migrate(tuned_url(place))


def open_engine_to_workers(connection: psycopg.Connection[Any]) -> None:
    """Let the workers read and write the engine's rows, and nothing else; repeatable.

    The engine would grant every privilege. With TRIGGER, a host could run code as the owner: the
    functions of the schema `fleet` write the engine's tables with the owner's rights.
    """
    connection.execute(_RIGHTS.encode())


def installed_engine_version() -> int:
    """Return the version of the schema that the installed engine needs."""
    from dbos._migration import get_dbos_migrations  # noqa: PLC0415 - takes half a second

    return len(get_dbos_migrations("dbos", use_listen_notify=True, is_cockroach=False))


def read_engine_version(connection: psycopg.Connection[Any]) -> int:
    """Return the version of the engine's schema; 0 without one."""
    found = connection.execute("select to_regclass('dbos.dbos_migrations') is not null as it")
    (exists,) = _values(found.fetchone())
    if not exists:
        return 0
    row = connection.execute("select max(version) as it from dbos.dbos_migrations").fetchone()
    (version,) = _values(row)
    return int(version or 0)


def newer_engine(version: int, wanted: int) -> FleetOutdated:
    """Return the error for a schema of the engine that is newer than the installed engine."""
    return FleetOutdated(
        f"the engine's schema has version {version}; the installed engine supports up to {wanted}",
        suggested_action="upgrade millracer on this machine: pip install --upgrade "
        "'millracer[fleet]'",
    )


@contextmanager
def _quiet_engine() -> Iterator[None]:
    """Drop what the engine logs below an error."""
    logger = logging.getLogger("dbos")
    former = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(former)


def _values(row: Any) -> tuple[Any, ...]:
    return tuple(row.values()) if isinstance(row, dict) else tuple(row)
