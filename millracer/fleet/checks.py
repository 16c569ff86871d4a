"""The checks of `millracer fleet doctor`; nothing is changed."""

from __future__ import annotations

import stat
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

import psycopg

from millracer.domain.doctor_report import CheckLevel, Finding
from millracer.domain.fleet.items import FleetItems, FleetItemState, ItemFilter
from millracer.domain.fleet.setup import LOOPBACK, FleetCheck, FleetCheckName, FleetPlace
from millracer.errors import FleetError
from millracer.fleet import engine_schema, migrations
from millracer.fleet.connection import Connection, connected, explain
from millracer.fleet.store import PostgresFleet
from millracer.fleet.urls import servers_of, shown_url

_UP: Final = "millracer fleet up"
#: Clocks that differ by more make times hard to compare; nothing else depends on it.
_SKEW_SECONDS: Final = 5.0
#: What a worker needs at most, and what other programs should find free.
_CONNECTIONS_OF_WORKER: Final = 9
_FEW_CONNECTIONS: Final = 0.8
#: A worker dispatches a released item again within this time.
_RELEASED_SECONDS: Final = 120.0


def check(place: FleetPlace) -> Sequence[FleetCheck]:
    """Make the checks in order; without a connection only the first can be made."""
    try:
        with connected(place) as connection:
            checks = [
                FleetCheck(name=name, finding=_find(work, place, connection))
                for name, work in _CHECKS.items()
            ]
    except FleetError as error:
        return (
            FleetCheck(
                name=FleetCheckName.REACHABLE,
                finding=Finding(
                    level=CheckLevel.FAIL,
                    message=error.message,
                    next_command=error.suggested_action,
                ),
            ),
            *_skipped(),
        )
    return checks


def _skipped() -> Iterator[FleetCheck]:
    for name in FleetCheckName:
        if name is not FleetCheckName.REACHABLE:
            finding = Finding(level=CheckLevel.SKIPPED, message="the database is not reachable")
            yield FleetCheck(name=name, finding=finding)


_Work = Callable[[FleetPlace, Connection], Finding]


def _find(work: _Work, place: FleetPlace, connection: Connection) -> Finding:
    """Return a check's finding; an error of the schema or of the role is one."""
    try:
        return work(place, connection)
    except psycopg.Error as error:
        trouble = explain(error, place)
    except FleetError as error:
        trouble = error
    return Finding(
        level=CheckLevel.FAIL, message=trouble.message, next_command=trouble.suggested_action
    )


def _reachable(place: FleetPlace, connection: Connection) -> Finding:
    began = time.monotonic()
    version = _one(connection, "select current_setting('server_version')")
    milliseconds = (time.monotonic() - began) * 1000
    return Finding(
        message=f"PostgreSQL {version} at {shown_url(place.url)} answers in {milliseconds:.0f} ms"
    )


def _schema(_place: FleetPlace, connection: Connection) -> Finding:
    wanted = len(migrations.find_migrations())
    version = migrations.read_version(connection)
    if version > wanted:
        raise migrations.newer_schema(version)
    if version < wanted:
        what = f"has version {version} of {wanted}" if version else "does not exist"
        return _failed(f"the schema of the fleet {what}", _UP)
    return Finding(message=f"version {version}")


def _engine(_place: FleetPlace, connection: Connection) -> Finding:
    if not _one(connection, "select has_schema_privilege('dbos', 'usage')"):
        return Finding(level=CheckLevel.SKIPPED, message="this role cannot read it")
    wanted = engine_schema.installed_engine_version()
    version = engine_schema.read_engine_version(connection)
    if version > wanted:
        raise engine_schema.newer_engine(version, wanted)
    if version < wanted:
        return _failed(f"the engine's schema has version {version} of {wanted}", _UP)
    return Finding(message=f"version {version}")


def _role(_place: FleetPlace, connection: Connection) -> Finding:
    row = connection.execute(
        "select session_user as name, rolsuper as super, "
        "pg_has_role(session_user, n.nspowner, 'member') as owns, "
        "pg_has_role(session_user, %s, 'member') as works, "
        "pg_has_role(session_user, %s, 'member') as submits "
        "from pg_roles, pg_namespace n where rolname = session_user and nspname = 'fleet'",
        (engine_schema.WORKER_GROUP, engine_schema.SUBMIT_GROUP),
    ).fetchone()
    if row is None:
        return Finding(level=CheckLevel.SKIPPED, message="the fleet has no schema")
    rights = [
        word
        for has, word in (
            (row["owns"], "owns the fleet"),
            (row["works"], "may run items"),
            (row["submits"] or row["works"], "may submit"),
        )
        if has
    ]
    if not rights:
        return _failed(f"{row['name']} has no right in the fleet", "millracer fleet grant")
    return Finding(message=f"{row['name']} {', '.join(rights)}")


def _password_file(place: FleetPlace, _connection: Connection) -> Finding:
    paths = [Path(each) for each in (place.passfile, place.source) if each is not None]
    open_to_others = [
        path for path in paths if path.exists() and stat.S_IMODE(path.stat().st_mode) & 0o077
    ]
    if open_to_others:
        path = open_to_others[0]
        return _failed(f"other users can read {path}", f"chmod 600 {path}")
    return Finding(
        message="private" if place.passfile else "none is named; libpq's default is used"
    )


def _tls(place: FleetPlace, connection: Connection) -> Finding:
    if all(host in LOOPBACK for host, _port in servers_of(place.url)):
        return Finding(message="not needed: the database is on this machine")
    mode = dict(parse_qsl(urlsplit(place.url).query)).get("sslmode", "prefer")
    fix = "add ?sslmode=verify-full&sslrootcert=/path/to/ca.pem to the url in the fleet's file"
    if not connection.pgconn.ssl_in_use:
        return _failed("the connection is not encrypted: the network can read it", fix)
    if mode != "verify-full":
        return Finding(
            level=CheckLevel.WARNING,
            message=f"encrypted, but sslmode={mode} does not verify the server's name",
            next_command=fix,
        )
    return Finding(message="encrypted, and the server's certificate is verified")


def _clock(_place: FleetPlace, connection: Connection) -> Finding:
    before = datetime.now(UTC)
    there = _one(connection, "select clock_timestamp()")
    after = datetime.now(UTC)
    skew = (there - before - (after - before) / 2).total_seconds()
    if abs(skew) > _SKEW_SECONDS:
        return Finding(
            level=CheckLevel.WARNING,
            message=f"this machine's clock and the database's differ by {abs(skew):.0f} s",
            next_command="synchronise both, for example with chrony or systemd-timesyncd",
        )
    return Finding(message=f"differs by {abs(skew):.2f} s from the database's")


def _connections(_place: FleetPlace, connection: Connection) -> Finding:
    row = connection.execute(
        "select current_setting('max_connections')::int as most, "
        "(select count(*) from pg_stat_activity where backend_type = 'client backend') as used, "
        "(select count(*) from fleet.host_overview) as hosts"
    ).fetchone()
    most, used, hosts = (row["most"], row["used"], row["hosts"]) if row else (0, 0, 0)
    needed = hosts * _CONNECTIONS_OF_WORKER
    if max(used, needed) > most * _FEW_CONNECTIONS:
        return Finding(
            level=CheckLevel.WARNING,
            message=f"{used} of {most} are in use, and the workers need up to {needed}",
            next_command="raise max_connections in postgresql.conf and restart the server",
        )
    return Finding(message=f"{used} of {most} are in use; the workers need up to {needed}")


def _hosts(place: FleetPlace, _connection: Connection) -> Finding:
    hosts = _read(place, PostgresFleet.list_hosts)
    away = [each.host for each in hosts if each.away]
    if away:
        return Finding(
            level=CheckLevel.WARNING,
            message=f"away: {', '.join(away)} ({len(away)} of {len(hosts)})",
            next_command="start `millracer fleet worker` there",
        )
    return Finding(message=f"{len(hosts)} known, none away")


def _stuck_items(place: FleetPlace, _connection: Connection) -> Finding:
    def listed(**wanted: Any) -> FleetItems:
        found: FleetItems = _read(place, lambda store: store.list_items(ItemFilter(**wanted)))
        return found

    aside = listed(state=FleetItemState.SET_ASIDE, limit=1)
    if aside.items:
        return Finding(
            level=CheckLevel.WARNING,
            message=f"{aside.total} set aside, because their host ended too often",
            next_command=f"millracer fleet retry {aside.items[0].item_id}",
        )
    released = [
        each.item_id
        for each in listed(state=FleetItemState.RELEASED).items
        if each.host_seen_at is not None
        and not each.host_away
        and each.claimed_at is not None
        and (each.host_seen_at - each.claimed_at).total_seconds() > _RELEASED_SECONDS
    ]
    if released:
        return Finding(
            level=CheckLevel.WARNING,
            message=f"{len(released)} released by the engine and not dispatched again",
            next_command="restart `millracer fleet worker` on its host",
        )
    return Finding(message=f"none of {listed(limit=1).total} open items")


_CHECKS: Final[dict[FleetCheckName, _Work]] = {
    FleetCheckName.REACHABLE: _reachable,
    FleetCheckName.SCHEMA: _schema,
    FleetCheckName.ENGINE: _engine,
    FleetCheckName.ROLE: _role,
    FleetCheckName.PASSWORD_FILE: _password_file,
    FleetCheckName.TLS: _tls,
    FleetCheckName.CLOCK: _clock,
    FleetCheckName.CONNECTIONS: _connections,
    FleetCheckName.HOSTS: _hosts,
    FleetCheckName.STUCK_ITEMS: _stuck_items,
}


def _read(place: FleetPlace, query: Callable[[PostgresFleet], Any]) -> Any:
    store = PostgresFleet(place)
    try:
        return query(store)
    finally:
        store.close()


def _failed(message: str, next_command: str) -> Finding:
    return Finding(level=CheckLevel.FAIL, message=message, next_command=next_command)


def _one(connection: Connection, statement: str) -> Any:
    row = connection.execute(statement.encode()).fetchone()
    return None if row is None else next(iter(row.values()))
