"""`millracer trace`: Millrace's evidence about one work item."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from millracer.cli.options import queue as queue_options
from millracer.cli.options.common import CommonOptions
from millracer.cli.options.groups import with_options
from millracer.cli.options.json_output import with_output
from millracer.cli.perform import perform
from millracer.cli.terminal.stderr import say_errors, say_warnings
from millracer.cli.terminal.tables import in_line
from millracer.domain.operations import OperationName
from millracer.domain.operations.requests import TraceRequest

if TYPE_CHECKING:
    from millracer.schemas.items.item import TraceResult


@with_options(*queue_options.HERE)
@with_output
def trace_command(
    common: CommonOptions, *, item: queue_options.Item, as_json: bool = False
) -> None:
    """Show Millrace's evidence about one work item.

    Each fact with its source, and the stages of each run. --json has Millrace's traces unchanged.
    """
    perform(OperationName.TRACE, common, lambda _: TraceRequest(item), _show, as_json=as_json)


def _show(result: TraceResult) -> str | None:
    say_warnings(result.warnings)
    say_errors(result.errors)
    if result.errors:
        return None
    return "\n".join(map(in_line, _lines(result)))


def _lines(result: TraceResult) -> Iterator[str]:
    yield f"{result.work_item_id}: {result.state}"
    for fact in result.facts:
        yield f"  {fact.statement}  ({fact.source})"
    for run in result.runs:
        yield f"run {run.get('run_id')}: {run.get('status', 'unknown')}"
        for node in _nodes(run):
            yield f"  {node.get('stage')} {node.get('terminal_result') or 'not ended'}"


def _nodes(run: dict[str, Any]) -> list[dict[str, Any]]:
    nodes = run.get("nodes")
    return [each for each in nodes if isinstance(each, dict)] if isinstance(nodes, list) else []
