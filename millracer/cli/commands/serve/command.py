"""The command line of `millracer serve`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from millracer.cli.options.common import CommonOptions
from millracer.cli.options.fleet import FleetOption
from millracer.cli.options.groups import with_all_options_but
from millracer.cli.options.json_output import with_output
from millracer.domain.operations import load
from millracer.domain.programs import variable_of
from millracer.errors import UsageError

_GROUP = "Server"
#: Options with another meaning here, or none.
_NOT_HERE = ("workspace", "session_id", "route", "intake", "cwd", "gitignore")


@with_all_options_but(*_NOT_HERE)
@with_output
def serve(  # noqa: PLR0913 - one parameter per option
    common: CommonOptions,
    *,
    workspace: Annotated[
        list[Path] | None,
        typer.Option(
            "--workspace",
            "-w",
            metavar="PATH|ID",
            help="Also serve this workspace; repeatable.  [default: the current directory, if it "
            "is a workspace]",
            rich_help_panel=_GROUP,
        ),
    ] = None,
    port: Annotated[
        int,
        typer.Option(
            min=0,
            max=65535,
            envvar=variable_of("--port"),
            help="Port; 0: any free one.",
            rich_help_panel=_GROUP,
        ),
    ] = 0,
    host: Annotated[
        str,
        typer.Option(metavar="ADDRESS", help="Address to listen on.", rich_help_panel=_GROUP),
    ] = "127.0.0.1",
    read_only: Annotated[
        bool,
        typer.Option(
            "--read-only", help="Show everything and change nothing.", rich_help_panel=_GROUP
        ),
    ] = False,
    open_page: Annotated[
        bool,
        typer.Option("--open", help="Open the page in a browser.", rich_help_panel=_GROUP),
    ] = False,
    link: Annotated[
        bool,
        typer.Option(
            "--link", help="Print the link of the running server.", rich_help_panel=_GROUP
        ),
    ] = False,
    socket: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH",
            help="Listen on this socket, in a private folder, instead of a port.",
            rich_help_panel=_GROUP,
        ),
    ] = None,
    install: Annotated[
        bool,
        typer.Option(
            "--install",
            help="Print the file that starts the server with your session; install nothing.",
            rich_help_panel=_GROUP,
        ),
    ] = False,
    allow_remote: Annotated[
        bool,
        typer.Option(
            "--allow-remote",
            help="Accept other host names, behind a proxy with TLS.",
            rich_help_panel=_GROUP,
        ),
    ] = False,
    allowed_host: Annotated[
        list[str] | None,
        typer.Option(
            "--allowed-host",
            metavar="NAME",
            help="With --allow-remote: a host name of requests, with its port if clients send one; "
            "repeatable.",
            rich_help_panel=_GROUP,
        ),
    ] = None,
    token_file: Annotated[
        Path | None,
        typer.Option(
            "--token-file",
            metavar="PATH",
            help="Read the token from this private file.  [default: a new one]",
            rich_help_panel=_GROUP,
        ),
    ] = None,
    fleet: FleetOption = None,
    as_json: bool = False,
) -> None:
    """Serve a page and an HTTP API about your workspaces.

    Listens on this machine only, prints the link of the page, and runs until it is stopped. If a
    server with these settings runs already, its link is printed.
    """
    if sum((open_page, link, install)) > 1:
        raise UsageError(
            "--open, --link and --install exclude each other",
            suggested_action="give one of them",
        )
    if install:
        raise typer.Exit(load("millracer.cli.commands.serve.install:print_unit")())
    if link:
        body = load("millracer.cli.commands.serve.running:print_link")
        raise typer.Exit(body(as_json=as_json))
    settings_type = load("millracer.serve.settings:ServeSettings")
    settings = settings_type(
        host=host,
        port=port,
        read_only=read_only,
        socket=socket,
        allow_remote=allow_remote,
        allowed_hosts=tuple(allowed_host or ()),
        token_file=token_file,
        fleet=fleet,
    )
    settings.check()
    body = load("millracer.cli.commands.serve.run:serve")
    raise typer.Exit(
        body(common, settings, tuple(workspace or ()), open_page=open_page, as_json=as_json)
    )
