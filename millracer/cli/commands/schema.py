"""`millracer schema`: the JSON Schema of a document."""

from __future__ import annotations

from typing import Annotated

import typer

from millracer.cli.terminal.stdout import print_text
from millracer.domain.operations import load
from millracer.schemas.names import SchemaName
from millracer.schemas.registry import render_schema


def schema(
    name: Annotated[SchemaName, typer.Argument(help="The document.", show_default=False)],
) -> None:
    """Print the JSON Schema of one of Millracer's documents, or the description of the HTTP API."""
    if name is SchemaName.OPENAPI:
        print_text(load("millracer.serve.openapi:render_openapi")())
    else:
        print_text(render_schema(name))
