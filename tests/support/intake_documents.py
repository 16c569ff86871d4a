"""Requests of small bodies, and their documents."""

from __future__ import annotations

from datetime import UTC, datetime

from millracer.domain.requests import IntakeKind, RequestBody, ScopedWork
from millracer.domain.work.identity import hash_request
from millracer.domain.work.items import WorkItem
from millracer.millrace.intake.documents import IntakeDocument, render_document

NOW = datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC)
SCOPE = ScopedWork(
    item_id="ITEM-1",
    title="Fix the widget",
    source_queue="queues/main.md",
    spec_path="specs/ITEM-1.md",
    completion_ref="submit-ITEM-1",
    constraints=("Touch no other item.", "two\nlines"),
)


def body_of(task: str, scope: ScopedWork | None = None, *context_refs: str) -> RequestBody:
    return RequestBody(task=task, scope=scope, context_refs=context_refs)


def item_of(body: RequestBody) -> WorkItem:
    return WorkItem(item_id="k-0001", request_hash=hash_request(body), named=True)


def render(kind: IntakeKind, body: RequestBody, created_at: datetime = NOW) -> IntakeDocument:
    return render_document(item_of(body), kind, body, created_at=created_at)
