"""One kept connection to the fleet's database: time limits, repetition, errors.

Every call of the stores is one statement and safe to repeat, so a call whose connection broke is
repeated once on a new one: the server may have been restarted since the last call.
"""

from __future__ import annotations

import json
import os
import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Final, TypeAlias, TypeVar

import psycopg
from psycopg import errors as sql
from psycopg.rows import DictRow, dict_row
from psycopg.types.json import set_json_loads

from millracer.domain.fleet.setup import FleetPlace
from millracer.errors import FleetDenied, FleetError, FleetOutdated, FleetUnreachable
from millracer.fleet.urls import shown_url, tuned_url

#: How long one call may take before its connection is given up, in seconds. Longer than the time
#: after which the kernel gives up a connection on which nothing arrives.
CALL_SECONDS: Final = 20.0
#: How often a call is repeated that the database aborted in favour of another.
_CONFLICTS: Final = 5

Connection: TypeAlias = psycopg.Connection[DictRow]
_Result = TypeVar("_Result")

_CONFLICT = (sql.DeadlockDetected, sql.SerializationFailure)
_MISSING = (sql.UndefinedTable, sql.UndefinedFunction, sql.InvalidSchemaName, sql.UndefinedColumn)
#: A server that cannot be used now: gone, a replica after a fail-over, a full disk.
_UNREACHABLE = (
    psycopg.OperationalError,
    psycopg.InterfaceError,
    sql.ReadOnlySqlTransaction,
)
#: The server's words for a login that it refuses; a failed connection has no code.
_REFUSED = (
    "password authentication failed",
    "no password supplied",
    "no pg_hba.conf entry",
    "is not permitted to log in",
)
_NO_DATABASE = re.compile(r'database "[^"]*" does not exist')


def open_connection(place: FleetPlace) -> Connection:
    """Connect; each statement is committed, unless it is in a `transaction` block.

    Raises:
        psycopg.Error: that failed.
    """
    connection = psycopg.connect(
        tuned_url(place),
        application_name="millracer",
        autocommit=True,
        prepare_threshold=None,  # PgBouncer in transaction mode keeps no prepared statements
        row_factory=dict_row,
    )
    set_json_loads(_read_json, connection)
    return connection


@contextmanager
def connected(place: FleetPlace) -> Iterator[Connection]:
    """Yield a connection for the block; the database's errors become the fleet's.

    Raises:
        FleetUnreachable: the database does not answer, or cannot write.
        FleetDenied: the role lacks a right.
        FleetOutdated: the schema lacks something.
    """
    try:
        with open_connection(place) as connection:
            yield connection
    except psycopg.Error as error:
        raise explain(error, place) from error


class FleetConnection:
    """A connection that is made by the first call and kept; for any thread, one call at a time.

    Args:
        place: where the database is.
        call_seconds: how long one call may take.
    """

    def __init__(self, place: FleetPlace, *, call_seconds: float = CALL_SECONDS) -> None:
        self._place = place
        self._call_seconds = call_seconds
        self._lock = threading.RLock()
        self._connection: Connection | None = None
        self._breaker: socket.socket | None = None

    def run(
        self, work: Callable[[Connection], _Result], *, seconds: float | None = None
    ) -> _Result:
        """Execute one statement or transaction, which is committed.

        Args:
            work: safe to repeat.
            seconds: how long it may take; None: the limit of this connection.

        Raises:
            FleetUnreachable: the database does not answer, or cannot write.
            FleetDenied: the role lacks a right.
            FleetOutdated: the schema lacks something.
        """
        limit = seconds or self._call_seconds
        with self._lock:
            was_kept = self._connection is not None
            try:
                return self._run(work, limit)
            except FleetUnreachable:
                if not was_kept:
                    raise
                return self._run(work, limit)

    def close(self) -> None:
        """Close the connection; repeatable, and a later call opens it again."""
        with self._lock:
            connection, self._connection = self._connection, None
            breaker, self._breaker = self._breaker, None
            if breaker is not None:
                breaker.close()
            if connection is not None:
                with suppress(psycopg.Error):
                    connection.close()

    def _run(self, work: Callable[[Connection], _Result], seconds: float) -> _Result:
        conflicts = 0
        while True:
            try:
                connection = self._open()
                with self._limited(seconds):
                    return work(connection)
            except _CONFLICT as error:
                conflicts += 1
                if conflicts > _CONFLICTS:
                    raise explain(error, self._place) from error
            except psycopg.Error as error:
                explained = explain(error, self._place)
                if isinstance(explained, FleetUnreachable):
                    self.close()
                raise explained from error

    def _open(self) -> Connection:
        if self._connection is None or self._connection.closed:
            self.close()
            self._connection = open_connection(self._place)
            self._breaker = socket.socket(fileno=os.dup(self._connection.fileno()))
        return self._connection

    @contextmanager
    def _limited(self, seconds: float) -> Iterator[None]:
        """Break the connection if the block takes too long: a stalled server never ends it."""
        timer = threading.Timer(seconds, _break, (self._breaker,))
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()


def explain(error: psycopg.Error, place: FleetPlace) -> FleetError:
    """Translate an error of the database into one with a message and a next step."""
    where, what = shown_url(place.url), _first_line(error)
    if isinstance(error, sql.InsufficientPrivilege):
        return FleetDenied(
            f"the database {where} refused: {what}",
            suggested_action="use a role that may do it: the owner's fleet.toml, or that of the "
            "host itself",
        )
    if isinstance(error, psycopg.OperationalError) and any(word in str(error) for word in _REFUSED):
        return FleetDenied(
            f"the database {where} refused the login: {what}",
            suggested_action="make a new join file with `millracer fleet grant`, and use it with "
            "`millracer fleet join`; or correct the password file",
        )
    if isinstance(error, _MISSING) or is_missing_database(error):
        return FleetOutdated(
            f"the schema of the fleet's database {where} does not fit: {what}",
            suggested_action="run `millracer fleet up` as the owner of the database",
        )
    if isinstance(error, _UNREACHABLE):
        return FleetUnreachable(
            f"the fleet's database {where} cannot be reached: {what}",
            suggested_action="start it or wait for it, then repeat the command, which is safe; "
            "`millracer fleet doctor` checks it",
        )
    return FleetError(
        f"the fleet's database {where} failed: {what}",
        suggested_action="check it with `millracer fleet doctor`; if that finds nothing, report it",
    )


def is_missing_database(error: psycopg.Error) -> bool:
    """Return whether a server answered that it has no such database."""
    return isinstance(error, psycopg.OperationalError) and bool(
        _NO_DATABASE.search(_first_line(error))
    )


def _read_json(text: str | bytes) -> object:
    """Return a JSON value; one that is nested too deeply for Python is an empty object.

    A caller of the functions can store it, and its item must still be listed, run and ended.
    """
    try:
        return json.loads(text)
    except RecursionError:
        return {}


def _break(breaker: socket.socket | None) -> None:
    if breaker is not None:
        with suppress(OSError):
            breaker.shutdown(socket.SHUT_RDWR)


def _first_line(error: psycopg.Error) -> str:
    message = error.diag.message_primary or str(error)
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__
