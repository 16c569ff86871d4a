"""`millracer schema`: the JSON Schema of a document."""

from __future__ import annotations

from typing import Annotated

import typer

from millracer.cli.terminal.stdout import print_text
from millracer.schemas.names import SchemaName
from millracer.schemas.registry import render_schema


def schema(
    name: Annotated[SchemaName, typer.Argument(help="The document.", show_default=False)],
) -> None:
    """Print the JSON Schema of one of Millracer's documents."""
    print_text(render_schema(name))
