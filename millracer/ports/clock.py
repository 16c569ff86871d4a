"""The port of the clocks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:  # an implementation loads what its port deals in, and nothing else
    from datetime import datetime


class Clock(Protocol):
    """The application's source of time."""

    def now(self) -> datetime:
        """Return the wall clock's time as an aware `datetime` in UTC."""
        ...

    def monotonic(self) -> float:
        """Return seconds of a monotonic clock."""
        ...
