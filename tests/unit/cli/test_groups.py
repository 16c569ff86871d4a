"""The order of a command's parameters: positional arguments, common options, its own options."""

from __future__ import annotations

import inspect
from typing import Annotated

import typer

from millracer.cli.options.common import CommonOptions
from millracer.cli.options.groups import with_options


def test_only_positional_arguments_precede_the_common_options() -> None:
    @with_options("model")
    def command(
        common: CommonOptions,
        *,
        workspace: Annotated[str | None, typer.Option("--workspace")] = None,
        host: Annotated[str, typer.Argument()] = "",
    ) -> None:
        del common, workspace, host

    names = list(inspect.signature(command).parameters)

    assert (names[0], names[1], names[-1]) == ("context", "host", "workspace")
    assert len(names) > 3
