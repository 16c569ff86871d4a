"""Open the fleet's store for operations."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from typing import TYPE_CHECKING

from millracer.domain.programs import variable_of
from millracer.errors import FleetError

if TYPE_CHECKING:
    from millracer.ports.fleet_store import FleetStore

_VARIABLE = variable_of("--fleet")


def fleet_opener(named: str | None) -> Callable[[], AbstractContextManager[FleetStore]]:
    """Return a function that opens the store of a fleet; nothing is imported before its call.

    Args:
        named: the value of `--fleet`; None: that of `MILLRACER_FLEET`, else the default file.
    """

    @contextmanager
    def opened() -> Iterator[FleetStore]:
        from millracer.wiring.fleet import open_fleet  # noqa: PLC0415 - only the fleet needs it

        with closing(open_fleet(_named(named))) as store:
            yield store

    return opened


def has_fleet(named: str | None) -> bool:
    """Return whether a fleet is configured; its database need not answer.

    Args:
        named: as for `fleet_opener`.

    Raises:
        FleetError: option or variable names a fleet that is not configured.
    """
    from millracer.wiring.fleet import find_fleet  # noqa: PLC0415 - as above

    name = _named(named)
    try:
        find_fleet(name)
    except FleetError:
        if name is not None:
            raise
        return False
    return True


def _named(named: str | None) -> str | None:
    return named or os.environ.get(_VARIABLE) or None
