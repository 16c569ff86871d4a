"""`millracer fleet ps`: the items of the fleet, and why each has not started."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from millracer.cli.options.common import CommonOptions
from millracer.cli.options.fleet import on_fleet
from millracer.cli.options.json_output import with_output
from millracer.cli.perform import perform
from millracer.cli.terminal.stderr import say_errors
from millracer.domain.fleet.items import FleetItemState
from millracer.domain.operations import OperationName
from millracer.domain.operations.fleet_requests import FleetListRequest

if TYPE_CHECKING:
    from millracer.cancellation import Cancellation
    from millracer.operations.answer import Answer
    from millracer.operations.session.memory import SessionMemory
    from millracer.schemas.fleet.items import FleetListResult

_CLEAR = "\x1b[H\x1b[2J\x1b[3J"
_POLL_SECONDS = 1.0


@on_fleet()
@with_output
def ps(  # noqa: PLR0913 - one parameter per option
    common: CommonOptions,
    *,
    workspace: Annotated[
        str | None,
        typer.Option("--workspace", "-w", metavar="ID", help="Only items of this workspace."),
    ] = None,
    host: Annotated[
        str | None, typer.Option("--host", metavar="NAME", help="Only items of this host.")
    ] = None,
    state: Annotated[
        FleetItemState | None, typer.Option("--state", help="Only items in this state.")
    ] = None,
    all_items: Annotated[
        bool, typer.Option("--all", "-a", help="Also items that have ended.")
    ] = False,
    watch: Annotated[
        bool, typer.Option("--watch", help="Print the list again at each change, until Ctrl-C.")
    ] = False,
    limit: Annotated[
        int, typer.Option("--limit", min=1, metavar="N", help="Show the N newest items at most.")
    ] = 1000,
    as_json: bool = False,
) -> None:
    """List the items of the fleet, and why each has not started.

    Running items come first, then the others by priority and submission. A smaller priority starts
    earlier. TRY is how often a host took the item.
    """
    request = FleetListRequest(
        workspace_id=workspace, host=host, state=state, all_items=all_items, limit=limit
    )
    if watch:
        raise typer.Exit(_watch(common, request, as_json=as_json))

    def show(result: FleetListResult) -> str | None:
        say_errors(result.errors)
        return None if result.errors else _text(result)

    perform(OperationName.FLEET_LIST, common, lambda _: request, show, as_json=as_json)


def _text(result: FleetListResult) -> str:
    from millracer.cli.commands.fleet.item_lines import item_table  # noqa: PLC0415 - for a person

    return "\n".join(item_table(result.items, datetime.now(UTC)))


def _watch(common: CommonOptions, request: FleetListRequest, *, as_json: bool) -> int:
    """Print the list at each change until a signal arrives or the reader ends."""
    from millracer.cli.operation_calls import conclude, context_of  # noqa: PLC0415 - loads the work
    from millracer.cli.terminal.stdout import has_reader, print_text  # noqa: PLC0415 - as above
    from millracer.domain.failures import CallerCancelled  # noqa: PLC0415 - as above
    from millracer.errors import ExitCode, FleetUnreachable, MillracerError  # noqa: PLC0415
    from millracer.operations.answer import Answer  # noqa: PLC0415 - as above
    from millracer.operations.fleet.listing import describe_items, filter_of  # noqa: PLC0415
    from millracer.operations.registry import fail  # noqa: PLC0415 - as above
    from millracer.schemas.base import render  # noqa: PLC0415 - as above

    show = _renderer(as_json=as_json)
    redraws = not as_json and _can_redraw()  # the ages on a screen grow

    def work(memory: SessionMemory, cancellation: Cancellation) -> Answer[Any]:
        context = context_of(common, memory, cancellation)
        wanted = filter_of(request)
        with context.open_fleet() as store:
            shown: FleetListResult | None = None
            while has_reader():
                with suppress(*(() if shown is None else (FleetUnreachable,))):
                    found = describe_items(store.list_items(wanted))
                    if redraws or found != shown:
                        shown = found
                        print_text(show(found))
                cancellation.sleep(_POLL_SECONDS)
        return Answer(result=None, exit_code=ExitCode.COMPLETED)

    def failed(error: MillracerError) -> Answer[Any]:
        answer = fail(OperationName.FLEET_LIST, error)
        if isinstance(error, CallerCancelled):  # the usual end
            return replace(answer, result=None)
        return answer

    def report(answer: Answer[Any]) -> None:
        if answer.result is not None:
            say_errors(answer.result.errors)
            if as_json:
                print_text(render(answer.result))

    return conclude(common, work, failed=failed, report=report)


def _renderer(*, as_json: bool) -> Callable[[FleetListResult], str]:
    """Return the function that renders one list."""
    from millracer.cli.terminal.stderr import printable  # noqa: PLC0415 - for a person
    from millracer.cli.terminal.style import Stream, resolve  # noqa: PLC0415 - as above

    if as_json:
        from millracer.schemas.base import render_line  # noqa: PLC0415 - loads the models

        return render_line
    clear = _CLEAR if _can_redraw() else ""
    return lambda result: clear + resolve(printable(_text(result)), Stream.OUT)


def _can_redraw() -> bool:
    from millracer.cli.terminal.stderr import can_clear  # noqa: PLC0415 - as above

    return sys.stdout.isatty() and can_clear()
