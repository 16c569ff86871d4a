"""The command line of `millracer ops`."""

from __future__ import annotations

import typer

from millracer.cli.options import shared as options
from millracer.cli.options.groups import CommonOptions, with_common_options
from millracer.cli.startup.prewarm import asks_millrace
from millracer.domain.operations import load
from millracer.schemas.ops.limits import REQUEST_LIMIT_BYTES


@with_common_options
def ops(
    common: CommonOptions,
    *,
    json: options.Json = False,
    jsonl: options.Jsonl = False,
    stream_json: options.StreamJson = False,
) -> None:
    """Answer typed JSON requests from standard input.

    Each request gets one JSON result on standard output.
    """
    if not (json or jsonl or stream_json):
        raise typer.BadParameter("ops needs --json or --jsonl")
    if json and jsonl:
        raise typer.BadParameter("--json and --jsonl exclude each other: give one of them")
    if jsonl:
        serve = load("millracer.cli.commands.ops.jsonl_server:serve")
        raise typer.Exit(serve(common, stream=stream_json))
    raw = common.standard_input.read(limit=REQUEST_LIMIT_BYTES)
    if asks_millrace(raw):
        common.programs.warm_up(common.options.anywhere.options)  # before other modules load
    body = load("millracer.cli.commands.ops.request:ops")
    raise typer.Exit(body(common, raw, stream=stream_json))
