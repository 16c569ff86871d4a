"""The commands that change the fleet: items, hosts and workspaces."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from millracer.cli.options.common import CommonOptions
from millracer.cli.options.fleet import FleetWorkspace, Item, on_fleet
from millracer.cli.options.json_output import with_output
from millracer.cli.options.spans import seconds_in
from millracer.cli.perform import perform
from millracer.cli.terminal.stderr import say_errors, say_next_steps, say_warnings
from millracer.domain.operations import OperationName, load
from millracer.domain.operations.fleet_requests import (
    FleetCancelRequest,
    FleetDrainRequest,
    FleetForgetRequest,
    FleetPauseRequest,
    FleetPruneRequest,
    FleetResumeRequest,
    FleetRetryRequest,
)

if TYPE_CHECKING:
    from millracer.schemas.fleet.control import FleetControlResult

_WAIT_SECONDS = 30.0


@on_fleet()
@with_output
def cancel(
    common: CommonOptions,
    *,
    item: Item,
    reason: Annotated[
        str | None,
        typer.Option("--reason", help="Reason, kept with the item.  [default: no longer wanted]"),
    ] = None,
    wait: Annotated[
        float,
        typer.Option(
            "--wait",
            min=0,
            metavar="SECONDS",
            help="How long to wait until the host of a running item has cancelled it.",
        ),
    ] = _WAIT_SECONDS,
    as_json: bool = False,
) -> None:
    """Cancel one item of the fleet.

    An item that has not started ends at once. The host of a running item stops it; if the host is
    away, it does so when it is back.
    """
    request = FleetCancelRequest(work_item_id=item, reason=reason, wait_seconds=wait)
    perform(OperationName.FLEET_CANCEL, common, lambda _: request, _show, as_json=as_json)


@on_fleet()
@with_output
def retry(common: CommonOptions, *, item: Item, as_json: bool = False) -> None:
    """Dispatch one item of the fleet again that was set aside.

    An item is set aside when its host ended too often while it ran.
    """
    request = FleetRetryRequest(work_item_id=item)
    perform(OperationName.FLEET_RETRY, common, lambda _: request, _show, as_json=as_json)


@on_fleet()
@with_output
def drain(  # noqa: PLR0913 - one parameter per option
    common: CommonOptions,
    *,
    host: Annotated[
        str, typer.Argument(metavar="HOST", help="Name of the host.", show_default=False)
    ],
    undo: Annotated[bool, typer.Option("--undo", help="Let it start items again.")] = False,
    no_wait: Annotated[
        bool, typer.Option("--no-wait", help="Do not wait until nothing runs there.")
    ] = False,
    timeout: Annotated[
        float | None,
        typer.Option(
            "--timeout", min=0, metavar="SECONDS", help="Longest wait.", show_default=False
        ),
    ] = None,
    note: Annotated[
        str | None, typer.Option("--note", help="Reason, shown with the host and waiting items.")
    ] = None,
    as_json: bool = False,
) -> None:
    """Let a host of the fleet start nothing new.

    Returns when nothing runs there. Ctrl-C ends the waiting, not the drain.
    """
    request = FleetDrainRequest(
        host=host, undo=undo, note=note, wait=not no_wait, wait_seconds=timeout
    )
    perform(OperationName.FLEET_DRAIN, common, lambda _: request, _show, as_json=as_json)


@on_fleet()
@with_output
def forget(
    common: CommonOptions,
    *,
    workspace: FleetWorkspace,
    lost: Annotated[
        bool,
        typer.Option(
            "--lost",
            help="Its checkout is lost: the next one that registers the id takes its open items.",
        ),
    ] = False,
    as_json: bool = False,
) -> None:
    """Remove a workspace without open items from the fleet.

    Its checkout is not changed. Another host may then register the id.
    """
    request = FleetForgetRequest(workspace_id=workspace, lost=lost)
    perform(OperationName.FLEET_FORGET, common, lambda _: request, _show, as_json=as_json)


@on_fleet()
@with_output
def pause(
    common: CommonOptions,
    *,
    workspace: FleetWorkspace,
    note: Annotated[
        str | None, typer.Option("--note", help="Reason, shown with the waiting items.")
    ] = None,
    span: Annotated[
        str | None,
        typer.Option(
            "--for", metavar="TIME", help="End the pause after this time, such as 30m or 2h."
        ),
    ] = None,
    as_json: bool = False,
) -> None:
    """Start no item in a workspace of the fleet.

    A running item continues.
    """

    def request(_: object) -> FleetPauseRequest:
        seconds = None if span is None else seconds_in(span, "--for")
        return FleetPauseRequest(workspace_id=workspace, note=note, for_seconds=seconds)

    perform(OperationName.FLEET_PAUSE, common, request, _show, as_json=as_json)


@on_fleet()
@with_output
def resume(common: CommonOptions, *, workspace: FleetWorkspace, as_json: bool = False) -> None:
    """End the pause of a workspace of the fleet."""
    request = FleetResumeRequest(workspace_id=workspace)
    perform(OperationName.FLEET_RESUME, common, lambda _: request, _show, as_json=as_json)


@on_fleet()
@with_output
def prune(
    common: CommonOptions,
    *,
    older_than: Annotated[
        str,
        typer.Option(
            "--older-than",
            metavar="TIME",
            help="Only items that ended longer ago, such as 30d or 12h.",
            show_default=False,
        ),
    ],
    as_json: bool = False,
) -> None:
    """Delete old items of the fleet that have ended.

    Their results are deleted with them; the evidence on the hosts stays.
    """

    def request(_: object) -> FleetPruneRequest:
        return FleetPruneRequest(older_than_seconds=seconds_in(older_than, "--older-than"))

    perform(OperationName.FLEET_PRUNE, common, request, _show, as_json=as_json)


def _show(result: FleetControlResult) -> str | None:
    say_warnings(result.warnings)
    say_errors(result.errors)
    say_next_steps(result.next_steps)
    if result.errors:
        return None
    message = load("millracer.cli.terminal.tables:in_line")(result.message)
    return "\n".join(load("millracer.cli.terminal.layout:hanging")("", message))
