"""How operations reach the fleet of their caller."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from millracer.errors import FleetNotConfigured

if TYPE_CHECKING:  # few operations use the fleet
    from millracer.domain.fleet.items import FleetItem
    from millracer.ports.fleet_store import FleetStore


@contextmanager
def _no_fleet() -> Iterator[FleetStore]:
    raise FleetNotConfigured(
        "this caller has no fleet",
        suggested_action="make one with `millracer fleet up --local`",
    )
    yield  # a generator


def _ignore(_item: FleetItem) -> None:
    """Report nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetAccess:
    """Opens the fleet's database for one operation.

    Attributes:
        open: yields the store; raises FleetNotConfigured, FleetNotInstalled or FleetUnreachable.
        on_change: called with an item that an operation waits for, first and after each change.
    """

    open: Callable[[], AbstractContextManager[FleetStore]] = _no_fleet
    on_change: Callable[[FleetItem], None] = _ignore


NO_FLEET = FleetAccess()
