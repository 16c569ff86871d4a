"""`millracer fleet wait`: wait until items of the fleet have ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from millracer.cli.options.common import CommonOptions
from millracer.cli.options.fleet import on_fleet
from millracer.cli.options.json_output import with_output
from millracer.cli.perform import perform
from millracer.cli.terminal.stderr import say, say_errors, say_warnings
from millracer.domain.operations import OperationName, load
from millracer.domain.operations.fleet_requests import FleetWaitRequest

if TYPE_CHECKING:
    from millracer.schemas.fleet.wait import FleetWaitResult


@on_fleet()
@with_output
def wait(
    common: CommonOptions,
    *,
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="ITEM...", help="Work item ids, or unique beginnings.", show_default=False
        ),
    ],
    timeout: Annotated[
        float | None,
        typer.Option(
            "--timeout", min=0, metavar="SECONDS", help="Longest wait.", show_default=False
        ),
    ] = None,
    as_json: bool = False,
) -> None:
    """Wait until items of the fleet have ended.

    Each change is one line on standard error; standard output gets each item's id and outcome. The
    exit code is the worst of the outcomes, and 7 if the time was over before.
    """
    request = FleetWaitRequest(work_item_ids=tuple(words), wait_seconds=timeout)
    perform(
        OperationName.FLEET_WAIT,
        common,
        lambda _: request,
        _show,
        as_json=as_json,
        on_change=load("millracer.cli.commands.fleet.item_lines:say_change"),
    )


def _show(result: FleetWaitResult) -> str | None:
    say_warnings(result.warnings)
    say_errors(result.errors)
    if result.errors:
        return None
    if result.timed_out:
        say("the time was over before every item had ended; they continue")
    for each in result.items:
        if each.completed is False:
            say(f"{each.work_item_id} is not completed: see `millracer fleet show` of it")
    return "\n".join(f"{each.work_item_id} {each.outcome or each.state}" for each in result.items)
