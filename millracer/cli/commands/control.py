"""`millracer cancel`, `retry`, `pause`, `resume`, `start` and `stop`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from millracer.cli.options import queue as queue_options
from millracer.cli.options.common import CommonOptions
from millracer.cli.options.groups import with_options
from millracer.cli.options.json_output import with_output
from millracer.cli.perform import perform
from millracer.cli.terminal.stderr import say_errors, say_next_steps, say_warnings
from millracer.domain.operations import OperationName, load
from millracer.domain.operations.requests import (
    CancelRequest,
    PauseRequest,
    ResumeRequest,
    RetryRequest,
    StartRequest,
    StopRequest,
)
from millracer.errors import UsageError

if TYPE_CHECKING:
    from millracer.schemas.control import ControlResult

_here = with_options(*queue_options.HERE)


@_here
@with_output
def cancel(
    common: CommonOptions,
    *,
    item: queue_options.Item,
    reason: Annotated[
        str | None,
        typer.Option("--reason", help="Reason, recorded by Millrace.  [default: no longer wanted]"),
    ] = None,
    as_json: bool = False,
) -> None:
    """Remove one waiting or blocked work item from Millrace's queue.

    An active item cannot be cancelled.
    """

    def request(_: object) -> CancelRequest:
        _refuse_blank(item, "ID", "give the work item id that `millracer submit` printed")
        if reason is not None:
            _refuse_blank(reason, "--reason", "omit --reason, or give a reason")
        return CancelRequest(item, reason)

    perform(OperationName.CANCEL, common, request, _show, as_json=as_json)


@_here
@with_output
def retry(
    common: CommonOptions,
    *,
    item: queue_options.Item,
    reason: Annotated[
        str | None,
        typer.Option("--reason", help="Reason, recorded by Millrace.  [default: try again]"),
    ] = None,
    as_json: bool = False,
) -> None:
    """Put one blocked work item back into the queue.

    The command starts no daemon. Millrace retries nothing while a daemon runs.
    """

    def request(_: object) -> RetryRequest:
        _refuse_blank(item, "ID", "give the id of a blocked item from `millracer list`")
        if reason is not None:
            _refuse_blank(reason, "--reason", "omit --reason, or give a reason")
        return RetryRequest(item, reason)

    perform(OperationName.RETRY, common, request, _show, as_json=as_json)


@_here
@with_output
def pause(common: CommonOptions, *, as_json: bool = False) -> None:
    """Pause the workspace: no new stage is started.

    A running stage continues to its end.
    """
    perform(OperationName.PAUSE, common, lambda _: PauseRequest(), _show, as_json=as_json)


@_here
@with_output
def resume(common: CommonOptions, *, as_json: bool = False) -> None:
    """End the pause of the workspace.

    The command starts no daemon.
    """
    perform(OperationName.RESUME, common, lambda _: ResumeRequest(), _show, as_json=as_json)


@with_options(*queue_options.HERE, "millrace_mode", "cwd")
@with_output
def start(common: CommonOptions, *, as_json: bool = False) -> None:
    """Start a daemon that works the queue until `millracer stop`.

    A daemon that a command of Millracer started is kept from now on.
    """
    perform(OperationName.START, common, lambda _: StartRequest(), _show, as_json=as_json)


@_here
@with_output
def stop(
    common: CommonOptions,
    *,
    force: Annotated[
        bool,
        typer.Option(
            "--force", help="Also stop a foreign daemon, or one that another command watches."
        ),
    ] = False,
    as_json: bool = False,
) -> None:
    """Stop the daemon that Millracer started.

    Interrupted work returns to the queue.
    """
    perform(OperationName.STOP, common, lambda _: StopRequest(force), _show, as_json=as_json)


def _show(result: ControlResult) -> str | None:
    say_warnings(result.warnings)
    say_errors(result.errors)
    say_next_steps(result.next_steps)
    if result.errors:
        return None
    message = load("millracer.cli.terminal.tables:in_line")(result.message or "")
    return "\n".join(load("millracer.cli.terminal.layout:hanging")("", message))


def _refuse_blank(text: str, name: str, suggested_action: str) -> None:
    if not text.strip():
        raise UsageError(f"{name} is empty", suggested_action=suggested_action)
