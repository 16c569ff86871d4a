"""Perform an operation for a command, after warming up Millrace."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NoReturn

import typer

from millracer.domain.operations import OPERATIONS, OperationName

if TYPE_CHECKING:
    from millracer.cli.options.common import CommonOptions
    from millracer.domain.fleet.items import FleetItem
    from millracer.operations.session.memory import SessionMemory


def perform(  # noqa: PLR0913 - the parts of a call
    name: OperationName,
    common: CommonOptions,
    request: Callable[[SessionMemory], object],
    show: Callable[[Any], str | None],
    *,
    as_json: bool,
    request_id: str | None = None,
    on_change: Callable[[FleetItem], None] | None = None,
) -> NoReturn:
    """Perform an operation, print its document or the text from `show`, and exit.

    Args:
        name: the operation.
        common: the common options.
        request: returns the operation's request; an exception becomes the document.
        show: returns the text for a person, None for nothing; it may write to standard error.
        as_json: print the document.
        request_id: request id in an error's document.
        on_change: called with a fleet's item that the operation waits for, after each change.
    """
    if OPERATIONS[name].warms_up:
        common.programs.warm_up(common.options.anywhere.options)
    from millracer.cli.operation_calls import call  # noqa: PLC0415 - after the warm-up

    code = call(
        name,
        common,
        request,
        show,
        as_json=as_json,
        request_id=request_id,
        on_change=on_change,
    )
    raise typer.Exit(code)
