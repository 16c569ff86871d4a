"""Calls an operation for a command line."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from millracer.cancellation import Cancellation
from millracer.cli.command import completed
from millracer.cli.options.groups import CommonOptions
from millracer.cli.process.signals import signals_cancel, signals_ignored
from millracer.cli.startup.preload import load_endings
from millracer.cli.terminal.stderr import printable
from millracer.cli.terminal.stdout import print_text
from millracer.domain.operations import OperationName
from millracer.domain.workspaces import LOCAL_SESSION
from millracer.errors import MillracerError
from millracer.operations.answer import Answer
from millracer.operations.context import OperationContext
from millracer.operations.registry import fail, perform
from millracer.operations.session_memory import SessionMemory
from millracer.schemas.base import render
from millracer.wiring import SystemClock, new_identity, open_store
from millracer.wiring.workspace import find_place


def call(  # noqa: PLR0913 - the parts of a call
    name: OperationName,
    common: CommonOptions,
    request: Callable[[SessionMemory], object],
    show: Callable[[Any], str | None],
    *,
    as_json: bool,
    request_id: str | None = None,
) -> int:
    """Perform an operation, print its one document, and return its exit code.

    Args: as for `perform.perform`.
    """
    load_endings()
    cancellation = Cancellation()
    with ExitStack() as held:
        memory = SessionMemory(held.enter_context(open_store()))
        held.callback(common.programs.close)
        context = OperationContext(
            tools=common.programs,
            memory=memory,
            options=common.options,
            clock=SystemClock(),
            cancellation=cancellation,
            find_workspace=lambda: find_place(common.workspace, common.session_id, memory),
            new_identity=new_identity,
            session_id=common.session_id or LOCAL_SESSION,
        )

        def work() -> Answer[Any]:
            with signals_cancel(cancellation):
                return perform(name, request(memory), context, request_id)

        def failed(error: MillracerError) -> Answer[Any]:
            return fail(name, error, request_id)

        answer = completed(work, failed)
        with signals_ignored():  # the operation has ended: print exactly one document
            held.close()
            _print(answer, show, as_json=as_json)
    return answer.exit_code


def _print(answer: Answer[Any], show: Callable[[Any], str | None], *, as_json: bool) -> None:
    text = show(answer.result)
    if as_json:
        print_text(render(answer.result))
    elif text is not None:
        print_text(printable(text))
