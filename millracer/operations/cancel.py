"""Cancel one item in Millrace's queue, and check the effect.

If the item itself is done and led to other work, the waiting and blocked items of that work are
cancelled. Millrace does not cancel active items, and while a stage is active it defers every
cancellation until nothing is active.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial

from millracer.cancellation import Cancellation, Cancelled, Wait
from millracer.domain.control import ControlCommand, ControlOutcome, ControlReport
from millracer.domain.operations.requests import CancelRequest
from millracer.domain.run.evidence import lineage_of
from millracer.domain.run.observation import leads_to_more_work
from millracer.domain.run.result import NextStep
from millracer.domain.work.items import ItemState, ItemStatus
from millracer.errors import ToolFailed
from millracer.operations import control as controlling
from millracer.operations.answer import Answer
from millracer.operations.context import OperationContext
from millracer.operations.control import Found, answered, reported, require_workspace, step
from millracer.operations.items.find_item import unknown_item
from millracer.ports import Backend
from millracer.run.prepare.lookup import item_named
from millracer.schemas.control import ControlResult

#: Millrace requires a reason and keeps it with the cancelled item.
DEFAULT_REASON = "no longer wanted"

_READ_AGAIN_SECONDS = 1.0
_NOT_THERE_YET = frozenset({ItemState.MAILBOX, ItemState.INBOX})
_CANCELABLE = frozenset({ItemState.QUEUED, ItemState.BLOCKED})


def answer_cancel(request: CancelRequest, context: OperationContext) -> Answer[ControlResult]:
    """Take an item out of the queue of the caller's workspace."""

    def do(millrace: Backend, cancellation: Cancellation) -> ControlReport:
        reason = request.reason or DEFAULT_REASON
        report = cancel(request.work_item_id, millrace, cancellation, reason=reason)
        if report.outcome is ControlOutcome.DONE and report.state is ItemState.CANCELLED:
            _record_end(report, context)
        return report

    return answered(context, do)


def _record_end(report: ControlReport, context: OperationContext) -> None:
    """Record the files at the cancellation: later changes are those of other work."""
    if report.item_id is None:
        return
    repository = context.tools.repository(report.workspace)
    with suppress(Cancelled):  # the cancellation of the item is reported
        repository.changes(report.item_id, Wait(context.cancellation), is_final=True)


def cancel(
    name: str, millrace: Backend, cancellation: Cancellation, *, reason: str = DEFAULT_REASON
) -> ControlReport:
    """Take an item out of the queue; the report lists errors.

    Args:
        name: the item's id or its request id.
        millrace: the workspace's backend.
        cancellation: the caller's cancellation.
        reason: kept by Millrace.
    """
    do = partial(_cancel, millrace, name, reason)
    return reported(ControlCommand.CANCEL, millrace, cancellation, do)


def _cancel(millrace: Backend, name: str, reason: str, wait: Wait) -> Found:
    require_workspace(millrace, wait)
    item_status = _await_acceptance(millrace, item_named(name, millrace), wait)
    if item_status.state is ItemState.ABSENT:
        raise unknown_item(name, millrace)
    if item_status.state is ItemState.DONE and leads_to_more_work(item_status):
        return _cancel_descendants(millrace, item_status, reason, wait)
    return _cancel_one(millrace, item_status, reason, wait)


def _await_acceptance(millrace: Backend, item_id: str, wait: Wait) -> ItemStatus:
    """Return the item's status, after a running daemon had time to accept the item."""
    bound = wait.within(controlling.CONFIRM_SECONDS)
    item_status = millrace.look_up(item_id, wait)
    while (
        item_status.state in _NOT_THERE_YET
        and not bound.expired
        and millrace.supervisor.find() is not None
    ):
        bound.sleep(_READ_AGAIN_SECONDS)
        item_status = millrace.look_up(item_id, wait)
    return item_status


def _cancel_descendants(
    millrace: Backend, item_status: ItemStatus, reason: str, wait: Wait
) -> Found:
    members = [
        member
        for member in lineage_of(millrace.trace_lineage(item_status))
        if member.item_id not in {item_status.item_id, item_status.millrace_id}
        and (member.state.is_live or member.state is ItemState.BLOCKED)
    ]
    if not members:
        return _report_ended(item_status)
    found = [
        _cancel_one(millrace, millrace.look_up(member.item_id, wait), reason, wait)
        for member in members
    ]
    worst = max(found, key=lambda each: _severity(each.outcome))
    return replace(
        worst,
        item_id=item_status.item_id,
        state=item_status.state,
        message=f"{item_status.item_id} is done itself; its descendants: "
        + "; ".join(each.message for each in found),
    )


def _severity(outcome: ControlOutcome) -> int:
    return list(ControlOutcome).index(outcome)


def _cancel_one(millrace: Backend, item_status: ItemStatus, reason: str, wait: Wait) -> Found:
    if millrace.supervisor.find() is None:
        _repair_after_dead_daemon(millrace, wait)
        item_status = millrace.look_up(item_status.item_id, wait)
    if item_status.state in _NOT_THERE_YET:
        where = f"Millrace's {item_status.state}, where it cannot be cancelled"
        message = f"{item_status.item_id} waits in {where}"
        return _found(
            ControlOutcome.NOT_POSSIBLE, item_status, message, _by_hand(millrace, item_status)
        )
    if item_status.state not in _CANCELABLE:
        return _report_not_cancelable(millrace, item_status)
    return _ask_to_cancel(millrace, item_status, reason, wait)


def _ask_to_cancel(millrace: Backend, item_status: ItemStatus, reason: str, wait: Wait) -> Found:
    item_id = item_status.item_id
    try:
        receipt = millrace.cancel_item(item_status.millrace_id or item_id, reason, wait)
    except ToolFailed:
        # It may have moved, or another caller may have cancelled it, since the last read.
        after = millrace.look_up(item_id, wait)
        if after.state is item_status.state:
            raise
        return _report_not_cancelable(millrace, after)
    mailed = receipt.pending_command is not None
    bound = wait.within(controlling.CONFIRM_SECONDS)
    refused = controlling.await_daemon(millrace, receipt, bound)
    after = millrace.look_up(item_id, wait)
    while mailed and refused is None and after.state in _CANCELABLE and not bound.expired:
        bound.sleep(_READ_AGAIN_SECONDS)  # the daemon may have deferred it
        after = millrace.look_up(item_id, wait)
    if after.state is ItemState.CANCELLED:
        return _found(ControlOutcome.DONE, after, f"{item_id} is cancelled")
    if after.state not in _CANCELABLE:
        return _report_not_cancelable(millrace, after)
    if mailed and refused is None:
        return _report_deferred(millrace, after)
    raise ToolFailed(
        "millrace",
        f"Millrace did not cancel {item_id}: {refused or receipt.detail}",
        suggested_action="check the workspace with `millracer status`",
    )


def _repair_after_dead_daemon(millrace: Backend, wait: Wait) -> None:
    """Return a dead daemon's active item to the queue, where it can be cancelled."""
    with millrace.supervisor.control(wait.within(controlling.LOCK_SECONDS)) as control:
        if control.running(wait) is None:
            control.repair(wait)


def _report_not_cancelable(millrace: Backend, item_status: ItemStatus) -> Found:
    if item_status.state is ItemState.ACTIVE:
        return _report_active(millrace, item_status)
    return _report_ended(item_status)


def _report_ended(item_status: ItemStatus) -> Found:
    if item_status.state is ItemState.CANCELLED:
        message = f"{item_status.item_id} was cancelled before"
        return _found(ControlOutcome.ALREADY, item_status, _with_detail(message, item_status))
    message = f"{item_status.item_id} has ended already: it is {item_status.state}"
    return _found(ControlOutcome.TOO_LATE, item_status, _with_detail(message, item_status))


def _with_detail(message: str, item_status: ItemStatus) -> str:
    return f"{message} ({item_status.detail})" if item_status.detail else message


def _report_active(millrace: Backend, item_status: ItemStatus) -> Found:
    message = f"Millrace works on {item_status.item_id}, and does not cancel an active item"
    steps = (
        step("stop", millrace, "stop", "--force"),
        step("cancel", millrace, "cancel", item_status.item_id),
    )
    return _found(ControlOutcome.NOT_POSSIBLE, item_status, message, steps)


def _report_deferred(millrace: Backend, item_status: ItemStatus) -> Found:
    message = f"{item_status.item_id} is not cancelled yet: the daemon waits until no stage runs"
    steps = (step("look", millrace, "status"),)
    return _found(ControlOutcome.NOT_CONFIRMED, item_status, message, steps)


def _by_hand(millrace: Backend, item_status: ItemStatus) -> Sequence[NextStep]:
    steps = millrace.commands.next_steps(item_status, (), watch_command="")
    return [each for each in steps if each.action == "cancel"]


def _found(
    outcome: ControlOutcome, item_status: ItemStatus, message: str, steps: Sequence[NextStep] = ()
) -> Found:
    return Found(
        outcome,
        message,
        item_id=item_status.item_id,
        state=item_status.state,
        next_steps=tuple(steps),
    )
