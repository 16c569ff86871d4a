"""`millracer show`: everything about one work item."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from millracer.cli.options import queue as queue_options
from millracer.cli.options.common import CommonOptions
from millracer.cli.options.groups import with_options
from millracer.cli.options.json_output import with_output
from millracer.cli.perform import perform
from millracer.cli.terminal.ages import duration
from millracer.cli.terminal.layout import hanging
from millracer.cli.terminal.stderr import say_errors, say_next_steps, say_warnings
from millracer.cli.terminal.style import Role, paint
from millracer.cli.terminal.tables import in_line, table
from millracer.domain.operations import OperationName
from millracer.domain.operations.requests import ShowRequest

if TYPE_CHECKING:
    from millracer.schemas.items.item import ItemDocument, ItemResult, ItemStageDocument
    from millracer.schemas.run.changes import ChangesDocument
    from millracer.schemas.run.document import LineageDocument

_TASK_LINES = 20
_LABEL_COLUMNS = 10


@with_options(*queue_options.HERE)
@with_output
def show_command(common: CommonOptions, *, item: queue_options.Item, as_json: bool = False) -> None:
    """Show everything about one work item.

    The task's text, lineage, stages with result, time, tokens and model, the evidence or what is
    missing, the files, and next steps.
    """
    perform(OperationName.SHOW, common, lambda _: ShowRequest(item), _show, as_json=as_json)


def _show(result: ItemResult) -> str | None:
    say_warnings(result.warnings)
    say_errors(result.errors)
    say_next_steps(result.next_steps)
    return None if result.item is None else "\n".join(item_lines(result.item, result.workspace))


def item_lines(item: ItemDocument, workspace: str | None) -> list[str]:
    """Return an item as text; files in the workspace by their relative paths."""
    lines = [paint(item.work_item_id, Role.STRONG), *_row("state", _state(item))]
    if item.millrace_id not in {None, item.work_item_id}:
        lines += _row("as", f"{item.work_kind} {item.millrace_id}")
    lines += _row("kind", item.intake_kind or item.work_kind or "unknown")
    lines += _row("title", item.title)
    lines += _block("task", _task_lines(item.task))
    if len(item.lineage) > 1:
        lines += _block("lineage", list(_tree(item.lineage)))
    if item.stages:
        lines += _block("stages", _stage_lines(item.stages))
    if item.failure:
        lines += _row("failure", item.failure)
    name = "proof" if item.scoped_completion else "because"
    lines += _block(name, [f"{each.statement} ({each.source})" for each in item.evidence])
    lines += _block(
        "missing",
        [f"{gap.needed} (found {gap.found}; {gap.looked_in})" for gap in item.missing_evidence],
    )
    lines += _block("changes", _change_lines(item.changes))
    return lines + _block("files", list(_files(item, workspace)))


def _state(item: ItemDocument) -> str:
    detail = f" ({item.detail})" if item.detail else ""
    proven = ", completion proven" if item.scoped_completion else ""
    return f"{item.state}{detail}{proven}"


def _task_lines(task: str | None) -> list[str]:
    lines = (task or "").strip().split("\n")
    if len(lines) <= _TASK_LINES:
        return [line for line in lines if task]
    more = len(lines) - _TASK_LINES
    return [*lines[:_TASK_LINES], f"… {more} more lines; --json has them all"]


def _tree(members: Sequence[LineageDocument]) -> Iterator[str]:
    known = {member.work_item_id for member in members}
    roots = [member for member in members if member.parent_id not in known]

    def branch(member: LineageDocument, lead: str, below: str) -> Iterator[str]:
        how = f"  ({member.how})" if lead else ""
        yield f"{lead}{member.kind} {member.work_item_id}  {member.state}{how}"
        children = [each for each in members if each.parent_id == member.work_item_id]
        for child in children:
            is_last = child is children[-1]
            yield from branch(
                child, below + ("└─ " if is_last else "├─ "), below + ("   " if is_last else "│  ")
            )

    for root in roots:
        yield from branch(root, "", "")


def _stage_lines(stages: Sequence[ItemStageDocument]) -> list[str]:
    has_cost = any(each.cost_usd is not None for each in stages)
    return table(
        ("STAGE", "RESULT", "TIME", "TOKENS", *(("COST",) if has_cost else ()), "MODEL"),
        [
            (
                each.stage,
                each.result or "not ended",
                duration(each.seconds),
                "-" if each.tokens is None else f"{each.tokens.total:,}",
                *((_cost(each.cost_usd),) if has_cost else ()),
                f"{each.model or '-'} {each.thinking or ''}".rstrip(),
            )
            for each in stages
        ],
        shrinks=("MODEL", "RESULT"),
        indent=_LABEL_COLUMNS,
    )


def _cost(usd: float | None) -> str:
    return "-" if usd is None else f"${usd:.2f}"


def _change_lines(changes: ChangesDocument) -> list[str]:
    if changes.unknown is not None:
        return [f"not known: {changes.unknown}"]
    if not changes.files:
        return ["no file changed"]
    return [
        f"{each.status} {each.path}"
        + ("" if each.added is None else f"  +{each.added} -{each.removed}")
        for each in changes.files
    ]


def _files(item: ItemDocument, workspace: str | None) -> Iterator[str]:
    if item.path is not None:
        yield item.path.removeprefix(f"{workspace}/")
    yield from dict.fromkeys(stage.run_folder for stage in item.stages)
    yield from (stage.report for stage in item.stages if stage.report is not None)


def _block(name: str, lines: Sequence[str]) -> list[str]:
    return [row for at, line in enumerate(lines) for row in _row("" if at else name, line)]


def _row(name: str, text: str) -> list[str]:
    label = f"  {paint(f'{name:<{_LABEL_COLUMNS - 2}}', Role.DIM)}"
    return [line.rstrip() for line in hanging(label, in_line(text))]
