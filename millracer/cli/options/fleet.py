"""The options of the commands that use a fleet."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import replace
from functools import wraps
from typing import Annotated, Any, Concatenate, ParamSpec

import typer

from millracer.cli.options.common import CommonOptions
from millracer.cli.options.groups import with_options
from millracer.domain.programs import variable_of

FleetOption = Annotated[
    str | None,
    typer.Option(
        "--fleet",
        metavar="NAME|FILE",
        envvar=variable_of("--fleet"),
        help="The fleet: a file such as fleet.toml, or the NAME of fleet-NAME.toml in your "
        "configuration folder.  [default: fleet.toml there]",
        show_default=False,
    ),
]

Item = Annotated[
    str,
    typer.Argument(
        metavar="ITEM", help="Work item id, or a unique beginning of it.", show_default=False
    ),
]
FleetWorkspace = Annotated[
    str,
    typer.Argument(
        metavar="WORKSPACE", help="Id of the workspace in the fleet.", show_default=False
    ),
]

_Own = ParamSpec("_Own")


def on_fleet(
    *wanted: str,
) -> Callable[[Callable[Concatenate[CommonOptions, _Own], None]], Callable[..., None]]:
    """Give a Typer command `--fleet` and these common options.

    Args:
        wanted: names in `domain.run.options`.
    """

    def decorate(command: Callable[Concatenate[CommonOptions, _Own], None]) -> Callable[..., None]:
        signature = inspect.signature(command, eval_str=True)

        @wraps(command)
        def with_fleet(common: CommonOptions, *, fleet: str | None, **values: Any) -> None:
            command(replace(common, fleet=fleet), **values)  # type: ignore[call-arg] # as its signature says

        added = inspect.Parameter(
            "fleet", inspect.Parameter.KEYWORD_ONLY, default=None, annotation=FleetOption
        )
        with_fleet.__signature__ = signature.replace(  # type: ignore[attr-defined] # Typer reads it
            parameters=[*signature.parameters.values(), added]
        )
        with_fleet.__annotations__ = {}
        del with_fleet.__wrapped__
        return with_options(*wanted)(with_fleet)  # type: ignore[arg-type] # has the signature above

    return decorate
