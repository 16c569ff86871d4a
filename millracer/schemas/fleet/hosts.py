"""The JSON of `millracer fleet hosts --json`: `millracer.fleet.hosts.v1`."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Literal

from pydantic import Field

from millracer.domain.fleet.hosts import FleetHost
from millracer.errors import MillracerError
from millracer.schemas.base import Published
from millracer.schemas.fleet.report import FleetReport, error_of


class FleetHostDocument(Published):
    """One host of the fleet; times are the database's.

    Attributes:
        host: its name.
        role: its database role.
        version: Millracer's version there.
        slots: how many items it runs at once.
        draining: it starts nothing new.
        note: why it drains.
        running: the items that it runs.
        queued: how many items wait for its workspaces.
        started_at: when its worker started; null before the first start.
        seen_at: its last heartbeat; null if there was none.
        away: whether its last heartbeat is too old.
    """

    host: str
    role: str
    version: str
    slots: int
    draining: bool
    note: str
    running: list[str]
    queued: int
    started_at: datetime | None
    seen_at: datetime | None
    away: bool


class FleetHostsResult(FleetReport):
    """The hosts of the fleet, by name.

    Attributes:
        hosts: the hosts.
    """

    schema_version: Literal["millracer.fleet.hosts.v1"] = "millracer.fleet.hosts.v1"
    hosts: list[FleetHostDocument] = Field(default_factory=list)


def describe_hosts(hosts: Iterable[FleetHost]) -> list[FleetHostDocument]:
    """Return the published form of hosts."""
    return [FleetHostDocument.of(each, running=list(each.running)) for each in hosts]


def describe_failure(error: MillracerError, _operation: str | None = None) -> FleetHostsResult:
    """Return the document of a list that could not be read."""
    return FleetHostsResult(errors=[error_of(error)])
