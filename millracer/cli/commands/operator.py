"""The command line of `millracer operator`."""

from __future__ import annotations

import typer

from millracer.cli.options.common import CommonOptions
from millracer.cli.options.groups import with_common_options
from millracer.domain.operations import load


@with_common_options
def operator(common: CommonOptions) -> None:
    """Start an interactive prompt that runs one task after another.

    All tasks share one conversation with pi.
    """
    raise typer.Exit(load("millracer.cli.operator.command:operator")(common))
