"""`millracer schema`: the JSON Schema of a document."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from millracer.cli.terminal.stdout import print_text
from millracer.domain.operations import load
from millracer.schemas.names import OPENAPI, SchemaName
from millracer.schemas.registry import render_schema

_NAMES = {**{each.name: each.value for each in SchemaName}, "OPENAPI": OPENAPI}
_Name = StrEnum("_Name", _NAMES)  # type: ignore[misc] # names known at run time


def schema(
    name: Annotated[_Name, typer.Argument(help="The document.", show_default=False)],
) -> None:
    """Print a document's JSON Schema, or the HTTP API's description."""
    if name == OPENAPI:
        print_text(load("millracer.serve.openapi:render_openapi")())
    else:
        print_text(render_schema(SchemaName(name)))
