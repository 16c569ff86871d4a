"""Make or update the fleet's database, and stop the private server."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit, urlunsplit

import psycopg
from psycopg import sql
from sqlalchemy.exc import SQLAlchemyError

from millracer.domain.fleet.setup import FleetPlace, FleetUp
from millracer.errors import FleetNotConfigured, FleetSetupFailed, FleetUnreachable, UsageError
from millracer.fleet import engine_schema, local_server, migrations
from millracer.fleet.connection import (
    connected,
    explain,
    is_missing_database,
    open_connection,
)
from millracer.fleet.place import place_file, read_place, write_place
from millracer.fleet.store import PostgresFleet
from millracer.fleet.urls import check_url, shown_url

#: Held while a schema is migrated, so that two commands do it one after the other.
_LOCK: Final = 0x4D6C7265
_POLL_SECONDS: Final = 0.5
_GROUPS: Final = (engine_schema.SUBMIT_GROUP, engine_schema.WORKER_GROUP)


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """What was done to a database; see `FleetUp`."""

    created: bool
    schema_version: int
    engine_version: int
    steps: tuple[str, ...]


def prepare_database(place: FleetPlace) -> Prepared:
    """Make or update both schemas and the groups of roles; repeatable, and safe beside others.

    Raises:
        FleetUnreachable: the database does not answer.
        FleetDenied: the role does not own the database.
        FleetOutdated: a schema is newer than this installation.
        FleetSetupFailed: the engine could not make its schema.
    """
    with connected(place) as connection:
        version = migrations.read_version(connection)
        if version > len(migrations.find_migrations()):
            raise migrations.newer_schema(version)
        steps = [f"made the role {name}" for name in _GROUPS if _make_group(connection, name)]
        # Of the transaction: behind PgBouncer, a lock of the session would stay.
        with connection.transaction():
            connection.execute("select pg_advisory_xact_lock(%s)", (_LOCK,))
            engine = engine_schema.read_engine_version(connection)
            wanted = engine_schema.installed_engine_version()
            if engine > wanted:
                raise engine_schema.newer_engine(engine, wanted)
            if engine < wanted or not version:
                _migrate_engine(place)
                steps.append(f"updated the engine's schema from {engine} to {wanted}")
            engine_schema.open_engine_to_workers(connection)
            steps += [f"applied {name}" for name in migrations.migrate(connection)]
        return Prepared(
            created=not version,
            schema_version=migrations.read_version(connection),
            engine_version=engine_schema.read_engine_version(connection),
            steps=tuple(steps),
        )


def set_up(  # noqa: PLR0913 - the options of the command
    *,
    named: str | None,
    local: bool,
    url: str | None,
    port: int | None,
    passfile: str | None,
    after_restore: bool,
    environment: Mapping[str, str],
    say: Callable[[str], None],
) -> FleetUp:
    """Make or update the fleet's database and write the fleet's file.

    Args:
        named: the fleet's name or file; None: the default file.
        local: start a private server on this machine.
        url: use this database; with neither, use that of the fleet's file.
        port: the port of the private server; None: as before, or a free one.
        passfile: the file with the password for `url`.
        after_restore: void every lease and dispatch all open items again.
        environment: names the folders of the user.
        say: reports what takes a while.

    Raises:
        FleetNotConfigured: nothing says which database.
        FleetError: it could not be made or updated.
        UsageError: the file belongs to another fleet.
    """
    file = place_file(named, environment)
    former = _former(named, environment)
    if url is not None:
        place = FleetPlace(url=check_url(url), passfile=passfile, source=str(file))
    elif local or (former is not None and former.data_folder is not None):
        place = local_server.place_of(file, former, port, environment)
    elif former is not None:
        place = former
    else:
        raise FleetNotConfigured(
            f"nothing says which database the fleet uses: {file} does not exist",
            suggested_action="pass --local for a private server, or --url for an existing one",
        )
    _refuse_other(file, former, place)
    started = False
    if place.data_folder is not None:
        started = local_server.start(place, file, say)
    _make_database(place)
    prepared = prepare_database(place)
    steps = list(prepared.steps)
    if after_restore:
        steps.append(f"voided every lease and dispatched {_void_leases(place)} items again")
    if place != former:
        place = write_place(file, place)
        steps.append(f"wrote {file}")
    return FleetUp(
        place=place,
        started=started,
        created=prepared.created,
        schema_version=prepared.schema_version,
        engine_version=prepared.engine_version,
        steps=tuple(steps),
    )


def stop(place: FleetPlace, *, waits: bool, say: Callable[[str], None]) -> bool:
    """Stop the private server; return whether it ran.

    Args:
        place: the fleet.
        waits: wait first until no item runs.
        say: reports the wait.

    Raises:
        UsageError: the fleet has another server.
        FleetSetupFailed: it could not be stopped.
        Cancelled: a signal ended the wait.
    """
    if place.data_folder is None:
        raise UsageError(
            f"the fleet's database {shown_url(place.url)} is not a private server",
            suggested_action="stop it with its own commands, such as systemctl",
        )
    if waits:
        with suppress(FleetUnreachable):  # it is down already
            _await_idle(place, say)
    return local_server.stop(Path(place.data_folder))


def _await_idle(place: FleetPlace, say: Callable[[str], None]) -> None:
    reported: list[str] = []
    with closing(PostgresFleet(place)) as store:
        while True:
            running = sorted(item for host in store.list_hosts() for item in host.running)
            if not running:
                return
            if running != reported:
                say(f"waiting for {', '.join(running)}")
                reported = running
            time.sleep(_POLL_SECONDS)


def _former(named: str | None, environment: Mapping[str, str]) -> FleetPlace | None:
    if not place_file(named, environment).exists():
        return None
    return read_place(named, environment)


def _refuse_other(file: Path, former: FleetPlace | None, place: FleetPlace) -> None:
    if former is None or former.data_folder == place.data_folder is not None:
        return
    if shown_url(former.url) != shown_url(place.url):
        raise UsageError(
            f"{file} is the file of another fleet, {shown_url(former.url)}",
            suggested_action="give this one a name with --fleet NAME, or remove that file",
        )


def _make_group(connection: psycopg.Connection[object], name: str) -> bool:
    found = connection.execute("select 1 as it from pg_roles where rolname = %s", (name,))
    if found.fetchone() is not None:
        return False
    with suppress(psycopg.errors.DuplicateObject, psycopg.errors.UniqueViolation):
        connection.execute(sql.SQL("create role {} nologin").format(sql.Identifier(name)))
    return True


def _migrate_engine(place: FleetPlace) -> None:
    try:
        engine_schema.migrate_engine(place)
    except SQLAlchemyError as error:
        raise FleetSetupFailed(
            f"the engine could not make its schema: {str(error).splitlines()[0]}",
            suggested_action="run the command as the owner of the database; `dbos migrate "
            "--print-migrations all` prints the statements for a database administrator",
        ) from error


def _make_database(place: FleetPlace) -> None:
    """Make the database if the server has none of this name."""
    try:
        open_connection(place).close()
    except psycopg.Error as error:
        if not is_missing_database(error):
            raise explain(error, place) from error
        admin = replace(place, url=urlunsplit(urlsplit(place.url)._replace(path="/postgres")))
        name = unquote(urlsplit(place.url).path.lstrip("/"))
        with connected(admin) as connection, suppress(psycopg.errors.DuplicateDatabase):
            connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))


def _void_leases(place: FleetPlace) -> int:
    with closing(PostgresFleet(place)) as store:
        return store.void_leases()
