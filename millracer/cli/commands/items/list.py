"""`millracer list`: the items of a workspace in any state."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from millracer.cli.options import queue as queue_options
from millracer.cli.options.common import CommonOptions
from millracer.cli.options.groups import with_options
from millracer.cli.options.json_output import with_output
from millracer.cli.perform import perform
from millracer.cli.terminal.ages import age
from millracer.cli.terminal.states import painted_state
from millracer.cli.terminal.stderr import say_errors, say_warnings
from millracer.cli.terminal.tables import one_line, table
from millracer.domain.operations import OperationName
from millracer.domain.operations.requests import ListRequest
from millracer.domain.work.items import ItemState

if TYPE_CHECKING:
    from millracer.schemas.items.listing import ListResult

_TITLE_LENGTH = 60


@with_options(*queue_options.HERE)
@with_output
def list_command(
    common: CommonOptions,
    *,
    state: Annotated[
        list[ItemState] | None,
        typer.Option("--state", help="Only items in this state; repeatable."),
    ] = None,
    all_workspaces: Annotated[
        bool,
        typer.Option("--all-workspaces", help="Also the items of every registered workspace."),
    ] = False,
    as_json: bool = False,
) -> None:
    """List the work items, the last written first.

    Includes items that ended. The age is the time since the item's document was last written.
    """
    request = ListRequest(states=tuple(state or ()), all_workspaces=all_workspaces)

    def show(result: ListResult) -> str | None:
        say_warnings(result.warnings)
        say_errors(result.errors)
        if result.errors:
            return None
        return "\n".join(_lines(result, with_workspace=all_workspaces))

    perform(OperationName.LIST, common, lambda _: request, show, as_json=as_json)


def _lines(result: ListResult, *, with_workspace: bool) -> list[str]:
    if not result.items:
        return ["no work items"]
    now = datetime.now(UTC)
    header = ("STATE", "KIND", "AGE", "ID", *(("WORKSPACE",) if with_workspace else ()), "TITLE")
    return table(
        header,
        [
            (
                painted_state(each.state),
                each.work_kind,
                age(each.written_at, now),
                each.work_item_id,
                *((each.workspace_id or each.workspace,) if with_workspace else ()),
                one_line(each.title, _TITLE_LENGTH),
            )
            for each in result.items
        ],
        shrinks=("TITLE", *(("WORKSPACE",) if with_workspace else ())),
        drops="TITLE",
    )
