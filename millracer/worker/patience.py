"""Calls of the fleet's database that are repeated until it answers."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from millracer.errors import FleetUnreachable
from millracer.ports.fleet_engine import DispatchKept

_log = logging.getLogger(__name__)
_FIRST_SECONDS = 0.2
_MOST_SECONDS = 5.0

_Arguments = ParamSpec("_Arguments")
_Answer = TypeVar("_Answer")


class Patience:
    """Repeats calls until the database answers, or the worker has to end."""

    def __init__(self) -> None:
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
                return function(*arguments, **keywords)
            except FleetUnreachable as error:
                name = getattr(function, "__name__", "a call")
                _log.warning("%s waits for the database: %s", name, error.message)
            if self._ended.wait(seconds):
                raise DispatchKept
            seconds = min(2 * seconds, _MOST_SECONDS)
