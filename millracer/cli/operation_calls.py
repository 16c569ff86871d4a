"""The frame of a command's work, and calls of operations in it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from millracer.cancellation import Cancellation
from millracer.cli.command import completed
from millracer.cli.options.common import CommonOptions
from millracer.cli.process.signals import signals_cancel, signals_ignored
from millracer.cli.startup.preload import load_endings
from millracer.cli.terminal.stdout import print_shown, print_text
from millracer.domain.operations import OperationName
from millracer.domain.workspaces import LOCAL_SESSION
from millracer.errors import MillracerError
from millracer.operations.answer import Answer
from millracer.operations.context import OperationContext
from millracer.operations.fleet_access import FleetAccess
from millracer.operations.registry import fail, perform
from millracer.operations.session.memory import SessionMemory
from millracer.schemas.base import render
from millracer.wiring import SystemClock, new_identity, open_store
from millracer.wiring.fleet_access import fleet_opener
from millracer.wiring.workspace import find_place

if TYPE_CHECKING:
    from millracer.domain.fleet.items import FleetItem

_Answer = Answer[Any]


def _unchanged(answer: _Answer, _memory: SessionMemory) -> _Answer:
    return answer


def context_of(
    common: CommonOptions,
    memory: SessionMemory,
    cancellation: Cancellation,
    fleet: FleetAccess | None = None,
) -> OperationContext:
    """Return the context of an operation that a command performs.

    Args:
        common: the common options.
        memory: the session's memory.
        cancellation: ends the operation early.
        fleet: the access to the fleet; None: that of the common options, without a listener.
    """
    return OperationContext(
        tools=common.programs,
        memory=memory,
        options=common.options,
        clock=SystemClock(),
        cancellation=cancellation,
        find_workspace=lambda: find_place(common.workspace, common.session_id, memory),
        new_identity=new_identity,
        session_id=common.session_id or LOCAL_SESSION,
        fleet=fleet or FleetAccess(open=fleet_opener(common.fleet)),
    )


def conclude(
    common: CommonOptions,
    work: Callable[[SessionMemory, Cancellation], _Answer],
    *,
    failed: Callable[[MillracerError], _Answer],
    report: Callable[[_Answer], None],
    record: Callable[[_Answer, SessionMemory], _Answer] = _unchanged,
) -> int:
    """Do a command's work, report its answer once, and return the exit code.

    Args:
        common: the common options; their programs are closed before the report.
        work: the work; signals cancel it.
        failed: returns the answer of a cancellation, an error or a bug.
        report: prints the answer.
        record: records the answer in its session, and returns it with its warnings.
    """
    load_endings()
    cancellation = Cancellation()
    with ExitStack() as held:
        memory = SessionMemory(held.enter_context(open_store()))
        held.callback(common.programs.close)

        def guarded() -> _Answer:
            with signals_cancel(cancellation):
                return work(memory, cancellation)

        answer = completed(guarded, failed)
        with signals_ignored():  # the work has ended: print exactly one document
            answer = record(answer, memory)
            held.close()
            report(answer)
    return answer.exit_code


def call(  # noqa: PLR0913 - the parts of a call
    name: OperationName,
    common: CommonOptions,
    request: Callable[[SessionMemory], object],
    show: Callable[[Any], str | None],
    *,
    as_json: bool,
    request_id: str | None = None,
    on_change: Callable[[FleetItem], None] | None = None,
) -> int:
    """Perform an operation, print its one document, and return its exit code.

    Args: as for `perform.perform`.
    """

    def work(memory: SessionMemory, cancellation: Cancellation) -> _Answer:
        fleet = None
        if on_change is not None:
            fleet = FleetAccess(open=fleet_opener(common.fleet), on_change=on_change)
        context = context_of(common, memory, cancellation, fleet)
        return perform(name, request(memory), context, request_id)

    def failed(error: MillracerError) -> _Answer:
        return fail(name, error, request_id)

    def report(answer: _Answer) -> None:
        text = show(answer.result)
        if as_json:
            print_text(render(answer.result))
        elif text is not None:
            print_shown(text)

    return conclude(common, work, failed=failed, report=report)
