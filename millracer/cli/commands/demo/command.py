"""The command line of `millracer demo`."""

from __future__ import annotations

import typer

from millracer.cli.options import shared as options
from millracer.cli.options.groups import named_programs, said_by
from millracer.cli.options.json_output import with_output
from millracer.cli.terminal.stdout import OutputFormat
from millracer.domain.operations import load
from millracer.domain.requests import IntakeKind


@with_output
def demo(
    context: typer.Context,
    *,
    millrace_command: options.MillraceCommand = None,
    pi_command: options.PiCommand = None,
    intake: options.DemoIntake = IntakeKind.TASK,
    output: OutputFormat = OutputFormat.JSON,
) -> None:
    """Show one run with a scripted model.

    pi and Millrace are the real ones.

    No credentials are needed.
    """
    user = load("millracer.wiring.user_files:read_user_config")()
    given = {"millrace_command": millrace_command, "pi_command": pi_command}
    found = named_programs(given, user, said_by(context, given))
    body = load("millracer.cli.commands.demo.run:demo")
    raise typer.Exit(body(found, intake=intake, output=output))
