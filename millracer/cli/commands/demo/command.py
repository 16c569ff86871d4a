"""The command line of `millracer demo`."""

from __future__ import annotations

from typing import Annotated

import typer

from millracer.cli.options import shared as options
from millracer.cli.options.common import named_programs
from millracer.cli.options.groups import said_by
from millracer.cli.options.json_output import with_output
from millracer.cli.terminal.stdout import OutputFormat
from millracer.domain.operations import load
from millracer.domain.requests import IntakeKind


@with_output
def demo(  # noqa: PLR0913 - one parameter per option
    context: typer.Context,
    *,
    millrace_command: options.MillraceCommand = None,
    pi_command: options.PiCommand = None,
    intake: options.DemoIntake = IntakeKind.TASK,
    keep: Annotated[
        bool, typer.Option("--keep", help="Keep the temporary folder with the workspace.")
    ] = False,
    output: OutputFormat = OutputFormat.TEXT,
) -> None:
    """Show one run with a scripted model.

    pi and Millrace are the real ones; no credentials are needed. Shows the fault, the failing
    test, the stages, what they changed, the passing test and the evidence.
    """
    user = load("millracer.wiring.user_files:read_user_config")()
    given = {"millrace_command": millrace_command, "pi_command": pi_command}
    found = named_programs(given, user, said_by(context, given))
    body = load("millracer.cli.commands.demo.run:demo")
    raise typer.Exit(body(found, intake=intake, output=output, keep=keep))
