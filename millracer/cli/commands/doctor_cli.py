"""The command line of `millracer doctor`."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import typer

from millracer.cli.option_groups import CommonOptions, with_common_options

EXIT_CODES = (
    "Exit codes: 0 no check failed, 1 a check failed, 2 invalid use, 8 the result could not be "
    "written, 130 or 143 cancelled."
)


@partial(with_common_options, despite_config=True)
def doctor(
    common: CommonOptions,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print the checks as JSON.")] = False,
    with_turn: Annotated[
        bool,
        typer.Option("--try", help="Let pi answer one short prompt, too; that asks its model."),
    ] = False,
) -> None:
    """Check that a run could work here, and change nothing."""
    from millracer.cli.commands import doctor as doctor_command  # noqa: PLC0415 - `--help` pays for no check

    raise typer.Exit(doctor_command.doctor(common, as_json=as_json, with_turn=with_turn))
