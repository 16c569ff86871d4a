"""The engine that dispatches the items of a host to its worker.

It decides which item is next and when. What it records is never evidence: an item is done when the
store has accepted its result.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

#: Performs one dispatch of an item (item id, workspace id) and returns one word for the engine's
#: records. Called in a thread of the engine; several may run at once.
Perform: TypeAlias = Callable[[str, str], str]

#: Performs one tick of a schedule: the time of the tick, and the schedule's context.
Tick: TypeAlias = Callable[[str, Mapping[str, Any]], None]


class DispatchKept(Exception):
    """Raised by `Perform`: the dispatch stays open, and the host's next session continues it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimit:
    """At most `items` start in `seconds`."""

    items: int
    seconds: float


class FleetEngine(Protocol):
    """The engine of one host, used by one worker."""

    @property
    def name(self) -> str:
        """The engine and its version, such as `dbos 3.4.0`."""
        ...

    def launch(self, perform: Perform, tick: Tick, *, slots: int) -> None:
        """Start to dispatch; dispatches that the host's last session left open start first.

        Raises:
            FleetUnreachable: the database cannot be reached; the call may be repeated.
        """
        ...

    def set_slots(self, slots: int) -> None:
        """Change how many items run at once; with 0 none starts.

        Raises:
            FleetUnreachable: the database cannot be reached; the call may be repeated.
        """
        ...

    def stop(self) -> None:
        """Start no further dispatch; those that run are not ended. Repeatable, never raises."""
        ...

    def close(self, seconds: float) -> bool:
        """Release all resources, at the latest after `seconds`.

        Returns:
            Whether no thread of the engine is left; otherwise the process must exit at once.
        """
        ...
