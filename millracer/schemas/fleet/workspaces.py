"""The JSON of `millracer fleet workspaces --json`: `millracer.fleet.workspaces.v1`."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Literal

from pydantic import Field

from millracer.domain.fleet.hosts import FleetWorkspace
from millracer.errors import MillracerError
from millracer.schemas.base import Published
from millracer.schemas.fleet.report import FleetReport, error_of


class FleetWorkspaceDocument(Published):
    """One workspace of the fleet.

    Attributes:
        workspace_id: its id, unique in the fleet.
        host: the one host that works in it.
        root: its path there.
        identity: the UUID of its checkout.
        labels: the labels that a submission may name instead of the id.
        epoch: the number of its last lease.
        running: the item that runs in it; null if none does.
        queued: how many items wait for it.
        paused: no item starts in it.
        note: why it is paused.
        paused_until: when the pause ends; null for no end.
    """

    workspace_id: str
    host: str
    root: str
    identity: str
    labels: list[str]
    epoch: int
    running: str | None
    queued: int
    paused: bool
    note: str
    paused_until: datetime | None


class FleetWorkspacesResult(FleetReport):
    """The workspaces of the fleet, by id.

    Attributes:
        workspaces: the workspaces.
    """

    schema_version: Literal["millracer.fleet.workspaces.v1"] = "millracer.fleet.workspaces.v1"
    workspaces: list[FleetWorkspaceDocument] = Field(default_factory=list)


def describe_workspaces(workspaces: Iterable[FleetWorkspace]) -> list[FleetWorkspaceDocument]:
    """Return the published form of workspaces."""
    return [FleetWorkspaceDocument.of(each, labels=list(each.labels)) for each in workspaces]


def describe_failure(error: MillracerError, _operation: str | None = None) -> FleetWorkspacesResult:
    """Return the document of a list that could not be read."""
    return FleetWorkspacesResult(errors=[error_of(error)])
