"""`millracer fleet hosts` and `millracer fleet workspaces`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from millracer.cli.options.common import CommonOptions
from millracer.cli.options.fleet import on_fleet
from millracer.cli.options.json_output import with_output
from millracer.cli.perform import perform
from millracer.cli.terminal.stderr import say_errors, say_warnings
from millracer.domain.operations import OperationName
from millracer.domain.operations.fleet_requests import FleetHostsRequest, FleetWorkspacesRequest

if TYPE_CHECKING:
    from millracer.schemas.fleet.hosts import FleetHostDocument, FleetHostsResult
    from millracer.schemas.fleet.workspaces import FleetWorkspaceDocument, FleetWorkspacesResult


@on_fleet()
@with_output
def hosts(common: CommonOptions, *, as_json: bool = False) -> None:
    """List the hosts of the fleet.

    SLOTS is how many items a host runs at once, QUEUED how many wait for its workspaces.
    """
    request = FleetHostsRequest()
    perform(OperationName.FLEET_HOSTS, common, lambda _: request, _show_hosts, as_json=as_json)


@on_fleet()
@with_output
def workspaces(common: CommonOptions, *, as_json: bool = False) -> None:
    """List the workspaces of the fleet."""
    request = FleetWorkspacesRequest()
    perform(
        OperationName.FLEET_WORKSPACES,
        common,
        lambda _: request,
        _show_workspaces,
        as_json=as_json,
    )


def _show_hosts(result: FleetHostsResult) -> str | None:
    from millracer.cli.terminal.tables import table  # noqa: PLC0415 - `--help` does not need it

    say_warnings(result.warnings)
    say_errors(result.errors)
    if result.errors:
        return None
    if not result.hosts:
        return "no hosts; `millracer fleet worker` adds its own"
    now = datetime.now(UTC)
    header = ("HOST", "STATE", "SEEN", "SLOTS", "QUEUED", "VERSION", "RUNNING", "NOTE")
    rows = [_host_row(each, now) for each in result.hosts]
    return "\n".join(table(header, rows, shrinks=("NOTE", "RUNNING"), drops="NOTE"))


def _host_row(host: FleetHostDocument, now: datetime) -> tuple[str, ...]:
    from millracer.cli.terminal.ages import age  # noqa: PLC0415 - as above
    from millracer.cli.terminal.style import Role, paint  # noqa: PLC0415 - as above

    state = "drains" if host.draining else "here"
    if host.seen_at is None:
        state = "never seen"
    elif host.away:
        state = "away, drains" if host.draining else "away"
    return (
        host.host,
        state if state == "here" else paint(state, Role.WARNING),
        "-" if host.seen_at is None else age(host.seen_at, now),
        f"{len(host.running)}/{host.slots}",
        str(host.queued),
        host.version or "-",
        ", ".join(host.running) or "-",
        host.note,
    )


def _show_workspaces(result: FleetWorkspacesResult) -> str | None:
    from millracer.cli.terminal.tables import table  # noqa: PLC0415 - as above

    say_warnings(result.warnings)
    say_errors(result.errors)
    if result.errors:
        return None
    if not result.workspaces:
        return "no workspaces; `millracer fleet worker --workspace ID=PATH` adds one"
    header = ("WORKSPACE", "HOST", "STATE", "QUEUED", "LABELS", "PATH", "NOTE")
    rows = map(_workspace_row, result.workspaces)
    return "\n".join(table(header, rows, shrinks=("NOTE", "PATH", "LABELS"), drops="NOTE"))


def _workspace_row(workspace: FleetWorkspaceDocument) -> tuple[str, ...]:
    state = "free" if workspace.running is None else workspace.running
    if workspace.paused:
        until = workspace.paused_until
        end = "" if until is None else f" until {until:%Y-%m-%d %H:%M}Z"
        state = f"paused{end}" + ("" if workspace.running is None else f", {workspace.running}")
    return (
        workspace.workspace_id,
        workspace.host,
        state,
        str(workspace.queued),
        ", ".join(workspace.labels) or "-",
        workspace.root,
        workspace.note,
    )
