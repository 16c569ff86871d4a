"""The command line of `millracer logs`, and its text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from millracer.cli.options import queue as queue_options
from millracer.cli.options.common import CommonOptions
from millracer.cli.options.groups import with_options
from millracer.cli.options.json_output import with_output
from millracer.cli.perform import perform
from millracer.cli.terminal.ages import duration
from millracer.cli.terminal.layout import hanging
from millracer.cli.terminal.stderr import say, say_errors, say_warnings
from millracer.cli.terminal.tables import one_line
from millracer.domain.operations import OperationName, load
from millracer.domain.operations.requests import LogsRequest
from millracer.domain.work.transcript import EntryKind

if TYPE_CHECKING:
    from millracer.schemas.items.item import EntryDocument, LogsResult, StageLogDocument

_TOOL_LENGTH = 100
_HOW_TO_RECORD = (
    'Millrace records every step of a stage with `event_log_policy = "full"` below '
    "`[runners.pi]` in millrace-agents/millrace.toml; without it, only failed stages"
)


@with_options(*queue_options.HERE)
@with_output
def logs_command(  # noqa: PLR0913 - one parameter per option
    common: CommonOptions,
    *,
    item: queue_options.Item,
    stage: Annotated[
        str | None, typer.Option("--stage", help="Only stages of this name, such as builder.")
    ] = None,
    follow: Annotated[
        bool,
        typer.Option("--follow", "-f", help="Print each stage as it ends, until the item ends."),
    ] = False,
    raw: Annotated[
        bool, typer.Option("--raw", help="Print the recorded files instead of readable text.")
    ] = False,
    as_json: bool = False,
) -> None:
    """Show what the agents of a work item's stages said and did.

    Tool calls are folded to one line. Secrets and control characters are removed.
    """
    if follow:
        body = load("millracer.cli.commands.items.follow:follow")
        raise typer.Exit(body(common, LogsRequest(item, stage, raw), as_json=as_json))

    def show(result: LogsResult) -> str | None:
        say_warnings(result.warnings)
        say_errors(result.errors)
        if result.errors:
            return None
        if not as_json:
            say_incomplete(result)
        return logs_text(result, raw=raw) or None

    perform(
        OperationName.LOGS,
        common,
        lambda _: LogsRequest(item, stage, raw),
        show,
        as_json=as_json,
    )


def say_incomplete(result: LogsResult) -> None:
    """Report on standard error what is not recorded."""
    if not result.stages:
        say("no stage has run for this item yet")
    elif not all(each.is_complete for each in result.stages):
        say(f"not every step is recorded: {_HOW_TO_RECORD}")


def logs_text(result: LogsResult, *, raw: bool) -> str:
    """Return the transcripts as text."""
    if raw:
        return "\n".join((each.raw or "").rstrip("\n") for each in result.stages)
    return "\n\n".join("\n".join(_stage_lines(each)) for each in result.stages)


def _stage_lines(log: StageLogDocument) -> Iterator[str]:
    stage = log.stage
    result = stage.result or "not ended"
    facts = f"{stage.stage} · {result} · {duration(stage.seconds)} · {stage.work_item_id}"
    yield from hanging("== ", facts)
    for entry in log.entries:
        yield from _entry_lines(entry)
    if not log.entries:
        yield "(nothing recorded)"


def _entry_lines(entry: EntryDocument) -> Iterator[str]:
    match entry.kind:
        case EntryKind.TOOL:
            failed = "  (failed)" if entry.failed else ""
            yield from hanging("  > ", f"{entry.tool} {one_line(entry.text, _TOOL_LENGTH)}{failed}")
        case EntryKind.ERROR:
            yield from hanging("error: ", entry.text)
        case EntryKind.TEXT:
            for line in entry.text.split("\n"):
                is_indented = line[:1].isspace()
                yield from [line] if is_indented else hanging("", line)
