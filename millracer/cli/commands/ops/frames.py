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

#: A request of version v0.3, or why it is invalid.
Read = ReadRequest | InvalidOpsRequest


def in_frames(raw: bytes) -> Read | None:
    """Return a request that is answered in frames; None unless it names version v0.3."""
    read: Read
    try:
        read = read_ops_request(raw)
    except InvalidOpsRequest as error:
        read = error
    return None if read.version is OpsVersion.V02 else read


def request_id_of(read: Read) -> str | None:
    """Return the request's id; None if it cannot be read."""
    return read.request_id if isinstance(read, InvalidOpsRequest) else read.request.request_id


def answer_in_frames(
    common: CommonOptions, read: Read, cancellation: Cancellation, output: FrameOutput
) -> Answer:
    """Perform a request and print its frames but the last; return its answer."""
    with (
        output.streaming(common.programs, cancellation) as programs,
        open_gateway(replace(common, programs=programs)) as gateway,
    ):
        if isinstance(read, InvalidOpsRequest):
            given = gateway.refuse_unreadable(read)
        else:
            given = answer(gateway, read, cancellation)
    cursor = output.cursor
    if cursor is None:
        return given
    return replace(given, result=given.result.model_copy(update={"event_cursor": str(cursor)}))


def stream_start(read: Read) -> Cursor | None:
    """Return the last event that the sender of a `watch` has, by its payload."""
    if isinstance(read, InvalidOpsRequest):
        return None
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
        request_id_of(read),
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
