"""Build the fleet's stores, and set up its database."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from millracer.errors import FleetNotInstalled

if TYPE_CHECKING:
    from millracer.domain.fleet.setup import (
        FleetCheck,
        FleetGrant,
        FleetPlace,
        FleetRole,
        FleetUp,
    )
    from millracer.fleet.store import PostgresFleet

_LIBRARIES = ("dbos", "psycopg")


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetPlan:
    """What `fleet up` is to do.

    Attributes:
        named: the fleet's name or file; None: the default file.
        local: start a private server on this machine.
        url: use this database.
        port: the port of the private server; None: as before, or a free one.
        passfile: the file with the password for `url`.
        after_restore: the database was restored from a backup.
    """

    named: str | None = None
    local: bool = False
    url: str | None = None
    port: int | None = None
    passfile: str | None = None
    after_restore: bool = False


def require_fleet() -> None:
    """Check that the libraries of the extra `fleet` are installed; imports none of them.

    Raises:
        FleetNotInstalled: one is missing.
    """
    missing = [name for name in _LIBRARIES if find_spec(name) is None]
    if missing:
        raise FleetNotInstalled(
            f"the fleet needs libraries that are not installed: {', '.join(missing)}",
            suggested_action="pip install 'millracer[fleet]'",
        )


def find_fleet(named: str | None) -> FleetPlace:
    """Return where the fleet's database is, and how to log in there.

    Args:
        named: the value of `--fleet` or `MILLRACER_FLEET`; None: the default file.

    Raises:
        FleetNotConfigured: the file does not exist, or is invalid.
    """
    from millracer.fleet.place import read_place  # noqa: PLC0415 - only the fleet needs it

    return read_place(named, os.environ)


def open_fleet(named: str | None) -> PostgresFleet:
    """Return the fleet's store, for clients and for workers; the first call connects.

    Close it at the end.

    Args:
        named: the value of `--fleet` or `MILLRACER_FLEET`; None: the default file.

    Raises:
        FleetNotInstalled: a library is missing.
        FleetNotConfigured: no file says where the database is.
    """
    require_fleet()
    from millracer.fleet.store import PostgresFleet  # noqa: PLC0415 - as above

    return PostgresFleet(find_fleet(named))


def set_up_fleet(plan: FleetPlan, say: Callable[[str], None]) -> FleetUp:
    """Make or update the fleet's database; see `fleet up`."""
    from millracer.fleet.provision import set_up  # noqa: PLC0415 - as above

    return set_up(
        named=plan.named,
        local=plan.local,
        url=plan.url,
        port=plan.port,
        passfile=plan.passfile,
        after_restore=plan.after_restore,
        environment=os.environ,
        say=say,
    )


def stop_fleet(
    named: str | None, *, waits: bool, say: Callable[[str], None]
) -> tuple[FleetPlace, bool]:
    """Stop the private server; return its place and whether it ran."""
    from millracer.fleet.provision import stop  # noqa: PLC0415 - as above

    place = find_fleet(named)
    return place, stop(place, waits=waits, say=say)


def grant_access(
    named: str | None, kind: FleetRole, name: str, file: Path, url: str | None
) -> tuple[FleetPlace, FleetGrant]:
    """Make a login role and its join file; see `fleet grant`."""
    from millracer.fleet.access import grant  # noqa: PLC0415 - as above

    place = find_fleet(named)
    return place, grant(place, kind, name, file, url)


def revoke_access(named: str | None, kind: FleetRole, name: str) -> tuple[FleetPlace, FleetGrant]:
    """Remove a login role; see `fleet grant --revoke`."""
    from millracer.fleet.access import revoke  # noqa: PLC0415 - as above

    place = find_fleet(named)
    return place, revoke(place, kind, name)


def join_fleet(named: str | None, file: Path) -> tuple[FleetPlace, str]:
    """Store the address and password of a join file; return the place and the role."""
    from millracer.fleet.access import join  # noqa: PLC0415 - as above

    return join(named, file, os.environ)


def check_fleet(named: str | None) -> tuple[FleetPlace, Sequence[FleetCheck]]:
    """Make the checks of `fleet doctor`."""
    from millracer.fleet.checks import check  # noqa: PLC0415 - as above

    place = find_fleet(named)
    return place, check(place)
