"""The database server of hosts in tests: one database for each fleet, one role for each host."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from psycopg import sql

from millracer.domain.fleet.setup import FleetPlace, FleetRole
from millracer.fleet.urls import with_user
from tests.support.postgres import (
    PostgresServer,
    connected,
    login_role,
    new_fleet_database,
    private_server,
)

_TEMPLATE = "fleet_template"


@dataclass
class FleetServer:
    """A server that tests may stop, with a template database that has the fleet's schema."""

    server: PostgresServer
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    @property
    def port(self) -> int:
        """Its port on 127.0.0.1."""
        return self.server.port

    def place(
        self, database: str, *, role: str | None = None, port: int | None = None
    ) -> FleetPlace:
        """Return where a database is, for a role; None: the owner."""
        url = self.server.url_of(database)
        if port is not None:
            url = url.replace(f":{self.port}/", f":{port}/")
        return FleetPlace(
            url=url if role is None else with_user(url, role), passfile=str(self.server.passfile)
        )

    def new_database(self) -> str:
        """Create a database with the fleet's schema."""
        self.ensure_started()
        name = f"fleet_{next(self._numbers)}"
        self._execute("create database {} template {}", name, _TEMPLATE)
        return name

    def drop_database(self, name: str) -> None:
        """Drop a database, with its connections."""
        self.ensure_started()
        self.server.drop_database(name)

    def new_role(self, name: str) -> str:
        """Create the login role of a host, unless it exists."""
        login_role(self.place("postgres"), self.server, name, FleetRole.HOST)
        return name

    def ensure_started(self) -> None:
        """Start the server if a test left it stopped."""
        if not (self.server.folder / "data" / "postmaster.pid").exists():
            self.start()

    def start(self) -> None:
        """Start the server and wait until it answers."""
        self.server.start()

    def stop(self) -> None:
        """Stop the server, as a crash does."""
        self.server.stop("immediate")

    def _execute(self, statement: str, *names: str) -> None:
        composed = sql.SQL(statement).format(*map(sql.Identifier, names))
        with connected(self.place("postgres")) as connection:
            connection.execute(composed)


def with_template(server: PostgresServer) -> FleetServer:
    """Return the server, after its template was made."""
    new_fleet_database(server, _TEMPLATE)
    return FleetServer(server=server)


@contextmanager
def fleet_server() -> Iterator[FleetServer]:
    """Yield a running server of its own, which is gone after the block."""
    with private_server() as server:
        yield with_template(server)
