"""A PostgreSQL server that tests stop and start, with one database for each fleet."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
from psycopg import sql

from millracer.domain.fleet.setup import FleetPlace
from millracer.fleet.engine_schema import migrate_engine
from millracer.fleet.migrations import migrate
from millracer.fleet.urls import connection_parameters

_OWNER = "millracer"
_TEMPLATE = "fleet_template"
_LIMIT_SECONDS = 120


@dataclass
class FleetServer:
    """One server, with a template database that has the fleet's schema."""

    folder: Path
    port: int
    password: str
    _databases: int = field(default=0)

    def place(self, database: str, *, role: str = _OWNER, port: int | None = None) -> FleetPlace:
        """Return where a database is, for a role."""
        url = f"postgresql://{role}@127.0.0.1:{port or self.port}/{database}"
        return FleetPlace(url=url, passfile=str(self.folder / "pass"))

    def new_database(self) -> str:
        """Create a database with the fleet's schema."""
        self._databases += 1
        name = f"fleet_{self._databases}"
        self._execute(
            sql.SQL("create database {} template {}").format(
                sql.Identifier(name), sql.Identifier(_TEMPLATE)
            )
        )
        return name

    def new_role(self, name: str, group: str = "fleet_worker") -> str:
        """Create a login role of a host, unless it exists."""
        with self._connected() as connection:
            exists = connection.execute("select from pg_roles where rolname = %s", (name,))
            if exists.fetchone() is None:
                connection.execute(
                    sql.SQL("create role {} login password {} in role {}").format(
                        sql.Identifier(name), sql.Literal(self.password), sql.Identifier(group)
                    )
                )
        return name

    def drop_database(self, name: str) -> None:
        """Drop a database, with its connections."""
        self._execute(
            sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name))
        )

    def start(self) -> None:
        """Start the server and wait until it answers."""
        options = (
            f"-p {self.port} -h 127.0.0.1 -c unix_socket_directories='' "
            "-c max_connections=400 -c fsync=off"
        )
        self._control("start", "-l", str(self.folder / "log"), "-o", options)

    def ensure_started(self) -> None:
        """Start the server if a test left it stopped."""
        if not (self.folder / "data" / "postmaster.pid").exists():
            self.start()

    def stop(self, mode: str = "immediate") -> None:
        """Stop the server."""
        self._control("stop", "-m", mode)

    def prepare(self) -> None:
        """Create the cluster, start it and make the template."""
        (self.folder / "pw").write_text(self.password)
        (self.folder / "pass").write_text(f"127.0.0.1:*:*:*:{self.password}\n")
        (self.folder / "pass").chmod(0o600)
        shutil.chown(self.folder, *(("postgres",) if os.geteuid() == 0 else (os.geteuid(),)))
        (self.folder / "pw").chmod(0o644)
        self._run(
            *(str(programs() / "initdb"), "-D", str(self.folder / "data"), "-U", _OWNER),
            *("--auth=scram-sha-256", f"--pwfile={self.folder / 'pw'}", "--no-sync"),
            *("-E", "UTF8", "--locale=C.UTF-8"),
        )
        self.start()
        self._execute(sql.SQL("create database {}").format(sql.Identifier(_TEMPLATE)))
        for role in ("fleet_worker", "fleet_submit"):
            self._execute(sql.SQL("create role {} nologin").format(sql.Identifier(role)))
        place = self.place(_TEMPLATE)
        migrate_engine(place)
        with psycopg.connect(**connection_parameters(place), autocommit=True) as connection:
            migrate(connection)

    @contextmanager
    def _connected(self) -> Iterator[psycopg.Connection]:
        parameters = connection_parameters(self.place("postgres"))
        with psycopg.connect(**parameters, autocommit=True) as connection:
            yield connection

    def _execute(self, statement: sql.Composed) -> None:
        with self._connected() as connection:
            connection.execute(statement)

    def _control(self, *words: str) -> None:
        data = str(self.folder / "data")
        self._run(str(programs() / "pg_ctl"), "-D", data, "-w", "-t", "60", *words)

    def _run(self, *argv: str) -> None:
        with tempfile.TemporaryFile() as output:  # the server inherits it, so no pipe
            ended = subprocess.run(
                (*_as_postgres(), *argv),
                cwd="/",
                env={"PATH": os.environ["PATH"]},  # it outlives the test that starts it
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                timeout=_LIMIT_SECONDS,
                check=False,
            )
            output.seek(0)
            assert ended.returncode == 0, output.read().decode()


@contextmanager
def fleet_server() -> Iterator[FleetServer]:
    """Yield a running server, which is gone after the block."""
    folder = Path(tempfile.mkdtemp(prefix="millracer-fleet-server-"))
    folder.chmod(0o711)
    server = FleetServer(folder=folder, port=_free_port(), password=secrets.token_hex(8))
    try:
        server.prepare()
        yield server
    finally:
        if (folder / "data" / "postmaster.pid").exists():
            server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def programs() -> Path:
    """Return the folder of the server's programs: the newest that Debian has."""
    found = sorted(
        Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name)
    )
    assert found, "the tests of the fleet need PostgreSQL: apt-get install postgresql"
    return found[-1]


def _as_postgres() -> tuple[str, ...]:
    if os.geteuid() != 0:
        return ()
    return ("setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", "--")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port
