"""The command line of `millracer mcp`."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from millracer.cli.options.common import CommonOptions
from millracer.cli.options.groups import with_all_options_but
from millracer.domain.operations import load
from millracer.errors import UsageError

_GROUP = "Server"
#: Options without a meaning here.
_NOT_HERE = ("session_id", "route", "intake", "cwd", "gitignore")


class RunnerChoice(StrEnum):
    """The process that runs delegated items."""

    DETACHED = "detached"
    HERE = "here"


class ClientChoice(StrEnum):
    """The agent whose configuration is printed."""

    CLAUDE = "claude"
    CODEX = "codex"
    CURSOR = "cursor"


@with_all_options_but(*_NOT_HERE)
def mcp(
    common: CommonOptions,
    *,
    allow_control: Annotated[
        bool,
        typer.Option(
            "--allow-control",
            help="Also offer the tools pause, resume and retry.",
            rich_help_panel=_GROUP,
        ),
    ] = False,
    runner: Annotated[
        RunnerChoice,
        typer.Option(
            "--runner",
            help="What runs a delegated item: a process that outlives the server, or the server.",
            rich_help_panel=_GROUP,
        ),
    ] = RunnerChoice.DETACHED,
    print_config: Annotated[
        ClientChoice | None,
        typer.Option(
            "--print-config",
            help="Print the configuration of this agent; start nothing.",
            rich_help_panel=_GROUP,
        ),
    ] = None,
    fleet: Annotated[
        str | None,
        typer.Option(
            "--fleet",
            metavar="NAME|FILE",
            help="Delegate into this fleet instead; `default` is fleet.toml in your configuration "
            "folder. --workspace is then the id of a workspace there.",
            show_default=False,
            rich_help_panel=_GROUP,
        ),
    ] = None,
) -> None:
    """Serve one workspace to other agents over MCP.

    An agent's program starts this command and talks to it over standard input and output. Delegated
    work continues if that program ends.
    """
    if fleet is not None and runner is RunnerChoice.HERE:
        raise UsageError(
            "--runner here and --fleet exclude each other: the fleet's hosts run its items",
            suggested_action="give one of them",
        )
    if print_config is not None:
        body = load("millracer.cli.commands.mcp.configuration:print_configuration")
        own = ("--allow-control",) if allow_control else ()
        if runner is RunnerChoice.HERE:
            own = (*own, "--runner", runner)
        if fleet is not None:
            own = (*own, "--fleet", fleet)
        raise typer.Exit(body(common, print_config, own, on_fleet=fleet is not None))
    if fleet is not None:
        body = load("millracer.cli.commands.mcp.fleet:serve_fleet")
        raise typer.Exit(body(common, fleet, allow_control=allow_control))
    body = load("millracer.cli.commands.mcp.run:serve")
    raise typer.Exit(
        body(common, allow_control=allow_control, runs_here=runner == RunnerChoice.HERE)
    )
