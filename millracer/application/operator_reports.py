"""What the operator says in a few readable lines: endings, status, items, workspaces."""

from __future__ import annotations

from collections.abc import Sequence

from millracer.domain.evidence import Fact, ItemFact, StageFact, state_fact
from millracer.domain.result import RunResult
from millracer.domain.session import RegisteredWorkspace
from millracer.domain.work import ItemState, LeftItem, Outcome, Route, RuntimeStatus

_SHOWN_ITEMS = 12


def describe_ending(result: RunResult, seconds: float) -> str:
    """Say in one line how a task ended, what proves it or is missing, and how long it took."""
    parts = [result.outcome.replace("_", " "), *_grounds(result), _duration(seconds)]
    if (
        result.work_item_id is not None
        and result.outcome is not Outcome.COMPLETED
        and _left(result)
    ):
        parts.append(f"/resume {result.work_item_id}")
    return " · ".join(parts)


def describe_status(workspace: str, status: RuntimeStatus, left: Sequence[LeftItem]) -> str:
    """Say what Millrace does in a workspace: daemon, active stage and item, queues, blocked."""
    daemon = "running" if status.process_running else "not running"
    if status.paused:
        daemon += f", paused by {status.pause_sources}"
    if status.stop_requested:
        daemon += ", asked to stop"
    active = "-"
    if status.active_stage or status.active_item_id:
        active = f"{status.active_stage or 'a stage'} on {status.active_item_id or 'its own work'}"
    queues = " · ".join(f"{plane} {depth}" for plane, depth in status.queue_depths.items())
    blocked = [item for item in left if item.state is ItemState.BLOCKED]
    lines = [
        workspace,
        f"  daemon   {daemon}",
        f"  mode     {status.mode_id or '-'}",
        f"  active   {active}",
        f"  queues   {queues}",
        f"  blocked  {len(blocked) or '-'}",
    ]
    lines += [f"           {item.item_id}  {item.title}" for item in blocked[:_SHOWN_ITEMS]]
    return "\n".join([*lines, *_more(len(blocked))])


def describe_left(left: Sequence[LeftItem], workspace: str) -> str:
    """List what Millrace still works on or has blocked; items of ours carry a mark."""
    if not left:
        return f"Millrace holds nothing unfinished in {workspace}"
    lines = [
        f"{'*' if item.ours else ' '} {item.state:<8}{item.work_kind:<9}{item.item_id}"
        f"  {item.title}"
        for item in left[:_SHOWN_ITEMS]
    ]
    return "\n".join(
        [*lines, *_more(len(left)), "go on with one: /resume ID   (* enqueued by Millracer)"]
    )


def describe_workspaces(selected: str, registered: Sequence[RegisteredWorkspace]) -> str:
    """List the registered workspaces; the selected one carries a mark."""
    entries = [(entry.workspace_id, entry.root_path) for entry in registered]
    if selected not in {path for _, path in entries}:
        entries.insert(0, ("-", selected))
    width = max(len(name) for name, _ in entries)
    return "\n".join(
        f"{'*' if path == selected else ' '} {name:<{width}}  {path}" for name, path in entries
    )


def _grounds(result: RunResult) -> list[str]:
    """Return what proves the end, or why it ended so and what is missing."""
    if result.outcome is Outcome.COMPLETED:
        direct = result.route is Route.DIRECT
        return ["pi did it directly"] if direct else [", ".join(map(_brief, result.proof))]
    found = [gap.found for gap in result.missing_evidence[:1] if result.work_item_id is not None]
    if result.outcome is Outcome.CANCELLED:
        return [f"the item stays in Millrace: {state}" for state in found]
    reason = [] if result.event is None else [result.event.reason]
    needed = [f"missing: {gap.needed}" for gap in result.missing_evidence[:1] if found]
    return [*reason, *needed]


def _brief(fact: Fact) -> str:
    """Say what one piece of proof says, for somebody who knows which item is meant."""
    match fact:
        case ItemFact():
            return f"{fact.work_kind} {fact.state}"
        case StageFact():
            return f"{fact.stage} {fact.terminal_result}"
        case _:
            return state_fact(fact)


def _left(result: RunResult) -> bool:
    return any(step.action in {"continue", "retry"} for step in result.next_steps)


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{seconds:.1f} s"


def _more(count: int) -> list[str]:
    return [f"  … and {count - _SHOWN_ITEMS} more"] if count > _SHOWN_ITEMS else []
