"""`millracer diff`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from millracer.cli.options import queue as queue_options
from millracer.cli.options.common import CommonOptions
from millracer.cli.options.groups import with_options
from millracer.cli.options.json_output import with_output
from millracer.cli.perform import perform
from millracer.cli.terminal.patches import painted_patch
from millracer.cli.terminal.stderr import say, say_errors, say_warnings
from millracer.domain.operations import OperationName
from millracer.domain.operations.requests import DiffRequest
from millracer.errors import UsageError

if TYPE_CHECKING:
    from millracer.schemas.diff import DiffResult


@with_options(*queue_options.HERE)
@with_output
def diff(common: CommonOptions, *, item: queue_options.Item, as_json: bool = False) -> None:
    """Show what changed in the workspace during an item's work.

    The end is the item's proven completion. Before that, the files are compared as they are now.
    Every change in that time is shown, also those of other programs.
    """

    def request(_: object) -> DiffRequest:
        if not item.strip():
            raise UsageError("ID is empty", suggested_action="give the work item's id")
        return DiffRequest(item)

    perform(OperationName.DIFF, common, request, _show, as_json=as_json)


def _show(result: DiffResult) -> str | None:
    say_warnings(result.warnings)
    say_errors(result.errors)
    changes = result.changes
    if changes is None:
        return None
    if changes.not_measured:
        say(f"too large to compare: {', '.join(changes.not_measured)}")
    if not result.patch:
        say("no file changed")
        return None
    return painted_patch(result.patch.removesuffix("\n"))
