"""`millracer fleet ps`: the items of the fleet, and why each has not started."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from millracer.cli.options.common import CommonOptions
from millracer.cli.options.fleet import on_fleet
from millracer.cli.options.json_output import with_output
from millracer.cli.perform import perform
from millracer.cli.terminal.stderr import say_errors
from millracer.domain.fleet.items import FleetItemState
from millracer.domain.operations import OperationName, load
from millracer.domain.operations.fleet_requests import FleetListRequest

if TYPE_CHECKING:
    from millracer.schemas.fleet.items import FleetListResult

_LISTS = "millracer.cli.commands.fleet.lists"


@on_fleet()
@with_output
def ps(  # noqa: PLR0913 - one parameter per option
    common: CommonOptions,
    *,
    workspace: Annotated[
        str | None,
        typer.Option("--workspace", "-w", metavar="ID", help="Only items of this workspace."),
    ] = None,
    host: Annotated[
        str | None, typer.Option("--host", metavar="NAME", help="Only items of this host.")
    ] = None,
    state: Annotated[
        FleetItemState | None, typer.Option("--state", help="Only items in this state.")
    ] = None,
    all_items: Annotated[
        bool, typer.Option("--all", "-a", help="Also items that have ended.")
    ] = False,
    newest_first: Annotated[
        bool, typer.Option("--newest", help="List the newest submissions first.")
    ] = False,
    watch: Annotated[
        bool, typer.Option("--watch", help="Print the list again at each change, until Ctrl-C.")
    ] = False,
    limit: Annotated[
        int, typer.Option("--limit", min=1, metavar="N", help="List the first N items at most.")
    ] = 1000,
    as_json: bool = False,
) -> None:
    """List the items of the fleet, and why each has not started.

    Running items come first, then the waiting ones by priority and submission, then those that
    ended, the last end first. A smaller priority starts earlier. TRY is how often a host took the
    item.
    """
    request = FleetListRequest(
        workspace_id=workspace,
        host=host,
        state=state,
        all_items=all_items,
        newest_first=newest_first,
        limit=limit,
    )
    if watch:
        raise typer.Exit(load(f"{_LISTS}:watch")(common, request, as_json=as_json))

    def show(result: FleetListResult) -> str | None:
        say_errors(result.errors)
        if result.errors:
            return None
        text: str = load(f"{_LISTS}:list_text")(result)
        return text

    perform(OperationName.FLEET_LIST, common, lambda _: request, show, as_json=as_json)
