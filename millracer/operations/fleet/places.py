"""List the hosts and the workspaces of a fleet."""

from __future__ import annotations

from millracer.domain.operations.fleet_requests import FleetHostsRequest, FleetWorkspacesRequest
from millracer.errors import ExitCode
from millracer.operations.answer import Answer
from millracer.operations.context import OperationContext
from millracer.schemas.fleet.hosts import FleetHostsResult, describe_hosts
from millracer.schemas.fleet.workspaces import FleetWorkspacesResult, describe_workspaces


def answer_hosts(
    _request: FleetHostsRequest, context: OperationContext
) -> Answer[FleetHostsResult]:
    """List the hosts, by name.

    Raises:
        MillracerError: the fleet cannot be reached.
    """
    with context.open_fleet() as store:
        hosts = store.list_hosts()
    return Answer(
        result=FleetHostsResult(hosts=describe_hosts(hosts)), exit_code=ExitCode.COMPLETED
    )


def answer_workspaces(
    _request: FleetWorkspacesRequest, context: OperationContext
) -> Answer[FleetWorkspacesResult]:
    """List the workspaces, by id.

    Raises:
        MillracerError: the fleet cannot be reached.
    """
    with context.open_fleet() as store:
        found = store.list_workspaces()
    return Answer(
        result=FleetWorkspacesResult(workspaces=describe_workspaces(found)),
        exit_code=ExitCode.COMPLETED,
    )
