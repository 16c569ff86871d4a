"""The command line of `millracer fleet worker`."""

from __future__ import annotations

import re
from typing import Annotated

import typer

from millracer.cli.options.common import CommonOptions
from millracer.cli.options.fleet import FleetOption
from millracer.cli.options.groups import with_all_options_but
from millracer.domain.operations import load
from millracer.errors import UsageError
from millracer.ports.fleet_engine import RateLimit

_GROUP = "Worker"
#: Options with another meaning here, or none.
_NOT_HERE = ("workspace", "session_id", "route", "intake", "cwd", "gitignore")
_LIMIT = re.compile(r"([1-9]\d{0,8})/(\d+(?:\.\d+)?)")


@with_all_options_but(*_NOT_HERE)
def worker(  # noqa: PLR0913 - one parameter per option
    common: CommonOptions,
    *,
    workspace: Annotated[
        list[str] | None,
        typer.Option(
            "--workspace",
            "-w",
            metavar="ID=PATH",
            help="Perform the items of this workspace; repeatable.  [default: the registered "
            "workspaces, see `millracer workspaces`]",
            rich_help_panel=_GROUP,
        ),
    ] = None,
    host: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="The name of this host in the fleet.  [default: that of `fleet join`, else the "
            "machine's]",
            show_default=False,
            rich_help_panel=_GROUP,
        ),
    ] = None,
    slots: Annotated[
        int,
        typer.Option(min=1, max=64, help="How many items run at once.", rich_help_panel=_GROUP),
    ] = 2,
    limit: Annotated[
        str | None,
        typer.Option(
            metavar="N/SECONDS",
            help="Start at most N items in so many seconds, such as 4/60.",
            rich_help_panel=_GROUP,
        ),
    ] = None,
    label: Annotated[
        list[str] | None,
        typer.Option(
            metavar="LABEL",
            help="Also perform items that request this label, in any of the workspaces; "
            "repeatable. Tags of registered workspaces are labels, too.",
            rich_help_panel=_GROUP,
        ),
    ] = None,
    poll: Annotated[
        float,
        typer.Option(
            min=0.05,
            max=60.0,
            metavar="SECONDS",
            help="How often the queue is read; use 0.5 with more than 20 hosts.",
            rich_help_panel=_GROUP,
        ),
    ] = 0.2,
    once: Annotated[
        bool,
        typer.Option("--once", help="End after one item.", rich_help_panel=_GROUP),
    ] = False,
    exit_after_idle: Annotated[
        float | None,
        typer.Option(
            min=0.0,
            metavar="SECONDS",
            help="End after so many seconds without an item.",
            show_default=False,
            rich_help_panel=_GROUP,
        ),
    ] = None,
    take_over: Annotated[
        bool,
        typer.Option(
            "--take-over",
            help="Take the host's name over from another machine that is silent.",
            rich_help_panel=_GROUP,
        ),
    ] = False,
    certificate: Annotated[
        bool | None,
        typer.Option(
            "--certificate/--no-certificate",
            help="Sign a certificate of each completed item.  [default: if this host has a "
            "signing key, see `millracer keys`]",
            show_default=False,
            rich_help_panel=_GROUP,
        ),
    ] = None,
    fleet: FleetOption = None,
) -> None:
    """Perform the fleet's items for the workspaces of this host.

    Runs until it is stopped. SIGTERM: what runs is finished, and nothing new is taken. SIGINT or a
    second SIGTERM: what runs is stopped, and the next worker of this host continues it.
    """
    settings = load("millracer.worker.assembly:WorkerChoice")(
        fleet=fleet,
        host=host,
        workspaces=tuple(map(_workspace, workspace or ())),
        labels=tuple(label or ()),
        slots=1 if once else slots,
        limit=None if limit is None else _rate(limit),
        poll_seconds=poll,
        once=once,
        idle_seconds=exit_after_idle,
        take_over=take_over,
        certifies=certificate,
    )
    raise typer.Exit(load("millracer.cli.commands.fleet.work:work")(common, settings))


def _workspace(text: str) -> tuple[str, str]:
    workspace_id, separator, path = text.partition("=")
    if not separator or not workspace_id.strip() or not path.strip():
        raise UsageError(
            f"--workspace {text!r:.200} is not ID=PATH",
            suggested_action="give an id and a directory, such as --workspace shop=.",
        )
    return workspace_id.strip(), path


def _rate(text: str) -> RateLimit:
    found = _LIMIT.fullmatch(text)
    if found is None or not float(found[2]):
        raise UsageError(
            f"--limit {text!r:.100} is not N/SECONDS", suggested_action="give a rate such as 4/60"
        )
    return RateLimit(items=int(found[1]), seconds=float(found[2]))
