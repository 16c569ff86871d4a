"""`millracer fleet submit`: store one task in the queue of the fleet, and print the item's id."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from millracer.cli.options import shared as options
from millracer.cli.options.common import CommonOptions
from millracer.cli.options.fleet import on_fleet
from millracer.cli.options.json_output import with_output
from millracer.cli.options.spans import moment_in
from millracer.cli.perform import perform
from millracer.cli.task_request import TaskInput
from millracer.cli.terminal.stderr import say, say_errors, say_next_steps, say_warnings
from millracer.domain.fleet.items import (
    DEFAULT_PRIORITY,
    FIRST_PRIORITY,
    LAST_PRIORITY,
    FleetItemState,
    SubmitVerdict,
)
from millracer.domain.fleet.outcomes import cause_of_end
from millracer.domain.operations import FLEET_OPTIONS, OperationName, load
from millracer.domain.operations.fleet_requests import FleetSubmitRequest
from millracer.errors import UsageError
from millracer.wiring import new_request_id

if TYPE_CHECKING:
    from millracer.schemas.fleet.report import FleetItemDocument
    from millracer.schemas.fleet.submit import FleetSubmitResult


@on_fleet(*FLEET_OPTIONS)
@with_output
def submit(  # noqa: PLR0913 - one parameter per option
    common: CommonOptions,
    *,
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="WORKSPACE [TASK]",
            help="Id of the workspace in the fleet, then the task; the task is read from standard "
            "input when omitted. With --label only the task.",
            show_default=False,
        ),
    ] = None,
    label: Annotated[
        str | None,
        typer.Option("--label", help="The first free workspace with this label does the task."),
    ] = None,
    key: Annotated[
        str | None,
        typer.Option(
            "--key", help="Identifies the work in the whole fleet; the same key is the same item."
        ),
    ] = None,
    priority: Annotated[
        int,
        typer.Option(
            "--priority",
            metavar="N",
            min=FIRST_PRIORITY,
            max=LAST_PRIORITY,
            help="A smaller one starts earlier.",
        ),
    ] = DEFAULT_PRIORITY,
    at: Annotated[
        str | None,
        typer.Option(
            "--at",
            metavar="TIME",
            help="Earliest start: an ISO 8601 time, or a time span such as 2h.",
            show_default=False,
        ),
    ] = None,
    wait: Annotated[
        bool, typer.Option("--wait", help="Wait for its end; the exit code is its outcome's.")
    ] = False,
    timeout: Annotated[
        float | None,
        typer.Option("--timeout", min=0, metavar="SECONDS", help="With --wait: the longest wait."),
    ] = None,
    request_json: options.RequestJson = False,
    request_id: options.RequestId = None,
    as_json: bool = False,
) -> None:
    """Add one task to the fleet's queue and print its id.

    The host of the workspace performs it as `millracer run --route millrace` would there. Options
    of your configuration files are not sent: those of the host count.
    """
    named = new_request_id() if request_id is None else request_id

    def request(_: object) -> FleetSubmitRequest:
        workspace, task = _split(words or [], label)
        task_input = TaskInput(
            common=common, task=tuple(task), request_json=request_json, request_id=request_id
        )
        _check_names(key, label)
        return FleetSubmitRequest(
            task=load("millracer.cli.commands.fleet.task:prepare_fleet_task")(
                task_input, named, key
            ),
            workspace_id=workspace,
            label=label,
            priority=priority,
            not_before=None if at is None else moment_in(at, "--at", datetime.now(UTC)),
            wait=wait,
            wait_seconds=timeout,
        )

    perform(
        OperationName.FLEET_SUBMIT,
        common,
        request,
        _show,
        as_json=as_json,
        request_id=named,
        on_change=load("millracer.cli.commands.fleet.item_lines:say_change") if wait else None,
    )


def _split(words: list[str], label: str | None) -> tuple[str | None, list[str]]:
    if label is not None:
        return None, words
    if not words or not words[0].strip():
        raise UsageError(
            "no workspace is named",
            suggested_action="name one that `millracer fleet workspaces` lists, or use --label",
        )
    return words[0], words[1:]


def _check_names(key: str | None, label: str | None) -> None:
    for name, value in (("--key", key), ("--label", label)):
        if value is not None and not value.strip():
            raise UsageError(f"{name} is empty", suggested_action=f"omit {name}, or give a text")


def _show(result: FleetSubmitResult) -> str | None:
    say_warnings(result.warnings)
    say_errors(result.errors)
    item = result.item
    if item is None:
        return None
    say(_where(item, result))
    say_next_steps(result.next_steps)
    return item.work_item_id


def _where(item: FleetItemDocument, result: FleetSubmitResult) -> str:
    """Describe where the item is, for a person."""
    known = "known: " if result.verdict is SubmitVerdict.KNOWN else ""
    if item.state is FleetItemState.ENDED:
        proof = "; Millrace's evidence proves it" if item.completed else ""
        cause, _ = cause_of_end(result.result)
        text = f"{known}ended as {item.outcome}{proof}" + (f": {cause}" if cause else "")
        return str(load("millracer.cli.terminal.tables:in_line")(text))
    state = item.state.replace("_", " ")
    return f"{known}{state}: {item.why}" if item.why else f"{known}{state}"
