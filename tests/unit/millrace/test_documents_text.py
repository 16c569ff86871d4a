"""Titles of documents, and how a document that is not safe is refused."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from millracer.domain.requests import IntakeKind, RequestBody, ScopedWork
from millracer.domain.work.items import WorkItem
from millracer.errors import MillracerError
from millracer.millrace.intake.documents import DOCUMENT_UNSAFE, render_document, verify_document
from tests.support.hostile import HASH

ITEM = WorkItem(item_id="item-1-00ff", request_hash=HASH, named=True)
BODY = RequestBody(
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
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def test_a_document_without_a_line_of_words_still_has_a_title() -> None:
    document = render_document(ITEM, IntakeKind.TASK, RequestBody(task="?"), created_at=NOW)

    assert document.text.startswith("# Requested work\n")


@pytest.mark.parametrize("title", [None, "", "?"])
def test_a_scope_without_words_in_its_title_leaves_it_to_the_task(title: str | None) -> None:
    body = replace(BODY, scope=ScopedWork(item_id="ITEM-1", title=title))
    document = render_document(ITEM, IntakeKind.TASK, body, created_at=NOW)

    assert document.text.startswith("# Mend it.\n")


def test_an_unsafe_document_is_refused_with_what_differs_and_what_to_do() -> None:
    document = render_document(ITEM, IntakeKind.TASK, BODY, created_at=NOW)
    altered = replace(document, text=document.text.replace("By: millracer", "By: " + "x" * 300))

    with pytest.raises(MillracerError) as refused:
        verify_document(altered, ITEM, BODY)

    assert refused.value.code == DOCUMENT_UNSAFE == "document_unsafe"
    assert "item-1-00ff" in refused.value.message
    assert "Created-By" in refused.value.message
    assert f"'{'x' * 199}" in refused.value.message
    assert "x" * 200 not in refused.value.message
    assert refused.value.suggested_action
