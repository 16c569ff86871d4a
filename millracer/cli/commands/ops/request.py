"""`millracer ops --json`: one request from standard input, one result on standard output."""

from __future__ import annotations

from contextlib import AbstractContextManager

from millracer import wiring
from millracer.cancellation import Cancellation
from millracer.cli.command import completed
from millracer.cli.options.common import CommonOptions
from millracer.cli.process.signals import signals_cancel, signals_ignored
from millracer.cli.startup.preload import load_endings
from millracer.cli.terminal.stderr import say_errors
from millracer.cli.terminal.stdout import print_text
from millracer.domain.operations import OPERATIONS, OperationName, load
from millracer.domain.workspaces import LOCAL_SESSION
from millracer.errors import MillracerError
from millracer.operations.fleet_access import FleetAccess
from millracer.operations.ops.gateway import Answer, CommandDefaults, OpsGateway
from millracer.schemas.base import render
from millracer.schemas.ops.request import InvalidOpsRequest, ReadRequest, read_ops_request
from millracer.wiring.fleet_access import fleet_opener

#: Answers in frames; loaded for streams only.
_STREAM = "millracer.cli.commands.ops.frames:answer_stream"


def ops(common: CommonOptions, raw: bytes, *, stream: bool) -> int:
    """Answer the input and return the exit code; every input gets exactly one result."""
    if stream:
        streamed: int | None = load(_STREAM)(common, raw)
        if streamed is not None:
            return streamed
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
        fleet=FleetAccess(open=fleet_opener(common.fleet)),
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
