"""The options of commands that work in one workspace and run no task."""

from __future__ import annotations

from typing import Annotated

import typer

from millracer.cli.options import completion as shell_completion

#: Names of the common options that these commands take.
HERE = ("workspace", "session_id", "millrace_command", "no_warm_millrace")

_item = typer.Argument(
    metavar="ID",
    help="Work item id, request id, or the beginning of a work item id.",
    show_default=False,
    autocompletion=shell_completion.items,
)
Item = Annotated[str, _item]
OptionalItem = Annotated[str | None, _item]
