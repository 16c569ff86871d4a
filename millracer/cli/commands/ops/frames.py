"""Answer ops requests of version v0.3 in frames."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

from millracer.cancellation import Cancellation
from millracer.cli.commands.ops.request import answer, open_gateway
from millracer.cli.frame_output import FrameOutput
from millracer.cli.options.common import CommonOptions
from millracer.cli.process.signals import signals_cancel, signals_ignored
from millracer.cli.startup.preload import load_endings
from millracer.cli.terminal.stdout import has_reader, print_line
from millracer.domain.event_log import Cursor
from millracer.domain.operations import OpsVersion
from millracer.errors import InvalidRequest
from millracer.operations.ops.gateway import Answer
from millracer.schemas.ops.item_payloads import WatchPayload
from millracer.schemas.ops.request import InvalidOpsRequest, ReadRequest, read_ops_request


def in_frames(raw: bytes) -> ReadRequest | None:
    """Return a request that may be answered in frames; None for version v0.2 and bad input."""
    try:
        read = read_ops_request(raw)
    except InvalidOpsRequest:
        return None
    return None if read.version is OpsVersion.V02 else read


def answer_in_frames(
    common: CommonOptions, read: ReadRequest, cancellation: Cancellation, output: FrameOutput
) -> Answer:
    """Perform a request and print its frames but the last; return its answer."""
    with (
        output.streaming(common.programs, cancellation) as programs,
        open_gateway(replace(common, programs=programs)) as gateway,
    ):
        given = answer(gateway, read, cancellation)
    cursor = output.cursor
    if cursor is None:
        return given
    return replace(given, result=given.result.model_copy(update={"event_cursor": str(cursor)}))


def stream_start(read: ReadRequest) -> Cursor | None:
    """Return the last event that the sender of a `watch` has, by its payload."""
    with suppress(InvalidRequest):  # the action refuses it
        return read.payload.cursor if isinstance(read.payload, WatchPayload) else None
    return None


def answer_stream(common: CommonOptions, raw: bytes) -> int | None:
    """Answer a request in frames and return the exit code; None if it has no stream."""
    read = in_frames(raw)
    if read is None:
        return None
    load_endings()
    cancellation = Cancellation()
    output = FrameOutput(
        read.request.request_id,
        after=stream_start(read),
        print_line=print_line,
        is_wanted=has_reader,
    )
    with signals_cancel(cancellation):
        given = answer_in_frames(common, read, cancellation, output)
    with signals_ignored():  # the request has ended: print exactly one result
        common.programs.close()
        output.result(given.result)
    return given.exit_code
