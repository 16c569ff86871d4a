"""Perform an operation for a command, after warming up Millrace."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NoReturn

import typer

from millracer.domain.operations import OPERATIONS, OperationName

if TYPE_CHECKING:
    from millracer.cli.options.common import CommonOptions
    from millracer.operations.session.memory import SessionMemory


def perform(  # noqa: PLR0913 - the parts of a call
    name: OperationName,
    common: CommonOptions,
    request: Callable[[SessionMemory], object],
    show: Callable[[Any], str | None],
    *,
    as_json: bool,
    request_id: str | None = None,
) -> NoReturn:
    """Perform an operation, print its document or the text from `show`, and exit.

    Args:
        name: the operation.
        common: the common options.
        request: returns the operation's request; an exception becomes the document.
        show: returns the text for a person, None for nothing; it may write to standard error.
        as_json: print the document.
        request_id: request id in an error's document.
    """
    if OPERATIONS[name].warms_up:
        common.programs.warm_up(common.options.anywhere.options)
    from millracer.cli.operation_calls import call  # noqa: PLC0415 - after the warm-up

    raise typer.Exit(call(name, common, request, show, as_json=as_json, request_id=request_id))
