"""`millracer ops --json`: one request from standard input, one result on standard output."""

from __future__ import annotations

from contextlib import AbstractContextManager, suppress
from dataclasses import replace

from millracer import wiring
from millracer.cancellation import Cancellation
from millracer.cli.command import completed
from millracer.cli.frame_output import FrameOutput
from millracer.cli.options.groups import CommonOptions
from millracer.cli.process.signals import signals_cancel, signals_ignored
from millracer.cli.startup.preload import load_endings
from millracer.cli.terminal.stderr import say_errors
from millracer.cli.terminal.stdout import has_reader, print_line, print_text
from millracer.domain.event_log import Cursor
from millracer.domain.operations import OPERATIONS, OperationName, OpsVersion
from millracer.domain.workspaces import LOCAL_SESSION
from millracer.errors import InvalidRequest, MillracerError
from millracer.operations.ops.gateway import Answer, CommandDefaults, OpsGateway
from millracer.schemas.base import render
from millracer.schemas.ops.payloads import WatchPayload
from millracer.schemas.ops.request import InvalidOpsRequest, ReadRequest, read_ops_request


def ops(common: CommonOptions, raw: bytes, *, stream: bool) -> int:
    """Answer the input and return the exit code; every input gets exactly one result."""
    if stream:
        read = in_frames(raw)
        if read is not None:
            return _stream(common, read)
    with open_gateway(common) as gateway:
        try:
            read = read_ops_request(raw)
        except InvalidOpsRequest as error:
            given = gateway.refuse_unreadable(error)
        else:
            given = gateway.refuse(read, no_stream()) if stream else perform(gateway, read)
    with signals_ignored():  # the request has ended: print exactly one result
        common.programs.close()
        print_text(render(given.result))
    return given.exit_code


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


def _stream(common: CommonOptions, read: ReadRequest) -> int:
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


def open_gateway(
    common: CommonOptions, *, remembers: bool = True
) -> AbstractContextManager[OpsGateway]:
    """Yield a gateway to the real tools and store."""
    return wiring.open_gateway(
        common.programs,
        CommandDefaults(
            options=common.options,
            workspace=None if common.workspace is None else str(common.workspace),
            session_id=common.session_id or LOCAL_SESSION,
        ),
        remembers=remembers,
    )


def perform(gateway: OpsGateway, read: ReadRequest) -> Answer:
    """Perform a request; signals cancel it, and a bug becomes its result."""
    if read.action == OPERATIONS[OperationName.RUN].ops_action:
        load_endings()
    cancellation = Cancellation()
    with signals_cancel(cancellation):
        return answer(gateway, read, cancellation)


def answer(gateway: OpsGateway, read: ReadRequest, cancellation: Cancellation) -> Answer:
    """Perform a request without signal handling; a bug becomes its result."""

    def failed(bug: MillracerError) -> Answer:
        say_errors((bug,))
        return gateway.refuse(read, bug)

    return completed(lambda: gateway.handle(read, cancellation), failed)


def no_stream() -> MillracerError:
    """Return the error for a request that cannot have an event stream."""
    return MillracerError(
        "requests of version v0.2 have no event stream",
        code="unsupported_transport",
        suggested_action="use schema_version millracer.ops.v0.3, or `millracer ops --json`",
    )
