"""The command lines about what Millrace holds: `status` and what is done with single items."""

from __future__ import annotations

from typing import Annotated

import typer

from millracer.interfaces.common_options import CommonOptions, with_options

_AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
#: What a command needs that works in one workspace and runs no task.
_HERE = ("workspace", "session_id", "millrace_command", "no_warm_millrace")


def declare(app: typer.Typer, exit_codes: str) -> None:
    """Add the commands to the command line.

    Args:
        app: what they are added to.
        exit_codes: what is said of them below the options.
    """
    app.command(epilog=exit_codes)(with_options(*_HERE, "poll_interval_seconds")(status))


def status(
    common: CommonOptions,
    *,
    as_json: _AsJson = False,
    watch: Annotated[
        bool,
        typer.Option("--watch", help="Stay, and show it anew at every change; Ctrl-C ends it."),
    ] = False,
) -> None:
    """Show what goes on in a workspace: daemon, queue, what is active, blocked and ended."""
    from millracer.interfaces import status_command  # noqa: PLC0415 - `--help` pays for no look

    raise typer.Exit(status_command.status(common, as_json=as_json, watch=watch))
