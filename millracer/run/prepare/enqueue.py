"""Submit the run's work item to the backend, once."""

from __future__ import annotations

from millracer.cancellation import Cancelled
from millracer.domain.run.lifecycle import RunEvent, Step
from millracer.domain.work.intake import choose_intake
from millracer.errors import MillracerError
from millracer.ports import Backend
from millracer.run.context import RunContext
from millracer.run.prepare.lookup import adopt_item


def write_document(record: RunContext, millrace: Backend) -> None:
    """Choose the intake kind and store the request; the record names the kind and the document."""
    request, decision = record.request, record.decision
    choice = choose_intake(
        request.task,
        request.intake,
        None if decision is None else decision.intake_kind,
        () if decision is None else decision.signals,
    )
    record.intake_kind, record.intake_signals = choice.kind, choice.signals
    record.document_path = millrace.store_request(record.known_item, choice.kind, request.body)


def enqueue(record: RunContext, millrace: Backend) -> Step:
    """Submit the item unless the backend has it already; the record gets its status.

    Returns:
        `item_enqueued`, or the step for an item that existed before.

    Raises:
        ToolFailed: the backend refused the item; nothing was queued.
        IdempotencyConflict: the item exists with another body.
        Cancelled: the caller asked to stop; the record says whether it was queued.
    """
    if record.intake_kind is None or record.document_path is None:
        raise MillracerError("there is no intake document to enqueue")
    receipt = millrace.submit(record.known_item, record.intake_kind, record.wait)
    if receipt.existed:
        return adopt_item(record, millrace, receipt.status)
    record.item_status = receipt.status
    record.pending_command = receipt.pending_command
    if receipt.interrupted is not None:
        raise Cancelled(receipt.interrupted)
    return Step(RunEvent.ITEM_ENQUEUED)
