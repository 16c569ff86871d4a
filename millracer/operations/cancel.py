"""Taking one item out of Millrace's queue: asked for, and then looked for.

An item that led on to other work is done itself; what is cancelled then is what of that work is
still waiting or blocked. Millrace cancels nothing that it works on, and beside an active stage it
puts every cancel off until nothing is active.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from millracer.cancellation import Cancellation, Wait
from millracer.domain.control import ControlCommand, ControlOutcome, ControlReport
from millracer.domain.evidence import lineage_of
from millracer.domain.items import ItemState, ItemStatus
from millracer.domain.observation import leads_to_more_work
from millracer.domain.operations import CancelRequest
from millracer.domain.result import NextStep
from millracer.errors import InvalidRequest, ToolFailed
from millracer.operations import control as controlling
from millracer.operations.answer import Answer
from millracer.operations.context import OperationContext
from millracer.operations.control import Found, answered, reported, require_workspace, step
from millracer.ports import Backend
from millracer.run.lookup import item_named
from millracer.schemas.control import ControlResult

#: Millrace keeps a reason with every cancelled item, and wants one.
DEFAULT_REASON = "no longer wanted"

_LOOK_AGAIN_SECONDS = 1.0
_NOT_THERE_YET = frozenset({ItemState.MAILBOX, ItemState.INBOX})
_CANCELABLE = frozenset({ItemState.QUEUED, ItemState.BLOCKED})


def answer_cancel(request: CancelRequest, context: OperationContext) -> Answer[ControlResult]:
    """Take an item out of the queue of the caller's workspace."""

    def do(millrace: Backend, cancellation: Cancellation) -> ControlReport:
        reason = request.reason or DEFAULT_REASON
        return cancel(request.name, millrace, cancellation, reason=reason)

    return answered(context, do)


def cancel(
    name: str, millrace: Backend, cancellation: Cancellation, *, reason: str = DEFAULT_REASON
) -> ControlReport:
    """Take an item out of the queue; errors are told in the report.

    Args:
        name: the item's id, or its request's.
        millrace: of the workspace.
        cancellation: of the caller.
        reason: kept by Millrace.
    """
    do = partial(_cancel, millrace, name, reason)
    return reported(ControlCommand.CANCEL, millrace, cancellation, do)


def _cancel(millrace: Backend, name: str, reason: str, wait: Wait) -> Found:
    require_workspace(millrace, wait)
    item_status = _settled(millrace, item_named(name, millrace), wait)
    if item_status.state is ItemState.ABSENT:
        raise InvalidRequest(
            f"workspace {millrace.workspace} holds no work item {name}",
            field="work_item_id",
            suggested_action="see what there is with `millracer status`, or check --workspace",
        )
    if item_status.state is ItemState.DONE and leads_to_more_work(item_status):
        return _cancel_what_it_led_to(millrace, item_status, reason, wait)
    return _cancel_one(millrace, item_status, reason, wait)


def _settled(millrace: Backend, item_id: str, wait: Wait) -> ItemStatus:
    """Return where the item stands, once a living daemon has taken it in."""
    bound = wait.within(controlling.CONFIRM_SECONDS)
    item_status = millrace.look_up(item_id, wait)
    while (
        item_status.state in _NOT_THERE_YET
        and not bound.expired
        and millrace.supervisor.find() is not None
    ):
        bound.sleep(_LOOK_AGAIN_SECONDS)
        item_status = millrace.look_up(item_id, wait)
    return item_status


def _cancel_what_it_led_to(
    millrace: Backend, item_status: ItemStatus, reason: str, wait: Wait
) -> Found:
    members = [
        member
        for member in lineage_of(millrace.trace_lineage(item_status))
        if member.item_id not in {item_status.item_id, item_status.millrace_id}
        and (member.state.is_live or member.state is ItemState.BLOCKED)
    ]
    if not members:
        return _ended(item_status)
    found = [
        _cancel_one(millrace, millrace.look_up(member.item_id, wait), reason, wait)
        for member in members
    ]
    worst = max(found, key=lambda each: _severity(each.outcome))
    return replace(
        worst,
        item_id=item_status.item_id,
        state=item_status.state,
        message=f"{item_status.item_id} is done itself; of what came out of it: "
        + "; ".join(each.message for each in found),
    )


def _severity(outcome: ControlOutcome) -> int:
    return list(ControlOutcome).index(outcome)


def _cancel_one(millrace: Backend, item_status: ItemStatus, reason: str, wait: Wait) -> Found:
    if millrace.supervisor.find() is None:
        _clear_what_a_dead_one_left(millrace, wait)
        item_status = millrace.look_up(item_status.item_id, wait)
    if item_status.state in _NOT_THERE_YET:
        where = f"Millrace's {item_status.state}, from where it is not cancelled"
        message = f"{item_status.item_id} waits in {where}"
        return _found(
            ControlOutcome.NOT_POSSIBLE, item_status, message, _by_hand(millrace, item_status)
        )
    if item_status.state not in _CANCELABLE:
        return _not_cancelable(millrace, item_status)
    return _ask_to_cancel(millrace, item_status, reason, wait)


def _ask_to_cancel(millrace: Backend, item_status: ItemStatus, reason: str, wait: Wait) -> Found:
    item_id = item_status.item_id
    try:
        receipt = millrace.cancel_item(item_status.millrace_id or item_id, reason, wait)
    except ToolFailed:
        # It may have moved, or been cancelled by somebody else, since we looked.
        after = millrace.look_up(item_id, wait)
        if after.state is item_status.state:
            raise
        return _not_cancelable(millrace, after)
    mailed = receipt.pending_command is not None
    bound = wait.within(controlling.CONFIRM_SECONDS)
    refused = controlling.await_daemon(millrace, receipt, bound)
    after = millrace.look_up(item_id, wait)
    while mailed and refused is None and after.state in _CANCELABLE and not bound.expired:
        bound.sleep(_LOOK_AGAIN_SECONDS)  # the daemon may have put it off
        after = millrace.look_up(item_id, wait)
    if after.state is ItemState.CANCELLED:
        return _found(ControlOutcome.DONE, after, f"{item_id} is cancelled")
    if after.state not in _CANCELABLE:
        return _not_cancelable(millrace, after)
    if mailed and refused is None:
        return _put_off(millrace, after)
    raise ToolFailed(
        "millrace",
        f"Millrace did not cancel {item_id}: {refused or receipt.detail}",
        suggested_action="see what `millracer status` says of the workspace",
    )


def _clear_what_a_dead_one_left(millrace: Backend, wait: Wait) -> None:
    """Let what a daemon worked on when it died go back to the queue, from where it is cancelled."""
    with millrace.supervisor.control(wait.within(controlling.LOCK_SECONDS)) as control:
        if control.running(wait) is None:
            control.repair(wait)


def _not_cancelable(millrace: Backend, item_status: ItemStatus) -> Found:
    if item_status.state is ItemState.ACTIVE:
        return _being_worked_on(millrace, item_status)
    return _ended(item_status)


def _ended(item_status: ItemStatus) -> Found:
    if item_status.state is ItemState.CANCELLED:
        message = f"{item_status.item_id} was cancelled before"
        return _found(ControlOutcome.ALREADY, item_status, _with_detail(message, item_status))
    message = f"{item_status.item_id} has ended already: it is {item_status.state}"
    return _found(ControlOutcome.TOO_LATE, item_status, _with_detail(message, item_status))


def _with_detail(message: str, item_status: ItemStatus) -> str:
    return f"{message} ({item_status.detail})" if item_status.detail else message


def _being_worked_on(millrace: Backend, item_status: ItemStatus) -> Found:
    message = f"Millrace works on {item_status.item_id}, and cancels nothing that it works on"
    steps = (
        step("stop", millrace, "stop", "--force"),
        step("cancel", millrace, "cancel", item_status.item_id),
    )
    return _found(ControlOutcome.NOT_POSSIBLE, item_status, message, steps)


def _put_off(millrace: Backend, item_status: ItemStatus) -> Found:
    message = f"{item_status.item_id} is to be cancelled: the daemon waits until no stage runs"
    steps = (step("look", millrace, "status"),)
    return _found(ControlOutcome.NOT_CONFIRMED, item_status, message, steps)


def _by_hand(millrace: Backend, item_status: ItemStatus) -> Sequence[NextStep]:
    steps = millrace.commands.next_steps(item_status, (), resume_command="")
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
