"""Wait until a daemon has accepted an item from its mailbox."""

from __future__ import annotations

from millracer.domain.run.lifecycle import RunEvent, Step
from millracer.domain.work.items import ItemState
from millracer.domain.work.runtime import CommandState
from millracer.errors import ToolFailed
from millracer.ports import Backend
from millracer.run.context import RunContext

#: How long a daemon may take to accept an item before the wait ends with a warning.
ACCEPT_SECONDS = 20.0


def accept(record: RunContext, millrace: Backend) -> Step:
    """Wait up to `ACCEPT_SECONDS` for the daemon to accept the item from its mailbox.

    An item that was not sent to a mailbox is accepted already.

    Raises:
        ToolFailed: the daemon refused the item; nothing was queued.
    """
    accepted = Step(RunEvent.ITEM_ACCEPTED)
    if record.pending_command is None:
        return accepted
    wait = record.wait.within(ACCEPT_SECONDS)
    reply = millrace.await_reply(record.pending_command, wait)
    if reply.state is CommandState.WAITING:
        record.warn("not_taken_in", "the daemon has not accepted the item from its mailbox yet")
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
        suggested_action="fix the reported cause and submit it again",
    )
