"""Put a blocked item back into Millrace's queue, and check the effect.

If the item itself is done and led to other work, the blocked items of that work are retried.
Millrace retries nothing while a daemon runs, so the lifecycle lock is held meanwhile: no other
command of Millracer can start one.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from millracer.cancellation import Cancellation, Wait
from millracer.domain.control import ControlCommand, ControlOutcome, ControlReport
from millracer.domain.operations.requests import RetryRequest
from millracer.domain.run.evidence import lineage_of
from millracer.domain.run.observation import leads_to_more_work
from millracer.domain.work.items import ItemState, ItemStatus
from millracer.errors import ToolFailed
from millracer.operations import control as controlling
from millracer.operations.answer import Answer
from millracer.operations.context import OperationContext
from millracer.operations.control import Found, answered, reported, require_workspace, step
from millracer.operations.items.find_item import find_item
from millracer.ports import Backend
from millracer.schemas.control import ControlResult

#: Millrace requires a reason and keeps it with the item.
DEFAULT_REASON = "try again"


def answer_retry(request: RetryRequest, context: OperationContext) -> Answer[ControlResult]:
    """Put a blocked item of the caller's workspace back into the queue."""

    def do(millrace: Backend, cancellation: Cancellation) -> ControlReport:
        reason = request.reason or DEFAULT_REASON
        return retry(request.work_item_id, millrace, cancellation, reason=reason)

    return answered(context, do)


def retry(
    name: str, millrace: Backend, cancellation: Cancellation, *, reason: str = DEFAULT_REASON
) -> ControlReport:
    """Put a blocked item back into the queue; the report lists errors.

    Args:
        name: the item's id, its request id, or a unique beginning of its id.
        millrace: the workspace's backend.
        cancellation: the caller's cancellation.
        reason: kept by Millrace.
    """
    do = partial(_retry, millrace, name, reason)
    return reported(ControlCommand.RETRY, millrace, cancellation, do)


def _retry(millrace: Backend, name: str, reason: str, wait: Wait) -> Found:
    require_workspace(millrace, wait)
    item_status = find_item(name, millrace, wait)
    blocked = _blocked_ids(millrace, item_status)
    if not blocked:
        return _report_not_blocked(millrace, item_status)
    with millrace.supervisor.control(wait.within(controlling.LOCK_SECONDS)) as control:
        if control.running(wait) is not None:
            return _report_daemon(millrace, item_status)
        control.repair(wait)
        for item_id in blocked:
            millrace.retry_item(item_id, reason, wait)
    return _confirm(millrace, item_status, blocked, wait)


def _blocked_ids(millrace: Backend, item_status: ItemStatus) -> Sequence[str]:
    """Return the blocked item itself, or the blocked descendants of a done one."""
    own_id = item_status.millrace_id or item_status.item_id
    if item_status.state is ItemState.BLOCKED:
        return [own_id]
    if item_status.state is not ItemState.DONE or not leads_to_more_work(item_status):
        return []
    members = lineage_of(millrace.trace_lineage(item_status))
    return [
        member.item_id
        for member in members
        if member.state is ItemState.BLOCKED and member.item_id not in {own_id, item_status.item_id}
    ]


def _confirm(
    millrace: Backend, item_status: ItemStatus, retried: Sequence[str], wait: Wait
) -> Found:
    held = [
        item_id for item_id in retried if millrace.look_up(item_id, wait).state is ItemState.BLOCKED
    ]
    if held:
        raise ToolFailed(
            "millrace",
            f"Millrace accepted the retry, and still holds {', '.join(held)} as blocked",
            suggested_action="check the workspace with `millracer status`",
        )
    return Found(
        ControlOutcome.DONE,
        f"{' and '.join(retried)} is back in the queue"
        if len(retried) == 1
        else f"{', '.join(retried)} are back in the queue",
        item_id=item_status.item_id,
        state=millrace.look_up(item_status.item_id, wait).state,
        next_steps=(step("watch", millrace, "watch", item_status.item_id),),
    )


def _report_not_blocked(millrace: Backend, item_status: ItemStatus) -> Found:
    item_id, state = item_status.item_id, item_status.state
    if state.is_live:
        steps = (step("watch", millrace, "watch", item_id),)
        message = f"{item_id} is not blocked: it is {state}"
        return Found(ControlOutcome.ALREADY, message, item_id, state, steps)
    message = f"{item_id} is not blocked: it is {state}"
    return Found(ControlOutcome.TOO_LATE, message, item_id, state)


def _report_daemon(millrace: Backend, item_status: ItemStatus) -> Found:
    item_id = item_status.item_id
    return Found(
        ControlOutcome.NOT_POSSIBLE,
        "a daemon runs, and Millrace retries nothing meanwhile",
        item_id=item_id,
        state=item_status.state,
        next_steps=(step("stop", millrace, "stop"), step("retry", millrace, "retry", item_id)),
    )
