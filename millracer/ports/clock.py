"""The port of the clocks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:  # an implementation loads what its port deals in, and nothing else
    from datetime import datetime


class Clock(Protocol):
    """Where the application takes time from."""

    def now(self) -> datetime:
        """Return the wall clock's time, aware, in UTC."""
        ...

    def monotonic(self) -> float:
        """Return seconds that never go back."""
        ...
