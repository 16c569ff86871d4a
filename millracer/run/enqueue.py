"""Handing one item to Millrace's queue, once: its document, and the add under the item's lock."""

from __future__ import annotations

from millracer.cancellation import Cancelled
from millracer.domain.intake import choose_intake
from millracer.domain.items import ItemState, ItemStatus
from millracer.domain.lifecycle import RunEvent, Step
from millracer.domain.requests import IntakeKind
from millracer.errors import MillracerError, ProtocolError, ToolFailed, ToolTimeout
from millracer.millrace.intake.documents import render_document, verify_document
from millracer.ports import Clock, Millrace
from millracer.run.context import RunContext
from millracer.run.lookup import find_item

#: Another millracer may start a daemon, or add an item, meanwhile.
LOCK_SECONDS = 150.0
#: Under load the start of `millrace` alone takes up to six.
LOOK_AGAIN_SECONDS = 10.0


def write_document(record: RunContext, millrace: Millrace, clock: Clock) -> None:
    """Choose the intake kind and store the document that is to be added; the record names both."""
    request, item, decision = record.request, record.known_item, record.decision
    choice = choose_intake(
        request.task,
        request.intake,
        None if decision is None else decision.intake_kind,
        () if decision is None else decision.signals,
    )
    record.intake_kind, record.intake_signals = choice.kind, choice.signals
    document = render_document(item, choice.kind, request.body, created_at=clock.now())
    verify_document(document, item, request.body)
    record.document_path = millrace.store_intake(document)


def enqueue(record: RunContext, millrace: Millrace, clock: Clock) -> Step:
    """Add the stored document, unless the item is there already; the record says where it stands.

    Returns:
        `item_enqueued`, or what it means that the item was there before.

    Raises:
        ToolFailed: Millrace refused the document; nothing was queued.
        IdempotencyConflict: the item is there with another body.
        Cancelled: the caller asked to stop; the record says whether it was queued.
    """
    item, kind, path = record.known_item, record.intake_kind, record.document_path
    if kind is None or path is None:
        raise MillracerError("there is no intake document to enqueue")
    with millrace.lock_item(item.item_id, record.wait.within(LOCK_SECONDS)) as lock:
        if item.named:
            found = find_item(record, millrace)
            if found is not None:
                return found
        try:
            receipt = millrace.add(path, kind, lock, record.wait)
        except Cancelled:
            record.item_status = millrace.look_up(
                item.item_id, record.wait.cleaning_up(LOOK_AGAIN_SECONDS)
            )
            raise
        except (ToolTimeout, ProtocolError):
            found = find_item(record, millrace)
            if found is None:
                raise
            return found
        if receipt.duplicate:
            found = find_item(record, millrace)
            if found is None:
                raise ToolFailed(
                    "millrace",
                    f"Millrace calls {item.item_id} a duplicate but shows no such item",
                    suggested_action="run `millrace doctor` in the workspace",
                )
            return found
    record.mailbox_command = receipt.mailbox_command
    record.item_status = ItemStatus(
        item_id=item.item_id,
        kind=kind,
        state=_enqueued_state(kind, in_mailbox=receipt.stored_path is None),
        millrace_id=None if kind is IntakeKind.IDEA else item.item_id,
        request_hash=item.request_hash,
        source=f"millrace queue add-{kind}",
        path=receipt.stored_path,
        observed_at=clock.now(),
    )
    return Step(RunEvent.ITEM_ENQUEUED)


def _enqueued_state(kind: IntakeKind, *, in_mailbox: bool) -> ItemState:
    if in_mailbox:
        return ItemState.MAILBOX
    return ItemState.INBOX if kind is IntakeKind.IDEA else ItemState.QUEUED
