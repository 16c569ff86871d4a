"""The command lines of `millracer config`."""

from __future__ import annotations

from typing import Annotated

import typer

from millracer.cli.option_groups import CommonOptions, with_common_options

config = typer.Typer(
    help="What the configuration files set, and what it comes to.",
    rich_markup_mode=None,
    no_args_is_help=True,
)


@config.command("show")
@with_common_options
def show_config(
    common: CommonOptions,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print the values as JSON.")] = False,
) -> None:
    """Show each value that a run would have, and where it comes from."""
    from millracer.cli.commands import config as config_command  # noqa: PLC0415 - `--help` pays for no run

    raise typer.Exit(config_command.show(common, as_json=as_json))


@config.command("path")
def show_path() -> None:
    """Print where your own configuration file lies, be it there or not."""
    from millracer.cli.commands import config as config_command  # noqa: PLC0415 - the same

    raise typer.Exit(config_command.show_path())
