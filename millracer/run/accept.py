"""Waiting until a daemon has accepted the item that was put in its mailbox."""

from __future__ import annotations

from millracer.domain.items import ItemState
from millracer.domain.lifecycle import RunEvent, Step
from millracer.domain.runtime import CommandState
from millracer.errors import ToolFailed
from millracer.ports import Backend
from millracer.run.context import RunContext

#: How long a daemon may take to accept an item before the wait ends with a warning.
ACCEPT_SECONDS = 20.0


def accept(record: RunContext, millrace: Backend) -> Step:
    """Wait a while for the daemon in whose mailbox the item is; without one, it is accepted.

    Raises:
        ToolFailed: the daemon refused it; nothing was queued.
    """
    accepted = Step(RunEvent.ITEM_ACCEPTED)
    if record.pending_command is None:
        return accepted
    wait = record.wait.within(ACCEPT_SECONDS)
    reply = millrace.await_reply(record.pending_command, wait)
    if reply.state is CommandState.WAITING:
        record.warn("not_taken_in", "the daemon has not taken the item in yet; it will")
        return accepted
    item_status = millrace.look_up(record.known_item.item_id, record.wait)
    if item_status.state not in {ItemState.ABSENT, ItemState.REFUSED}:
        record.item_status = item_status
        return accepted
    record.item_status = None
    raise ToolFailed(
        "millrace",
        "Millrace's daemon refused the item: "
        f"{reply.detail or item_status.detail or 'it is in no folder of the workspace'}",
        suggested_action="mend what it says, and submit it again",
    )
