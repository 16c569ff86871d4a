"""What Millrace's agents read: each kind's document word for word, as `documents/` has it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from millracer.domain.requests import IntakeKind, RequestBody, ScopedWork
from millracer.domain.work.items import WorkItem
from millracer.millrace.intake.documents import render_document
from tests.support.hostile import HASH

_TEXTS = Path(__file__).parent / "documents"
_ITEM = WorkItem(item_id="item-1-00ff", request_hash=HASH, named=True)
_BODY = RequestBody(
    task="Mend it.\n\n  See  ",
    scope=ScopedWork(
        item_id="ITEM-1",
        title="Fix the widget",
        source_queue="queues/main.md",
        spec_path="specs/ITEM-1.md",
        completion_ref="submit-ITEM-1",
        constraints=("Touch no other item.",),
    ),
    context_refs=("docs/a.md", "two words"),
)
_NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.mark.parametrize("kind", list(IntakeKind))
def test_a_document_reads_so_word_for_word(kind: IntakeKind, *, update_docs: bool) -> None:
    path = _TEXTS / f"{kind}.md"
    text = render_document(_ITEM, kind, _BODY, created_at=_NOW).text

    if update_docs:
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")
