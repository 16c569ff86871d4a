"""`millracer fleet schedule`: tasks that are submitted at times."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from millracer.cli.options.common import CommonOptions
from millracer.cli.options.fleet import FleetWorkspace, on_fleet
from millracer.cli.options.json_output import with_output
from millracer.cli.perform import perform
from millracer.cli.task_request import TaskInput
from millracer.cli.terminal.stderr import say, say_errors, say_warnings
from millracer.domain.operations import FLEET_OPTIONS, OperationName, load
from millracer.domain.operations.fleet_requests import FleetSchedulesRequest, ScheduleAction
from millracer.wiring import new_request_id

if TYPE_CHECKING:
    from millracer.schemas.fleet.schedules import FleetScheduleDocument, FleetSchedulesResult

_Name = Annotated[
    str, typer.Argument(metavar="NAME", help="Name of the schedule.", show_default=False)
]


@on_fleet()
@with_output
def list_schedules(common: CommonOptions, *, as_json: bool = False) -> None:
    """List the schedules of the fleet."""
    _perform(common, lambda _: FleetSchedulesRequest(), _show_list, as_json=as_json)


@on_fleet(*FLEET_OPTIONS)
@with_output
def add(  # noqa: PLR0913 - one parameter per option
    common: CommonOptions,
    *,
    name: _Name,
    workspace: FleetWorkspace,
    cron: Annotated[
        str,
        typer.Argument(
            metavar="CRON",
            help='When, such as "0 2 * * 1-5": five fields, or six with seconds.',
            show_default=False,
        ),
    ],
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[TASK]",
            help="Task text; read from standard input when omitted.",
            show_default=False,
        ),
    ] = None,
    timezone: Annotated[
        str, typer.Option("--timezone", metavar="ZONE", help="Time zone of CRON, an IANA name.")
    ] = "UTC",
    as_json: bool = False,
) -> None:
    """Submit a task at times; a schedule of the same name is replaced.

    The key of each submission is NAME@TIME, so each time is one item.
    """

    def request(_: object) -> FleetSchedulesRequest:
        task = TaskInput(common=common, task=tuple(words or ()))
        return FleetSchedulesRequest(
            command=ScheduleAction.ADD,
            name=name,
            workspace_id=workspace,
            cron=cron,
            timezone=timezone,
            task=load("millracer.cli.commands.fleet.task:prepare_fleet_task")(
                task, new_request_id()
            ),
        )

    _perform(common, request, _show_change, as_json=as_json)


@on_fleet()
@with_output
def pause(common: CommonOptions, *, name: _Name, as_json: bool = False) -> None:
    """Submit the task of a schedule no more until it is resumed."""
    _change(common, ScheduleAction.PAUSE, name, as_json=as_json)


@on_fleet()
@with_output
def resume(common: CommonOptions, *, name: _Name, as_json: bool = False) -> None:
    """End the pause of a schedule; missed times are not made up."""
    _change(common, ScheduleAction.RESUME, name, as_json=as_json)


@on_fleet()
@with_output
def run(common: CommonOptions, *, name: _Name, as_json: bool = False) -> None:
    """Submit the task of a schedule now and print the work item's id."""
    _change(common, ScheduleAction.RUN, name, as_json=as_json)


@on_fleet()
@with_output
def remove(common: CommonOptions, *, name: _Name, as_json: bool = False) -> None:
    """Remove a schedule; items that it submitted stay."""
    _change(common, ScheduleAction.REMOVE, name, as_json=as_json)


def _change(common: CommonOptions, action: ScheduleAction, name: str, *, as_json: bool) -> NoReturn:
    request = FleetSchedulesRequest(command=action, name=name)
    _perform(common, lambda _: request, _show_change, as_json=as_json)


def _perform(
    common: CommonOptions,
    request: Callable[[object], FleetSchedulesRequest],
    show: Callable[[FleetSchedulesResult], str | None],
    *,
    as_json: bool,
) -> NoReturn:
    perform(OperationName.FLEET_SCHEDULES, common, request, show, as_json=as_json)


def _show_change(result: FleetSchedulesResult) -> str | None:
    say_warnings(result.warnings)
    say_errors(result.errors)
    if result.errors:
        return None
    if result.item is None:
        return result.message
    say(result.message)
    return result.item.work_item_id


def _show_list(result: FleetSchedulesResult) -> str | None:
    from millracer.cli.terminal.tables import table  # noqa: PLC0415 - `--help` does not need it

    say_warnings(result.warnings)
    say_errors(result.errors)
    if result.errors:
        return None
    if not result.schedules:
        return "no schedules"
    header = ("NAME", "WORKSPACE", "CRON", "ZONE", "STATE", "LAST", "TASK")
    return "\n".join(table(header, map(_row, result.schedules), shrinks=("TASK",), drops="TASK"))


def _row(schedule: FleetScheduleDocument) -> tuple[str, ...]:
    from millracer.cli.terminal.tables import one_line  # noqa: PLC0415 - as above

    last = schedule.last_at
    return (
        schedule.name,
        schedule.workspace_id,
        schedule.cron,
        schedule.timezone,
        "paused" if schedule.paused else "active",
        "-" if last is None else f"{last:%Y-%m-%d %H:%M}Z",
        one_line(schedule.task, 60),
    )
