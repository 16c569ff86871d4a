"""`millracer status`: the state of a workspace, once or at every change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from millracer.cli.options import queue as queue_options
from millracer.cli.options.common import CommonOptions
from millracer.cli.options.groups import with_options
from millracer.cli.options.json_output import with_output
from millracer.cli.perform import perform
from millracer.cli.terminal.stderr import say_errors
from millracer.domain.operations import OperationName, load
from millracer.domain.operations.requests import StatusRequest

if TYPE_CHECKING:
    from millracer.schemas.status import StatusResult


@with_options(*queue_options.HERE, "poll_interval_seconds")
@with_output
def status(
    common: CommonOptions,
    *,
    as_json: bool = False,
    watch: Annotated[
        bool,
        typer.Option("--watch", help="Keep running and print every change; Ctrl-C stops it."),
    ] = False,
) -> None:
    """Show the state of a workspace.

    Includes the daemon, the queue, the active, blocked and recently ended items, and next steps.
    """
    if watch:
        body = load("millracer.cli.commands.status.watch:watch_status")
        raise typer.Exit(body(common, as_json=as_json))
    status_lines = load(
        "millracer.cli.commands.status.view:status_lines"
    )  # before the command waits

    def show(result: StatusResult) -> str | None:
        if not as_json and result.workspace is not None:
            return "\n".join(status_lines(result))
        say_errors(result.errors)
        return None

    perform(OperationName.STATUS, common, lambda _: StatusRequest(), show, as_json=as_json)
