"""A private PostgreSQL server for the tests of the fleet, and a database in it for a module.

`make test` installs PostgreSQL where it is missing. As root it runs as the user `postgres`, which
cannot enter the folders of pytest, so its folder is beside them.
"""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from psycopg import sql as statements

from millracer.domain.fleet.setup import FleetPlace, FleetRole
from millracer.fleet.engine_schema import SUBMIT_GROUP, WORKER_GROUP
from millracer.fleet.local_server import find_programs
from millracer.fleet.provision import prepare_database
from millracer.fleet.urls import tuned_url, with_user

_SECONDS = 60
_OWNER = "millracer"
#: Names the folder of PostgreSQL's programs, to test another version.
_VARIABLE = "MILLRACER_TEST_POSTGRES"


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresServer:
    """A running server; `url` has no password, `passfile` has it for every role and database."""

    folder: Path
    programs: Path
    port: int
    passfile: Path
    password: str

    @property
    def url(self) -> str:
        """The URL of the database `postgres`."""
        return self.url_of("postgres")

    def url_of(self, database: str) -> str:
        """Return the URL of a database, for the owner."""
        return f"postgresql://{_OWNER}@127.0.0.1:{self.port}/{database}"

    def stop(self, mode: str = "fast") -> None:
        """Stop the server: fast, or immediate as a crash would."""
        self._control("-m", mode, "stop")

    def start(self) -> None:
        """Start the server and wait until it answers."""
        options = (
            f"-p {self.port} -h 127.0.0.1 -c unix_socket_directories='' -c max_connections=200 "
            "-c fsync=off"
        )
        self._control("-t", str(_SECONDS), "-l", str(self.folder / "log"), "-o", options, "start")

    def drop_database(self, name: str) -> None:
        """Drop a database, with its connections."""
        drop = statements.SQL("drop database if exists {} with (force)")
        with connected(FleetPlace(url=self.url, passfile=str(self.passfile))) as connection:
            connection.execute(drop.format(statements.Identifier(name)))

    def promote(self) -> None:
        """Let a replica take over."""
        self._control("promote")

    def save(self) -> None:
        """Copy the data of the stopped server, as a backup does; replaces the copy before."""
        self._copy("data", "backup")

    def restore(self) -> None:
        """Replace the data of the stopped server by the copy."""
        self._copy("backup", "data")

    def _copy(self, source: str, target: str) -> None:
        shutil.rmtree(self.folder / target, ignore_errors=True)
        _run(
            (shutil.which("cp") or "cp", "-a", str(self.folder / source), str(self.folder / target))
        )

    def freeze(self, *, frozen: bool) -> None:
        """Stop or continue every process of the server with a signal: it answers nothing."""
        pid = int((self.folder / "data" / "postmaster.pid").read_text().splitlines()[0])
        number = signal.SIGSTOP if frozen else signal.SIGCONT
        for each in (*_children(pid), pid):
            with suppress(ProcessLookupError):
                os.kill(each, number)

    def _control(self, *arguments: str) -> None:
        _run_as_postgres(
            (str(self.programs / "pg_ctl"), "-D", str(self.folder / "data"), "-w", *arguments)
        )


@contextmanager
def private_server() -> Iterator[PostgresServer]:
    """Start a server with data of its own; end it and remove them after the block."""
    with _prepared(secrets.token_hex(16)) as server:
        initial = server.folder / "initial"
        initial.mkdir(mode=0o700)
        (initial / "password").write_text(server.password)
        _give_to_postgres(initial, initial / "password")
        _run_as_postgres(
            (
                *(str(server.programs / "initdb"), "-D", str(server.folder / "data")),
                *("-U", _OWNER, "--auth=scram-sha-256"),
                *(f"--pwfile={initial / 'password'}", "--no-sync"),
                *("-E", "UTF8", "--locale=C.UTF-8"),
            )
        )
        server.start()
        yield server


@contextmanager
def replica_of(primary: PostgresServer) -> Iterator[PostgresServer]:
    """Start a synchronous replica of a running server; end it after the block."""
    with _prepared(primary.password) as replica:
        _run_as_postgres(
            (
                *(str(replica.programs / "pg_basebackup"), "-D", str(replica.folder / "data")),
                *("--write-recovery-conf", "--checkpoint=fast", "--no-sync"),
                *("--dbname", primary.url),
            ),
            PGPASSWORD=primary.password,
        )
        replica.start()
        _set_synchronous(primary, "*")
        try:
            yield replica
        finally:
            with suppress(psycopg.OperationalError):
                _set_synchronous(primary, "")


def _set_synchronous(server: PostgresServer, names: str) -> None:
    place = FleetPlace(url=server.url, passfile=str(server.passfile))
    with connected(place) as connection:
        connection.execute(f"alter system set synchronous_standby_names = '{names}'")
        connection.execute("select pg_reload_conf()")


@contextmanager
def _prepared(password: str) -> Iterator[PostgresServer]:
    """Yield a server without data; it is ended and its folder removed after the block."""
    named = os.environ.get(_VARIABLE)
    folder = Path(tempfile.mkdtemp(prefix="millracer-pg."))
    with ExitStack() as held:
        held.callback(shutil.rmtree, folder, ignore_errors=True)
        passfile = folder / "pass"
        passfile.touch(mode=0o600)
        passfile.write_text(f"127.0.0.1:*:*:*:{password}\n")
        if os.geteuid() == 0:
            folder.chmod(0o711)
        (folder / "data").mkdir(mode=0o700)
        (folder / "log").touch()
        _give_to_postgres(folder / "data", folder / "log")
        server = PostgresServer(
            folder=folder,
            programs=Path(named) if named else find_programs(None),
            port=_free_port(),
            passfile=passfile,
            password=password,
        )
        held.callback(_end, server)
        yield server


def _give_to_postgres(*paths: Path) -> None:
    if os.geteuid() == 0:
        user = pwd.getpwnam("postgres")
        for path in paths:
            os.chown(path, user.pw_uid, user.pw_gid)


@contextmanager
def connected(place: FleetPlace) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    """Yield a connection of the test's own, which commits each statement."""
    with psycopg.connect(tuned_url(place), autocommit=True) as connection:
        yield connection


def new_fleet_database(server: PostgresServer, name: str) -> FleetPlace:
    """Make a database with the schema of the fleet."""
    admin = FleetPlace(url=server.url, passfile=str(server.passfile))
    with connected(admin) as connection:
        connection.execute(statements.SQL("create database {}").format(statements.Identifier(name)))
    place = FleetPlace(url=server.url_of(name), passfile=str(server.passfile))
    prepare_database(place)
    return place


def login_role(place: FleetPlace, server: PostgresServer, name: str, kind: FleetRole) -> FleetPlace:
    """Make a login role with the password of the server's owner; return its place."""
    group = WORKER_GROUP if kind is FleetRole.HOST else SUBMIT_GROUP
    with connected(place) as connection, suppress(psycopg.errors.DuplicateObject):
        connection.execute(
            statements.SQL("create role {} login password {} in role {}").format(
                statements.Identifier(name),
                statements.Literal(server.password),
                statements.Identifier(group),
            )
        )
    return FleetPlace(url=with_user(place.url, name), passfile=place.passfile)


def _run_as_postgres(argv: tuple[str, ...], **environment: str) -> None:
    drop = ("setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", "--")
    _run((*drop, *argv) if os.geteuid() == 0 else argv, **environment)


def _run(argv: tuple[str, ...], **environment: str) -> None:
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith("MILLRACER_")
    }
    ran = subprocess.run(
        argv,
        cwd="/",
        env={**inherited, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        timeout=2 * _SECONDS,
        check=False,
    )
    if ran.returncode:
        pytest.fail(f"{argv[0]} failed: {ran.stderr.decode(errors='replace')}")


def _end(server: PostgresServer) -> None:
    with suppress(BaseException):
        server.freeze(frozen=False)
    with suppress(BaseException):
        server.stop("immediate")


def _children(pid: int) -> list[int]:
    listed = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(each) for each in listed.split()]


def _free_port() -> int:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        return int(bound.getsockname()[1])
