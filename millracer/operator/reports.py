"""Formats the operator's short reports: endings, items, workspaces."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from millracer.domain.checks import name_command
from millracer.domain.requests import Route
from millracer.domain.run.evidence import (
    CheckFact,
    ClosureFact,
    Fact,
    ItemFact,
    SpawnFact,
    StageFact,
)
from millracer.domain.run.outcome import Outcome
from millracer.domain.run.result import RunResult
from millracer.domain.work.items import ListedItem, UnfinishedItem
from millracer.domain.workspaces import RegisteredWorkspace
from millracer.operator.input_line import COMMANDS
from millracer.run.closing import describe_facts

_SHOWN_ITEMS = 12
_SHOWN_FACTS = 4
#: With a title of this length, a report line fits into 80 columns.
_TITLE_LENGTH = 45


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """A finished task of this session; `seconds` is its wall-clock duration."""

    task: str
    result: RunResult
    seconds: float


def describe_commands() -> str:
    """Return the list of commands and keys."""
    shown = {f"/{name} {usage}".rstrip(): text for name, (usage, text) in COMMANDS.items()}
    width = max(map(len, shown))
    keys = "Anything else is a task. Alt-Enter begins a new line, Ctrl-C stops a task."
    return "\n".join([keys, *(f"  {usage:<{width}}  {text}" for usage, text in shown.items())])


def describe_ending(result: RunResult, seconds: float) -> str:
    """Return one line: how a task ended, its proof or missing evidence, what it changed and used.

    If Millrace still holds the item, the lines below it show how to continue.
    """
    timeless = replace(result, timings={}, show_command=None)
    parts = [
        result.outcome.replace("_", " "),
        *_explain_outcome(result),
        *describe_facts(timeless),
        _duration(seconds),
    ]
    return "\n".join([" · ".join(parts), *_describe_continuation(result)])


def describe_history(history: Sequence[Done]) -> str:
    """Return the tasks of this session, oldest first, each delegated one with its item below it."""
    lines = []
    for number, done in enumerate(history, 1):
        time = _duration(done.seconds)
        lines.append(f"{number:>3}  {done.result.outcome:<14}  {time:>11}  {_title(done.task)}")
        if done.result.work_item_id is not None:
            lines.append(f"{'':>21}{done.result.work_item_id}")
    return "\n".join(lines)


def describe_earlier(items: Sequence[ListedItem]) -> str:
    """Return the items from before this session, oldest first; takes the newest first."""
    lines = _more(len(items))
    for item in reversed(items[:_SHOWN_ITEMS]):
        at = f"{item.written_at.astimezone():%Y-%m-%d %H:%M}"
        lines += [f"{at:>16}  {item.state:<8} {_title(item.title)}", f"{'':>27}{item.item_id}"]
    return "\n".join(lines)


def describe_left(left: Sequence[UnfinishedItem], workspace: str) -> str:
    """Return the unfinished and blocked items; Millracer's own have a mark."""
    if not left:
        return f"Millrace holds nothing unfinished in {workspace}"
    lines = []
    for item in left[:_SHOWN_ITEMS]:
        mark = "*" if item.ours else " "
        lines += [
            f"{mark} {item.state:<8} {item.work_kind:<8} {_title(item.title)}",
            f"{'':>20}{item.item_id}",
        ]
    return "\n".join(
        [*lines, *_more(len(left)), "continue one: /watch ID   (* enqueued by Millracer)"]
    )


def describe_workspaces(selected: str, registered: Sequence[RegisteredWorkspace]) -> str:
    """Return the registered workspaces; the selected one has a mark."""
    entries = [(entry.workspace_id, entry.root_path) for entry in registered]
    if selected not in {path for _, path in entries}:
        entries.insert(0, ("-", selected))
    width = max(len(name) for name, _ in entries)
    return "\n".join(
        f"{'*' if path == selected else ' '} {name:<{width}}  {path}" for name, path in entries
    )


def _explain_outcome(result: RunResult) -> list[str]:
    """Return the proof of completion, or the reason for the outcome and the missing evidence."""
    if result.outcome is Outcome.COMPLETED:
        return ["pi did it directly" if result.route is Route.DIRECT else _proof(result.proof)]
    found = [gap.found for gap in result.missing_evidence[:1] if result.work_item_id is not None]
    if result.outcome is Outcome.CANCELLED:
        kept = "continue" in {step.action for step in result.next_steps}
        return [f"the item stays in Millrace: {state}" for state in found if kept]
    reason = [] if result.event is None else [result.event.reason]
    needed = [f"missing: {gap.needed}" for gap in result.missing_evidence[:1] if found]
    return [*reason, *needed]


def _proof(facts: Sequence[Fact]) -> str:
    """Summarise the proof without item ids; /last json has all of it."""
    summaries = list(dict.fromkeys(brief for fact in facts if (brief := _brief(fact))))
    more = len(summaries) - _SHOWN_FACTS
    shown = ", ".join(summaries[:_SHOWN_FACTS])
    return f"{shown} and {more} more" if more > 0 else shown


def _brief(fact: Fact) -> str:
    match fact:
        case ItemFact():
            return f"{fact.work_kind} {fact.state}"
        case StageFact():
            return f"{fact.stage} {fact.terminal_result}"
        case ClosureFact():
            return f"lineage {'open' if fact.open else 'closed'}"
        case CheckFact():
            return f"check {name_command(fact.argv)}"
        case SpawnFact():
            return ""


def _describe_continuation(result: RunResult) -> list[str]:
    """Return the commands that continue or retry the item, if it is unfinished."""
    if result.work_item_id is None or result.outcome is Outcome.COMPLETED:
        return []
    watch = f"/watch {result.work_item_id}"
    actions = {step.action: step.command for step in result.next_steps}
    if "continue" in actions:
        return [f"  to continue: {watch}"]
    if "retry" in actions:
        retry = f"/retry {result.work_item_id}"
        return [f"  to try again: {retry}", f"  and then: {watch}"]
    return []


def _title(text: str) -> str:
    """Return the first line of a text, shortened to fit its report line."""
    first = text.strip().partition("\n")[0].rstrip()
    return first if len(first) <= _TITLE_LENGTH else f"{first[: _TITLE_LENGTH - 1]}…"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{seconds:.1f} s"


def _more(count: int) -> list[str]:
    return [f"  … and {count - _SHOWN_ITEMS} more"] if count > _SHOWN_ITEMS else []
