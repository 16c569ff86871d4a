"""The reports of the tools on a fleet."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from millracer.domain.fleet.items import FleetItemState
from millracer.domain.run.outcome import Outcome
from millracer.mcp.report import TaskReport, TaskStatus, shortened
from millracer.schemas.fleet.control import FleetControlResult
from millracer.schemas.fleet.hosts import FleetHostsResult
from millracer.schemas.fleet.items import FleetListResult
from millracer.schemas.fleet.report import FleetItemDocument
from millracer.schemas.fleet.workspaces import FleetWorkspacesResult

#: The most items that a report lists.
MOST_LINES: Final = 200


def describe_fleet_item(item: FleetItemDocument, result: Mapping[str, Any] | None) -> TaskReport:
    """Return the report of an item: its state, or its end with proof or with what is missing.

    Args:
        item: the item.
        result: its ops result; None before its end, or if it ended without a run.
    """
    if item.state is FleetItemState.SET_ASIDE:
        return TaskReport(
            work_item_id=item.work_item_id,
            status=TaskStatus.NOT_COMPLETED,
            message=f"{item.work_item_id} is {_state(item)}",
            scoped_completion=False,
            next=f"only a retry continues it: ask your user to run `millracer fleet retry "
            f"{item.work_item_id}`, or call `retry` if this server offers it",
        )
    if item.state is not FleetItemState.ENDED:
        return TaskReport(
            work_item_id=item.work_item_id,
            status=TaskStatus.WORKING,
            message=f"{item.work_item_id} is {_state(item)}",
            scoped_completion=False,
            next="call `wait` with this work_item_id; it is not done yet",
        )
    completion = _part(result, "completion")
    output = shortened(str(_part(result, "result").get("output") or ""))
    if item.completed:
        return TaskReport(
            work_item_id=item.work_item_id,
            status=TaskStatus.COMPLETED,
            message=f"{item.work_item_id} is completed: evidence on its host proves it",
            outcome=Outcome.COMPLETED,
            scoped_completion=True,
            evidence=[
                f"{each.get('reason')} ({each.get('source')})"
                for each in completion.get("evidence_summary") or ()
            ],
            output=output,
        )
    errors = (result or {}).get("errors") or ()
    why = f": {errors[0].get('message')}" if errors else ""
    is_cancelled = item.outcome == Outcome.CANCELLED
    return TaskReport(
        work_item_id=item.work_item_id,
        status=TaskStatus.CANCELLED if is_cancelled else TaskStatus.NOT_COMPLETED,
        message=f"{item.work_item_id} ended as {item.outcome}, not proven complete{why}",
        outcome=item.outcome,
        scoped_completion=False,
        missing=[str(each) for each in completion.get("missing_evidence") or ()],
        output=output,
        next="the task is not done; correct the cause on its host, and delegate it again with "
        "another request_id",
    )


def describe_fleet_control(control: FleetControlResult) -> TaskReport:
    """Return the report of a command that changes the fleet."""
    succeeded = control.outcome.is_success
    steps = "; ".join(f"{each.action}: `{each.command}`" for each in control.next_steps)
    return TaskReport(
        work_item_id=None if control.item is None else control.item.work_item_id,
        status=TaskStatus.ANSWERED if succeeded else TaskStatus.FAILED,
        message=control.message,
        outcome=control.outcome,
        next=steps or None,
        code=None if succeeded else control.outcome,
    )


def describe_fleet(
    hosts: FleetHostsResult,
    workspaces: FleetWorkspacesResult,
    items: FleetListResult,
    *,
    workspace_id: str | None,
) -> TaskReport:
    """Return the report of a whole fleet.

    Args:
        hosts: its hosts.
        workspaces: its workspaces.
        items: the items that have not ended.
        workspace_id: the only workspace of which the items are listed; None: of all.
    """
    place = "" if workspace_id is None else f" in {workspace_id}"
    running = sum(each.state is FleetItemState.RUNNING for each in items.items)
    lines = [
        f"host {each.host}: {'away' if each.away else 'draining' if each.draining else 'here'}, "
        f"{len(each.running)} of {each.slots} slots in use"
        for each in hosts.hosts
    ]
    lines += [
        f"workspace {each.workspace_id} on {each.host}: "
        + (f"paused ({each.note})" if each.paused else each.running or "free")
        for each in workspaces.workspaces
    ]
    return TaskReport(
        status=TaskStatus.ANSWERED,
        message=f"{len(hosts.hosts)} hosts, {len(workspaces.workspaces)} workspaces; "
        f"{running} items run, {items.total - running} wait{place}",
        output=shortened("\n".join([*lines, *_lines(items)])),
    )


def describe_fleet_items(listed: FleetListResult) -> TaskReport:
    """Return the report of a list of items."""
    return TaskReport(
        status=TaskStatus.ANSWERED,
        message=f"{listed.total} items",
        output=shortened("\n".join(_lines(listed))),
    )


def _lines(listed: FleetListResult) -> list[str]:
    shown = listed.items[:MOST_LINES]
    rest = listed.total - len(shown)
    lines = [f"{each.work_item_id} in {each.workspace_id}: {_state(each)}" for each in shown]
    return [*lines, *([f"… and {rest} more"] if rest else [])]


def _state(item: FleetItemDocument) -> str:
    if item.state is FleetItemState.ENDED:
        return f"ended as {item.outcome}"
    state = item.state.replace("_", " ")
    if item.why:
        return f"{state}: {item.why}"
    progress = item.progress
    if item.state is FleetItemState.RUNNING and progress is not None:
        return f"{state}: {': '.join(filter(None, (progress.stage, progress.message)))}"
    return state


def _part(result: Mapping[str, Any] | None, name: str) -> Mapping[str, Any]:
    found = (result or {}).get(name)
    return found if isinstance(found, Mapping) else {}
