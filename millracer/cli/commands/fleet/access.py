"""`millracer fleet grant` and `millracer fleet join`: access for more hosts and for submitters."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer

from millracer.cli.commands.fleet.frame import conclude
from millracer.cli.options.fleet import FleetOption
from millracer.cli.options.json_output import with_output
from millracer.cli.terminal.stderr import say
from millracer.cli.terminal.stdout import print_shown, print_text
from millracer.domain.fleet.setup import LOOPBACK, FleetRole
from millracer.schemas.fleet.setup import (
    FleetSetupResult,
    describe_failure,
    describe_grant,
    describe_join,
)
from millracer.wiring import fleet as wiring


@with_output
def grant(  # noqa: PLR0913 - one parameter per option
    kind: Annotated[
        FleetRole,
        typer.Argument(
            help="host: a machine that runs items. submitter: a person or a program that submits "
            "and reads them.",
            show_default=False,
        ),
    ],
    name: Annotated[
        str, typer.Argument(help="The host's or submitter's name.", show_default=False)
    ],
    *,
    file: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH",
            help="Write the join file here.  [default: NAME.join in the current directory]",
            show_default=False,
        ),
    ] = None,
    url: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="The address under which that machine reaches the database.  [default: yours]",
            show_default=False,
        ),
    ] = None,
    revoke: Annotated[
        bool, typer.Option("--revoke", help="Remove the access instead; its items stay.")
    ] = False,
    fleet: FleetOption = None,
    as_json: bool = False,
) -> None:
    """Give a host or a submitter access, or revoke it.

    Makes a login role of the database and a private file with its password, for
    `millracer fleet join` on the other machine. Repeated, it makes a new password.
    """

    def work() -> FleetSetupResult:
        target = (file or Path(f"{name}.join")).expanduser().absolute()
        if revoke:
            place, done = wiring.revoke_access(fleet, kind, name)
        else:
            place, done = wiring.grant_access(fleet, kind, name, target, url)
        return describe_grant(place, done)

    raise typer.Exit(conclude(work, describe_failure, _show_grant, as_json=as_json))


@with_output
def join(
    file: Annotated[
        Path, typer.Argument(help="The file from `millracer fleet grant`.", show_default=False)
    ],
    *,
    fleet: FleetOption = None,
    as_json: bool = False,
) -> None:
    """Join the fleet of a file from `fleet grant`.

    Stores the address and a new password in your configuration folder, and deletes the file. All
    your commands use that fleet then.
    """

    def work() -> FleetSetupResult:
        place, role = wiring.join_fleet(fleet, file.expanduser().absolute())
        return describe_join(place, role)

    raise typer.Exit(conclude(work, describe_failure, _show_join, as_json=as_json))


def _show_grant(result: FleetSetupResult) -> None:
    if result.join_file is None:
        print_shown(f"the access of {result.role} was revoked")
        return
    print_text(result.join_file)
    say(f"{result.role} may log in with the password in this file")
    if urlsplit(result.url or "").hostname in LOOPBACK:
        say("its address is reachable from this machine alone; name another one with --url")
    say(
        "  next: copy it to the other machine over a safe channel, then `millracer fleet join FILE`"
    )


def _show_join(result: FleetSetupResult) -> None:
    print_shown(f"joined {result.url} as {result.role}")
    say(f"its file: {result.file}")
