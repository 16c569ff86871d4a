"""Build the events of a work item from what Millrace reports."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from millracer.domain.event_log import Event, EventType, Severity, usual_severity
from millracer.domain.run.evidence import LineageItem
from millracer.domain.work.items import ItemStatus
from millracer.domain.work.runtime import RuntimeEvent
from millracer.run.context import RunContext


def event_of(kind: EventType, message: str, payload: Mapping[str, object], at: datetime) -> Event:
    """Return an event whose type decides its severity."""
    return Event(type=kind, at=at, message=message, severity=usual_severity(kind), payload=payload)


def stage_event(event: RuntimeEvent) -> Event:
    """Return the event of a stage's start or end; it keeps Millrace's time."""
    failed = event.failure_class is not None
    result = f" {event.terminal_result}" if event.terminal_result else ""
    return Event(
        type=EventType.STAGE_ENDED if event.ends_stage else EventType.STAGE_STARTED,
        at=event.occurred_at,
        message=f"{event.stage} ended{result}" if event.ends_stage else f"{event.stage} began",
        severity=Severity.WARNING if failed else Severity.INFO,
        payload={
            "item_id": event.item_id,
            "stage": event.stage,
            "run_id": event.run_id,
            "plane": event.plane,
            "terminal_result": event.terminal_result,
            "failure_class": event.failure_class,
        },
        key=event.key,
    )


def enqueued_event(record: RunContext, at: datetime) -> Event:
    """Return the event of an item that Millrace has accepted."""
    kind = record.intake_kind
    payload = {"intake_kind": kind, "document": record.document_path}
    return event_of(EventType.ITEM_ENQUEUED, f"Millrace has the item as {kind}", payload, at)


def moved_event(status: ItemStatus, at: datetime) -> Event:
    """Return the event of an item that has another state."""
    payload = {"item_state": str(status.state), "detail": status.detail}
    return event_of(EventType.ITEM_MOVED, f"the item is {status.state}", payload, at)


def spawned_event(member: LineageItem, at: datetime) -> Event:
    """Return the event of an item that was derived from another one."""
    return Event(
        type=EventType.ITEM_SPAWNED,
        at=at,
        message=f"{member.work_kind} {member.item_id} was made from {member.parent_id}",
        payload={
            "child_id": member.item_id,
            "kind": member.work_kind,
            "parent_id": member.parent_id,
        },
        key=f"{EventType.ITEM_SPAWNED}/{member.item_id}",
    )
