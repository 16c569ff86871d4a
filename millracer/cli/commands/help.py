"""`millracer help` and `millracer version`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from millracer import __version__
from millracer.errors import UsageError


def help_command(
    context: typer.Context,
    command: Annotated[
        list[str] | None, typer.Argument(help="The command.", show_default=False)
    ] = None,
) -> None:
    """Show the help of a command, or of all."""
    parent: Any = context.find_root()
    found: Any = parent.command
    for name in command or ():
        inner = getattr(found, "commands", {}).get(name)
        if inner is None:
            raise UsageError(
                f"there is no command {' '.join(command or ())!r:.200}",
                suggested_action="list the commands with `millracer --help`",
            )
        found = inner
        parent = found.context_class(found, info_name=name, parent=parent, **found.context_settings)
    typer.echo(found.get_help(parent))


def version() -> None:
    """Print the version."""
    typer.echo(f"millracer {__version__}")
