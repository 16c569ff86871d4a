"""One kept connection to the fleet's database: time limits, repetition, errors.

Every call of the stores is one statement and safe to repeat, so a call whose connection broke is
repeated once on a new one: the server may have been restarted since the last call.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Final, TypeVar

import psycopg
from psycopg import errors as sql
from psycopg.rows import DictRow, dict_row

from millracer.domain.fleet.setup import FleetPlace
from millracer.errors import FleetDenied, FleetError, FleetOutdated, FleetUnreachable
from millracer.fleet.urls import connection_parameters, shown_url

#: How long one call may take before its connection is given up, in seconds. Longer than the time
#: after which the kernel gives up a connection on which nothing arrives.
CALL_SECONDS: Final = 20.0
#: How often a call is repeated that the database aborted in favour of another.
_CONFLICTS: Final = 5

_Result = TypeVar("_Result")

_CONFLICT = (sql.DeadlockDetected, sql.SerializationFailure)
_MISSING = (sql.UndefinedTable, sql.UndefinedFunction, sql.InvalidSchemaName, sql.UndefinedColumn)
#: A server that cannot write now: a replica after a fail-over, a full disk.
_CANNOT_WRITE = (sql.ReadOnlySqlTransaction, sql.InsufficientResources, sql.DiskFull)


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
        self._connection: psycopg.Connection[DictRow] | None = None
        self._breaker: socket.socket | None = None

    def run(
        self,
        work: Callable[[psycopg.Connection[DictRow]], _Result],
        *,
        seconds: float | None = None,
    ) -> _Result:
        """Do some work in one transaction and commit it.

        Args:
            work: safe to repeat.
            seconds: how long it may take; None: the limit of this connection.

        Raises:
            FleetUnreachable: the database does not answer, or cannot write.
            FleetDenied: the role lacks a right.
            FleetOutdated: the schema lacks something.
        """
        with self._lock:
            was_kept = self._connection is not None
            try:
                return self._run(work, seconds or self._call_seconds)
            except FleetUnreachable:
                if not was_kept:
                    raise
                return self._run(work, seconds or self._call_seconds)

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

    def _run(
        self, work: Callable[[psycopg.Connection[DictRow]], _Result], seconds: float
    ) -> _Result:
        conflicts = 0
        while True:
            try:
                connection = self._open()
                with self._limited(seconds), connection.transaction():
                    return work(connection)
            except _CONFLICT as error:
                conflicts += 1
                if conflicts > _CONFLICTS:
                    raise self._explain(error) from error
            except psycopg.Error as error:
                explained = self._explain(error)
                if isinstance(explained, FleetUnreachable):
                    self.close()
                raise explained from error

    def _open(self) -> psycopg.Connection[DictRow]:
        if self._connection is None or self._connection.closed:
            self.close()
            # PgBouncer in transaction mode keeps no prepared statements.
            self._connection = psycopg.connect(
                **connection_parameters(self._place),
                autocommit=True,
                prepare_threshold=None,
                row_factory=dict_row,
            )
            self._breaker = socket.socket(fileno=os.dup(self._connection.fileno()))
        return self._connection

    def _limited(self, seconds: float) -> _Limit:
        return _Limit(self._breaker, seconds)

    def _explain(self, error: psycopg.Error) -> FleetError:
        where = shown_url(self._place.url)
        what = _first_line(error)
        if isinstance(error, sql.InsufficientPrivilege):
            return FleetDenied(
                f"the database {where} refused: {what}",
                suggested_action="use a role that may do it: an owner's fleet.toml, or that of the "
                "host itself",
            )
        if isinstance(error, _MISSING):
            return FleetOutdated(
                f"the schema of the fleet's database {where} does not fit: {what}",
                suggested_action="run `millracer fleet up` as the owner of the database",
            )
        if isinstance(error, (psycopg.OperationalError, psycopg.InterfaceError, *_CANNOT_WRITE)):
            return FleetUnreachable(
                f"the fleet's database {where} cannot be reached: {what}",
                suggested_action="start it or wait for it, then repeat the command, which is safe; "
                "`millracer fleet doctor` checks it",
            )
        return FleetError(
            f"the fleet's database {where} failed: {what}",
            suggested_action="check it with `millracer fleet doctor`; if that finds nothing, "
            "report it",
        )


class _Limit:
    """Break the connection if the block takes too long: a stalled server would hold it forever."""

    def __init__(self, breaker: socket.socket | None, seconds: float) -> None:
        self._timer = threading.Timer(seconds, self._break)
        self._timer.daemon = True
        self._breaker = breaker

    def __enter__(self) -> None:
        self._timer.start()

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()

    def _break(self) -> None:
        if self._breaker is not None:
            with suppress(OSError):
                self._breaker.shutdown(socket.SHUT_RDWR)


def _first_line(error: psycopg.Error) -> str:
    message = error.diag.message_primary or str(error)
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__
