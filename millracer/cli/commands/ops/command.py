"""The command line of `millracer ops`."""

from __future__ import annotations

from dataclasses import replace

import typer

from millracer.cli.commands.ops.one_request import answer_one
from millracer.cli.options import shared as options
from millracer.cli.options.common import CommonOptions
from millracer.cli.options.fleet import FleetOption
from millracer.cli.options.groups import with_common_options
from millracer.domain.operations import load


@with_common_options
def ops(
    common: CommonOptions,
    *,
    json: options.Json = False,
    jsonl: options.Jsonl = False,
    stream_json: options.StreamJson = False,
    fleet: FleetOption = None,
) -> None:
    """Answer typed JSON requests from standard input.

    Each request gets one JSON result on standard output.
    """
    common = replace(common, fleet=fleet)
    if not (json or jsonl or stream_json):
        raise typer.BadParameter("ops needs --json or --jsonl")
    if json and jsonl:
        raise typer.BadParameter("--json and --jsonl exclude each other: give one of them")
    if jsonl:
        serve = load("millracer.cli.commands.ops.jsonl_server:serve")
        raise typer.Exit(serve(common, stream=stream_json))
    raise typer.Exit(answer_one(common, stream=stream_json))
