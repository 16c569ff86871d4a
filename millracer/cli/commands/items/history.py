"""`millracer history`: the attempts that were watched here."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from millracer.cli.options import queue as queue_options
from millracer.cli.options.common import CommonOptions
from millracer.cli.options.groups import with_options
from millracer.cli.options.json_output import with_output
from millracer.cli.perform import perform
from millracer.cli.terminal.ages import age, duration
from millracer.cli.terminal.stderr import say_errors, say_warnings
from millracer.cli.terminal.tables import table
from millracer.domain.operations import OperationName
from millracer.domain.operations.requests import HistoryRequest

if TYPE_CHECKING:
    from millracer.schemas.items.history import AttemptDocument, HistoryResult


@with_options(*queue_options.HERE)
@with_output
def history_command(
    common: CommonOptions,
    *,
    all_workspaces: Annotated[
        bool,
        typer.Option(
            "--all-workspaces", "--all", help="Also the attempts in every registered workspace."
        ),
    ] = False,
    as_json: bool = False,
) -> None:
    """List the attempts at work items that were watched here.

    The last started is the first. They come from the event logs; Millrace may know more items
    (`millracer list`).
    """
    request = HistoryRequest(all_workspaces=all_workspaces)

    def show(result: HistoryResult) -> str | None:
        say_warnings(result.warnings)
        say_errors(result.errors)
        if result.errors:
            return None
        return "\n".join(_lines(result, with_workspace=all_workspaces))

    perform(OperationName.HISTORY, common, lambda _: request, show, as_json=as_json)


def _lines(result: HistoryResult, *, with_workspace: bool) -> list[str]:
    if not result.attempts:
        return ["no attempts"]
    now = datetime.now(UTC)
    workspace = ("WORKSPACE",) if with_workspace else ()
    return table(
        ("OUTCOME", "AGE", "TIME", "TOKENS", "ID", "ATTEMPT", *workspace),
        [
            (
                _outcome(each),
                age(each.started_at, now),
                duration(each.seconds),
                "-" if each.tokens is None else str(each.tokens),
                each.work_item_id,
                str(each.number),
                *((each.workspace_id or each.workspace,) if with_workspace else ()),
            )
            for each in result.attempts
        ],
        shrinks=workspace,
    )


def _outcome(attempt: AttemptDocument) -> str:
    if attempt.outcome is not None:
        return attempt.outcome
    return "lost" if attempt.is_lost else "not ended"
