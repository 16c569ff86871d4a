"""Adds a work item to Millrace's queue exactly once, even if other commands add it concurrently.

The steps use the `IntakeQueue` protocol, so that a scripted queue runs the same code.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from millracer.cancellation import Cancelled, Wait
from millracer.domain.requests import IntakeKind
from millracer.domain.work.items import ItemState, ItemStatus, SubmitReceipt, WorkItem
from millracer.domain.work.runtime import CommandReply, CommandState
from millracer.errors import ProtocolError, ToolFailed, ToolTimeout
from millracer.millrace.wire.text_output import AddReceipt

#: Another run may hold the item's lock while its add is under way.
_LOCK_SECONDS = 150.0
#: Under load, starting `millrace` takes up to six seconds.
_CLEANUP_SECONDS = 10.0
_POLL_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class ItemLock:
    """An exclusive lock on one work item; the add process inherits its descriptor."""

    item_id: str
    descriptor: int


class IntakeQueue(Protocol):
    """The workspace operations that `submit_once` needs."""

    def document_path(self, item_id: str, kind: IntakeKind) -> str:
        """Return where the item's document is stored."""
        ...

    def look_up(self, item_id: str, wait: Wait) -> ItemStatus:
        """Return an item's state; `absent` if Millrace does not have it."""
        ...

    def lock_item(self, item_id: str, wait: Wait) -> AbstractContextManager[ItemLock]:
        """Hold the item's lock; wait for the orphaned add of a killed run."""
        ...

    def add(self, path: str, kind: IntakeKind, lock: ItemLock, wait: Wait) -> AddReceipt:
        """Add one stored document to Millrace's queue.

        Raises:
            ToolFailed: Millrace refused the document; nothing was queued.
            ToolTimeout, ProtocolError: unknown whether it was queued.
        """
        ...


def submit_once(
    queue: IntakeQueue,
    item: WorkItem,
    kind: IntakeKind,
    wait: Wait,
    *,
    now: Callable[[], datetime],
) -> SubmitReceipt:
    """Add an item's stored document under the item's lock, unless the item is there already.

    Raises:
        ToolFailed: Millrace refused the document; nothing was queued.
        ToolTimeout, ProtocolError: the add failed and the item is not there.
        Cancelled: the caller requested a stop before the add began.
    """
    with queue.lock_item(item.item_id, wait.within(_LOCK_SECONDS)) as lock:
        if item.named:
            found = queue.look_up(item.item_id, wait)
            if found.state is not ItemState.ABSENT:
                return SubmitReceipt(status=found, existed=True)
        try:
            receipt = queue.add(queue.document_path(item.item_id, kind), kind, lock, wait)
        except Cancelled as cancelled:
            found = queue.look_up(item.item_id, wait.cleaning_up(_CLEANUP_SECONDS))
            return SubmitReceipt(status=found, interrupted=cancelled.reason)
        except (ToolTimeout, ProtocolError):
            found = queue.look_up(item.item_id, wait)
            if found.state is ItemState.ABSENT:
                raise
            return SubmitReceipt(status=found, existed=True)
        if receipt.duplicate:
            found = queue.look_up(item.item_id, wait)
            if found.state is ItemState.ABSENT:
                raise ToolFailed(
                    "millrace",
                    f"Millrace calls {item.item_id} a duplicate but shows no such item",
                    suggested_action="run `millrace doctor` in the workspace",
                )
            return SubmitReceipt(status=found, existed=True)
    status = ItemStatus(
        item_id=item.item_id,
        kind=kind,
        state=_added_state(kind, in_mailbox=receipt.stored_path is None),
        millrace_id=None if kind is IntakeKind.IDEA else item.item_id,
        request_hash=item.request_hash,
        source=f"millrace queue add-{kind}",
        path=receipt.stored_path,
        observed_at=now(),
    )
    return SubmitReceipt(status=status, pending_command=receipt.mailbox_command)


def await_reply(read_reply: Callable[[], CommandReply], wait: Wait) -> CommandReply:
    """Return the daemon's reply to a command in its mailbox; `waiting` once the wait is over."""
    reply = read_reply()
    while reply.state is CommandState.WAITING and not wait.expired:
        wait.sleep(_POLL_SECONDS)
        reply = read_reply()
    return reply


def _added_state(kind: IntakeKind, *, in_mailbox: bool) -> ItemState:
    if in_mailbox:
        return ItemState.MAILBOX
    return ItemState.INBOX if kind is IntakeKind.IDEA else ItemState.QUEUED
