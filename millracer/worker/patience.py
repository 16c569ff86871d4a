"""Calls of the fleet's database that are repeated until it answers."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Final, ParamSpec, TypeVar

from millracer.errors import FleetDenied, FleetError, FleetOutdated, FleetUnreachable
from millracer.ports.fleet_engine import DispatchKept

_log = logging.getLogger(__name__)
_FIRST_SECONDS = 0.2
_MOST_SECONDS = 5.0
_QUIET_SECONDS = 60.0

#: What others can correct while a worker runs: a server's outage, a refused login, a schema.
PASSING: Final = (FleetUnreachable, FleetDenied, FleetOutdated)

_Arguments = ParamSpec("_Arguments")
_Answer = TypeVar("_Answer")


class Outage:
    """Reports that the database is away, at most once a minute, and then that it is back.

    With a full disk some calls succeed and others fail, so not every change is worth a line.
    Thread-safe.

    Args:
        say: prints one line for a person.
    """

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._lock = threading.Lock()
        self._since: float | None = None
        self._said_at: float | None = None
        self._is_said = False

    def failed(self, error: FleetError) -> None:
        """Report a call that failed."""
        _log.info("%s", error.message)
        now = time.monotonic()
        with self._lock:
            self._since = now if self._since is None else self._since
            if self._said_at is not None and now - self._said_at < _QUIET_SECONDS:
                return
            self._said_at, self._is_said = now, True
        self._say(f"{error.message}; what runs continues, and its results are kept")

    def ended(self) -> None:
        """Report that a call succeeded."""
        with self._lock:
            since, self._since = self._since, None
            is_said, self._is_said = self._is_said, False
        if since is not None and is_said:
            self._say(f"the database answers again, after {time.monotonic() - since:.0f} s")


class Patience:
    """Repeats calls until the database answers, or the worker has to end.

    Args:
        outage: reports that the database is away.
        repeats: the errors after which a call is repeated.
    """

    def __init__(
        self, outage: Outage, repeats: tuple[type[FleetError], ...] = (FleetUnreachable,)
    ) -> None:
        self._outage = outage
        self._repeats = repeats
        self._ended = threading.Event()

    def end(self) -> None:
        """End every wait of this and later calls; a call itself is still made once."""
        self._ended.set()

    def call(
        self,
        function: Callable[_Arguments, _Answer],
        *arguments: _Arguments.args,
        **keywords: _Arguments.kwargs,
    ) -> _Answer:
        """Call a method of the store until the database answers.

        Raises:
            DispatchKept: the worker ends before that.
        """
        seconds = _FIRST_SECONDS
        while True:
            try:
                answer = function(*arguments, **keywords)
            except self._repeats as error:
                self._outage.failed(error)
            else:
                self._outage.ended()
                return answer
            if self._ended.wait(seconds):
                raise DispatchKept
            seconds = min(2 * seconds, _MOST_SECONDS)
