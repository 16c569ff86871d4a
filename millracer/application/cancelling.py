"""Taking one item out of Millrace's queue: asked for, and then looked for.

An item that led on to other work is done itself; what is cancelled then is what of that work is
still waiting or blocked. Millrace cancels nothing that it works on, and beside an active stage it
puts every cancel off until nothing is active.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from millracer.application import controlling
from millracer.application.controlling import Found, reported, require_workspace, step
from millracer.application.naming import item_named
from millracer.domain.control import ControlCommand, ControlOutcome, ControlReport
from millracer.domain.lineage import lineage_of
from millracer.domain.observation import leads_to_more_work
from millracer.domain.result import NextStep, next_steps_for
from millracer.domain.work import ItemState, Standing
from millracer.errors import InvalidRequest, ToolFailed
from millracer.ports import Millrace
from millracer.waiting import Cancellation, Wait

#: Millrace keeps a reason with every cancelled item, and wants one.
DEFAULT_REASON = "no longer wanted"

_LOOK_AGAIN_SECONDS = 1.0
_NOT_THERE_YET = frozenset({ItemState.MAILBOX, ItemState.INBOX})
_CANCELABLE = frozenset({ItemState.QUEUED, ItemState.BLOCKED})


def cancel(
    name: str, millrace: Millrace, cancellation: Cancellation, *, reason: str = DEFAULT_REASON
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


def _cancel(millrace: Millrace, name: str, reason: str, wait: Wait) -> Found:
    require_workspace(millrace, wait)
    standing = _settled(millrace, item_named(name, millrace), wait)
    if standing.state is ItemState.ABSENT:
        raise InvalidRequest(
            f"workspace {millrace.workspace} holds no work item {name}",
            field="work_item_id",
            suggested_action="see what there is with `millracer status`, or check --workspace",
        )
    if standing.state is ItemState.DONE and leads_to_more_work(standing):
        return _cancel_what_it_led_to(millrace, standing, reason, wait)
    return _cancel_one(millrace, standing, reason, wait)


def _settled(millrace: Millrace, item_id: str, wait: Wait) -> Standing:
    """Return where the item stands, once a living daemon has taken it in."""
    bound = wait.within(controlling.CONFIRM_SECONDS)
    standing = millrace.look_up(item_id, wait)
    while (
        standing.state in _NOT_THERE_YET
        and not bound.expired
        and millrace.find_daemon() is not None
    ):
        bound.sleep(_LOOK_AGAIN_SECONDS)
        standing = millrace.look_up(item_id, wait)
    return standing


def _cancel_what_it_led_to(
    millrace: Millrace, standing: Standing, reason: str, wait: Wait
) -> Found:
    members = [
        member
        for member in lineage_of(millrace.trace_lineage(standing))
        if member.item_id not in {standing.item_id, standing.millrace_id}
        and (member.state.is_live or member.state is ItemState.BLOCKED)
    ]
    if not members:
        return _ended(standing)
    found = [
        _cancel_one(millrace, millrace.look_up(member.item_id, wait), reason, wait)
        for member in members
    ]
    worst = max(found, key=lambda each: _severity(each.outcome))
    return replace(
        worst,
        item_id=standing.item_id,
        state=standing.state,
        message=f"{standing.item_id} is done itself; of what came out of it: "
        + "; ".join(each.message for each in found),
    )


def _severity(outcome: ControlOutcome) -> int:
    return list(ControlOutcome).index(outcome)


def _cancel_one(millrace: Millrace, standing: Standing, reason: str, wait: Wait) -> Found:
    if millrace.find_daemon() is None:
        _clear_what_a_dead_one_left(millrace, wait)
        standing = millrace.look_up(standing.item_id, wait)
    if standing.state in _NOT_THERE_YET:
        where = f"Millrace's {standing.state}, from where it is not cancelled"
        message = f"{standing.item_id} waits in {where}"
        return _found(ControlOutcome.NOT_POSSIBLE, standing, message, _by_hand(millrace, standing))
    if standing.state not in _CANCELABLE:
        return _not_cancelable(millrace, standing)
    return _ask_to_cancel(millrace, standing, reason, wait)


def _ask_to_cancel(millrace: Millrace, standing: Standing, reason: str, wait: Wait) -> Found:
    item_id = standing.item_id
    try:
        receipt = millrace.cancel_item(standing.millrace_id or item_id, reason, wait)
    except ToolFailed:
        # It may have moved, or been cancelled by somebody else, since we looked.
        after = millrace.look_up(item_id, wait)
        if after.state is standing.state:
            raise
        return _not_cancelable(millrace, after)
    mailed = receipt.mailbox_command is not None
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


def _clear_what_a_dead_one_left(millrace: Millrace, wait: Wait) -> None:
    """Let what a daemon worked on when it died go back to the queue, from where it is cancelled."""
    with millrace.control(wait.within(controlling.LOCK_SECONDS)) as control:
        if control.running(wait) is None:
            control.repair(wait)


def _not_cancelable(millrace: Millrace, standing: Standing) -> Found:
    if standing.state is ItemState.ACTIVE:
        return _being_worked_on(millrace, standing)
    return _ended(standing)


def _ended(standing: Standing) -> Found:
    if standing.state is ItemState.CANCELLED:
        message = f"{standing.item_id} was cancelled before"
        return _found(ControlOutcome.ALREADY, standing, _with_detail(message, standing))
    message = f"{standing.item_id} has ended already: it is {standing.state}"
    return _found(ControlOutcome.TOO_LATE, standing, _with_detail(message, standing))


def _with_detail(message: str, standing: Standing) -> str:
    return f"{message} ({standing.detail})" if standing.detail else message


def _being_worked_on(millrace: Millrace, standing: Standing) -> Found:
    message = f"Millrace works on {standing.item_id}, and cancels nothing that it works on"
    steps = (
        step("stop", millrace, "stop", "--force"),
        step("cancel", millrace, "cancel", standing.item_id),
    )
    return _found(ControlOutcome.NOT_POSSIBLE, standing, message, steps)


def _put_off(millrace: Millrace, standing: Standing) -> Found:
    message = (
        f"{standing.item_id} is to be cancelled: the daemon puts that off while a stage runs, and "
        "does it once none does"
    )
    steps = (step("look", millrace, "status"),)
    return _found(ControlOutcome.NOT_CONFIRMED, standing, message, steps)


def _by_hand(millrace: Millrace, standing: Standing) -> Sequence[NextStep]:
    steps = next_steps_for(
        standing, (), millrace=millrace.program, workspace=millrace.workspace, resume_command=""
    )
    return [each for each in steps if each.action == "cancel"]


def _found(
    outcome: ControlOutcome, standing: Standing, message: str, steps: Sequence[NextStep] = ()
) -> Found:
    return Found(
        outcome,
        message,
        item_id=standing.item_id,
        state=standing.state,
        next_steps=tuple(steps),
    )
