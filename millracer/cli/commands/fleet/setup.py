"""`millracer fleet up` and `millracer fleet down`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from millracer.cli.commands.fleet.frame import conclude
from millracer.cli.options.fleet import FleetOption
from millracer.cli.options.json_output import with_output
from millracer.cli.terminal.stderr import say
from millracer.cli.terminal.stdout import print_shown
from millracer.errors import UsageError
from millracer.schemas.fleet.setup import (
    FleetSetupResult,
    describe_down,
    describe_failure,
    describe_up,
)
from millracer.wiring import fleet as wiring


@with_output
def up(  # noqa: PLR0913 - one parameter per option
    *,
    local: Annotated[
        bool,
        typer.Option("--local", help="Start a private PostgreSQL server on this machine."),
    ] = False,
    url: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="Use this PostgreSQL database; the password is read from a file, such as "
            "~/.pgpass, never from the URL.",
        ),
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=65535,
            help="With --local: the port of the server.  [default: as before, or a free one]",
            show_default=False,
        ),
    ] = None,
    passfile: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH",
            help="With --url: the file with the password, in the format of ~/.pgpass.",
        ),
    ] = None,
    after_restore: Annotated[
        bool,
        typer.Option(
            "--after-restore",
            help="The database was restored from a backup: void every lease and dispatch all open "
            "items again.",
        ),
    ] = False,
    fleet: FleetOption = None,
    as_json: bool = False,
) -> None:
    """Make or update the fleet's database.

    Without --local and --url, the database of the fleet's file is updated. The command can be
    repeated: what is in place already is not changed.
    """
    if local and url is not None:
        raise UsageError(
            "--local and --url exclude each other", suggested_action="give one of them"
        )
    if port is not None and not local:
        raise UsageError("--port needs --local", suggested_action="put the port into the URL")
    if passfile is not None and url is None:
        raise UsageError("--passfile needs --url", suggested_action="give both, or neither")

    def work() -> FleetSetupResult:
        plan = wiring.FleetPlan(
            named=fleet,
            local=local,
            url=url,
            port=port,
            passfile=None if passfile is None else str(passfile.expanduser().absolute()),
            after_restore=after_restore,
        )
        return describe_up(wiring.set_up_fleet(plan, say))

    raise typer.Exit(conclude(work, describe_failure, _show_up, as_json=as_json))


@with_output
def down(
    *,
    wait: Annotated[bool, typer.Option("--wait", help="Wait first until no item runs.")] = False,
    fleet: FleetOption = None,
    as_json: bool = False,
) -> None:
    """Stop the private database server; its data stay.

    Items that run continue, and their hosts deliver the results after the next
    `millracer fleet up`.
    """

    def work() -> FleetSetupResult:
        place, stopped = wiring.stop_fleet(fleet, waits=wait, say=say)
        return describe_down(place, stopped=stopped)

    raise typer.Exit(conclude(work, describe_failure, _show_down, as_json=as_json))


def _show_up(result: FleetSetupResult) -> None:
    print_shown(f"the fleet is up: {result.url}")
    say(f"its file: {result.file}")
    if result.data_folder is not None:
        say(f"its data: {result.data_folder}")
    say("  next: `millracer fleet worker --workspace ID=PATH` in a second terminal")


def _show_down(result: FleetSetupResult) -> None:
    print_shown("the server was stopped" if result.stopped else "the server did not run")
    if result.data_folder is not None:
        say(f"its data stay in {result.data_folder}; `millracer fleet up --local` starts it again")
