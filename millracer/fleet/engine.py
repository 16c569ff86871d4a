"""The engine of the fleet: DBOS Transact on PostgreSQL. The only module that imports it.

The dispatch is one plain function without recorded steps: a recorded step would be replayed after a
crash with the epoch of the lost lease.
"""

from __future__ import annotations

import logging
import threading
import time
from contextlib import suppress
from datetime import datetime
from importlib.metadata import version
from typing import Any, Final, NoReturn

import dbos._serialization as serialization
from dbos import DBOS
from dbos._error import DBOSInitializationError
from sqlalchemy.exc import DBAPIError, OperationalError

from millracer.errors import FleetOutdated, FleetUnreachable
from millracer.fleet.schedules import APPLICATION, TICK
from millracer.ports.fleet_engine import DispatchKept, Perform, RateLimit, Tick

_log = logging.getLogger(__name__)

#: Constant, because the default is a hash of the code, and an upgrade would strand items.
APPLICATION_VERSION: Final = "fleet"
WORKFLOW: Final = "millracer.item"
#: How often a dispatch may start before the engine sets it aside; each start of the host counts.
MOST_RECOVERIES: Final = 10
_CONNECTIONS = 2
_SCHEDULER_SECONDS = 2.0
_QUIET_SECONDS = 60.0
_FOR_EVER_SECONDS = 10**9


class _Refusing(serialization.DefaultSerializer):
    """Refuses pickles: a row names its decoder, so its author could run code here."""

    def deserialize(self, serialized_data: str) -> NoReturn:  # noqa: ARG002 - the engine's interface
        """Refuse."""
        raise TypeError("pickles are refused")


class DbosEngine:
    """Implements `ports.fleet_engine.FleetEngine`; a process has at most one.

    Args:
        url: of the database, with its time-outs.
        host: the host's name in the fleet.
        poll_seconds: how often the queue is polled.
        limit: how many items may start in which time; None: any number.
    """

    def __init__(
        self,
        url: str,
        host: str,
        *,
        poll_seconds: float = 0.2,
        limit: RateLimit | None = None,
    ) -> None:
        self._url = url
        self._queue = f"host:{host}"
        self._host = host
        self._poll_seconds = poll_seconds
        self._limit = limit
        self._closing: threading.Thread | None = None
        self._kept = 0
        self._lock = threading.Lock()

    @property
    def name(self) -> str:
        """The engine and its version."""
        return f"dbos {version('dbos')}"

    def launch(self, perform: Perform, tick: Tick, *, slots: int) -> None:
        """Start to dispatch; dispatches that the host's last session left open start first.

        Raises:
            FleetUnreachable: the database cannot be reached; the call may be repeated.
            FleetOutdated: the schema of the engine is older than the engine needs.
        """
        serialization.DBOSDefaultSerializer = _Refusing()
        _quiet_logs()
        DBOS(
            config={
                "name": APPLICATION,
                "system_database_url": self._url,
                "executor_id": self._host,
                "application_version": APPLICATION_VERSION,
                "run_migrations": False,
                "sys_db_pool_size": _CONNECTIONS,
                "serializer": serialization.DBOSPortableJSON,
                "log_level": "WARNING",
                "db_engine_kwargs": {
                    "pool_pre_ping": True,
                    "connect_args": {"prepare_threshold": None},  # for PgBouncer
                },
                "use_listen_notify": False,
                "scheduler_polling_interval_sec": _SCHEDULER_SECONDS,
            }
        )

        @DBOS.workflow(name=WORKFLOW, max_recovery_attempts=MOST_RECOVERIES)
        def run_item(item: str, workspace: str) -> str:
            return self._perform(perform, item, workspace)

        @DBOS.workflow(name=TICK)
        def run_tick(at: datetime | str, context: dict[str, Any]) -> None:
            self._tick(tick, at if isinstance(at, str) else at.isoformat(), context)

        DBOS.listen_queues([self._queue])
        try:
            DBOS.launch()
            self.set_slots(slots)
        except (DBAPIError, FleetUnreachable) as error:
            with suppress(Exception):
                DBOS.destroy(destroy_registry=True)
            raise _unreachable(error) from error
        except DBOSInitializationError as error:
            raise FleetOutdated(
                f"the schema of the engine does not fit {self.name}",
                suggested_action="run `millracer fleet up` as the owner, then start the worker",
            ) from error

    def set_slots(self, slots: int) -> None:
        """Change how many items run at once; with 0 none starts.

        Raises:
            FleetUnreachable: the database cannot be reached; the call may be repeated.
        """
        options: dict[str, Any] = {}
        if self._limit is not None:
            options["limiter"] = {"limit": self._limit.items, "period": self._limit.seconds}
        try:
            DBOS.register_queue(
                self._queue,
                partition_concurrency=1,
                worker_concurrency=slots,
                polling_interval_sec=self._poll_seconds,
                on_conflict="always_update",
                **options,
            )
        except DBAPIError as error:
            raise _unreachable(error) from error

    def stop(self) -> None:
        """Start no further dispatch; those that run are not ended. Repeatable, never raises."""
        with self._lock:
            if self._closing is not None:
                return
            self._closing = threading.Thread(target=self._destroy, daemon=True)
            self._closing.start()

    def close(self, seconds: float) -> bool:
        """Release all resources, at the latest after `seconds`."""
        self.stop()
        if self._kept:  # they never end
            return False
        closing = self._closing
        if closing is not None:
            closing.join(seconds)
        return closing is not None and not closing.is_alive() and not self._kept

    def _destroy(self) -> None:
        """Stop the engine's queue at once, and the engine after the last dispatch."""
        try:
            DBOS.destroy(workflow_completion_timeout_sec=_FOR_EVER_SECONDS)
        except Exception:  # noqa: BLE001 - the worker ends anyway
            _log.exception("the engine did not end properly")

    def _perform(self, perform: Perform, item: str, workspace: str) -> str:
        if self._closing is None:
            with suppress(DispatchKept):
                return perform(item, workspace)
        return self._keep()

    def _tick(self, tick: Tick, at: str, context: dict[str, Any]) -> None:
        with suppress(DispatchKept):
            tick(at, context)
            return
        self._keep()

    def _keep(self) -> NoReturn:
        """Never return, so that the engine records no end of this dispatch."""
        with self._lock:
            self._kept += 1
        threading.Event().wait()
        raise AssertionError("unreachable")


def _unreachable(error: Exception) -> FleetUnreachable:
    text = str(getattr(error, "orig", None) or error).strip().splitlines()
    return FleetUnreachable(
        f"the fleet's database cannot be reached: {text[0] if text else type(error).__name__}",
        suggested_action="start it, or check the fleet with `millracer fleet doctor`",
    )


class _OneLine(logging.Handler):
    """Passes the engine's records on as one line, and lost connections once a minute."""

    def __init__(self) -> None:
        super().__init__()
        self._last = -_QUIET_SECONDS

    def emit(self, record: logging.LogRecord) -> None:
        """Pass one record on."""
        text = record.getMessage().strip().splitlines() or [""]
        error = record.exc_info[1] if record.exc_info else None
        if isinstance(error, OperationalError) or "OperationalError" in record.getMessage():
            now = time.monotonic()
            if now - self._last < _QUIET_SECONDS:
                return
            self._last = now
            _log.warning("the engine lost its connection to the database; it tries again")
            return
        _log.log(record.levelno, "engine: %s", text[0])


_HANDLER: Final = _OneLine()


def _quiet_logs() -> None:
    logger = logging.getLogger("dbos")
    for handler in tuple(logger.handlers):
        logger.removeHandler(handler)
    logger.addHandler(_HANDLER)
    logger.propagate = False
