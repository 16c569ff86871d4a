"""How a fleet is set up: the place of its database, access for others, and the checks of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from millracer.domain.doctor_report import CheckLevel, Finding

#: Host names of the machine itself; no host: a socket.
LOOPBACK: Final = frozenset({None, "", "localhost", "127.0.0.1", "::1"})


class FleetRole(StrEnum):
    """What a database role may do; both are groups of login roles."""

    HOST = "host"
    SUBMITTER = "submitter"


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetPlace:
    """Where the fleet's database is, and how to log in there.

    Attributes:
        url: a PostgreSQL URL without a password.
        passfile: the file with the password, in the format of `.pgpass`; None: libpq's default.
        host: the name of this host in the fleet; None for a submitter or an owner.
        data_folder: the folder of the private server that `fleet up --local` started.
        source: the file that says so.
    """

    url: str
    passfile: str | None = None
    host: str | None = None
    data_folder: str | None = None
    source: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetUp:
    """What `fleet up` did.

    Attributes:
        place: the place of the database.
        started: whether the private server was started now.
        created: whether the database had no schema before.
        schema_version: the version of the schema now.
        engine_version: the version of the engine's schema now.
        steps: what was changed, in order; empty if nothing was.
    """

    place: FleetPlace
    started: bool
    created: bool
    schema_version: int
    engine_version: int
    steps: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetGrant:
    """A new login role and the file with which its machine joins the fleet.

    Attributes:
        role: the name of the database role.
        kind: what it may do.
        join_file: the file for `fleet join`, which holds the password; None if it was revoked.
        url: the address of the database in that file.
    """

    role: str
    kind: FleetRole
    join_file: str | None
    url: str | None = None


class FleetCheckName(StrEnum):
    """The checks of `fleet doctor`, in order."""

    REACHABLE = "reachable"
    SCHEMA = "schema"
    ENGINE = "engine"
    ROLE = "role"
    PASSWORD_FILE = "password_file"  # noqa: S105 - a name
    TLS = "tls"
    CLOCK = "clock"
    CONNECTIONS = "connections"
    HOSTS = "hosts"
    STUCK_ITEMS = "stuck_items"


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetCheck:
    """A check of the fleet and its finding."""

    name: FleetCheckName
    finding: Finding


def is_usable(checks: Sequence[FleetCheck]) -> bool:
    """Return whether no check failed; a warning is not a failure."""
    return all(check.finding.level is not CheckLevel.FAIL for check in checks)
