"""The proof before a document is added: whatever is not as it was meant is refused."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

import pytest

from millracer.domain.requests import IntakeKind
from millracer.errors import MillracerError
from millracer.millrace.intake import documents, fields
from millracer.millrace.intake.documents import DOCUMENT_UNSAFE, render_document, verify_document
from millracer.millrace.intake.fields import SCOPE_CONTRACT, request_forms, scope_forms
from tests.support.hostile import HASH
from tests.support.intake_documents import NOW, SCOPE, body_of, item_of, render


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("| first line", "| last line"),
        ("|     indented", "| indented"),
        ("|\n", ""),
        ("- |\n", ""),
        ("# First line", "# Other"),
        ("End of the request.", "End."),
        ("request-sha256:", "request-sha256: "),
        ("Request-SHA256: ", "Request-SHA256:  "),
        ('constraint: "Touch no other item."', 'constraint: ""'),
        (SCOPE_CONTRACT[1], "Batch."),
        ("k-", "other-"),
        ("Created-By: millracer", "Created-By: somebody"),
        ("Created-By: millracer", "Created-By: millracer\nRoot-Spec-ID: zzz"),
        ("Risk:", "Depends-On:\n- zzz\n\nRisk:"),
        ("Created-At: 2026", "Created-At: soon"),
        ("Target-Paths:\n- .", "Target-Paths:\n- /etc"),
        ("| first", "\u2028| first"),
        ("| first", "\ud800| first"),
        ("- docs/a.md", "- docs/b.md"),
        ("- docs/a.md\n", ""),
        ("- docs/a.md\n", "- docs/a.md\n- docs/a.md\n"),
        ("- docs/a.md", '- json "docs/a.md"'),
        ("## References", "## Refs"),
        ("- .millracer/intake/k-0001", "- .millracer/intake/k-0002"),
    ],
)
def test_a_document_that_was_altered_anywhere_is_refused(before: str, after: str) -> None:
    task = "first line\n\n    indented\nFirst line"
    scope = replace(SCOPE, title="First line")
    body = body_of(task, scope, "docs/a.md")
    item = item_of(body)
    rendered = [render_document(item, kind, body, created_at=NOW) for kind in IntakeKind]
    concerned = [document for document in rendered if before in document.text]
    assert concerned

    for document in concerned:
        verify_document(document, item, body)
        altered = replace(document, text=document.text.replace(before, after))
        with pytest.raises(MillracerError) as refused:
            verify_document(altered, item, body)

        assert refused.value.code == DOCUMENT_UNSAFE
        assert item.item_id in refused.value.message


@pytest.mark.parametrize(
    ("kind", "before", "after", "message"),
    [
        (IntakeKind.TASK, "# t", "# u", "Title"),
        (IntakeKind.TASK, "Risk:", "Tags:\n- x\n\nRisk:", "fields"),
        (IntakeKind.PROBE, "Created-By: millracer", "Created-By: me", "Created-By"),
        (IntakeKind.IDEA, "# t", "# u", "title"),
        (IntakeKind.IDEA, "word for word", "roughly", "summary"),
        (IntakeKind.IDEA, "## Request", "## Wish", "text"),
    ],
)
def test_a_refusal_names_the_difference(
    kind: IntakeKind, before: str, after: str, message: str
) -> None:
    body = body_of("t")
    document = render(kind, body)
    altered = replace(document, text=document.text.replace(before, after))

    with pytest.raises(MillracerError, match=re.escape(message)):
        verify_document(altered, item_of(body), body)


def test_an_idea_titled_as_its_file_would_get_another_title_from_millrace() -> None:
    body = body_of("idea-k-0001")

    with pytest.raises(MillracerError, match=r"title.*# idea-k-0001"):
        verify_document(render(IntakeKind.IDEA, body), item_of(body), body)


@pytest.mark.parametrize("kind", list(IntakeKind))
@pytest.mark.parametrize(
    ("field", "message"),
    [
        ("item_id", "item id"),
        ("file_name", "file name"),
        ("request_file_name", "request file"),
        ("request_text", "verbatim request"),
    ],
)
def test_a_document_with_a_wrong_name_beside_its_text_is_refused(
    kind: IntakeKind, field: str, message: str
) -> None:
    body = body_of("t")
    document = replace(render(kind, body), **{field: "other"})

    with pytest.raises(MillracerError, match=f"request: {message} reads 'other', expected"):
        verify_document(document, item_of(body), body)


@pytest.mark.parametrize("kind", list(IntakeKind))
@pytest.mark.parametrize(
    ("form", "written", "message"),
    [
        ("reference_item", lambda _: "lost", "references reads"),
        ("request_forms", lambda _: request_forms("lost"), "request reads 'lost'"),
        ("scope_forms", lambda _: (), "scope reads None"),
        ("scope_forms", lambda _: scope_forms(SCOPE)[3:], r"scope contract reads \(\)"),
    ],
)
def test_a_form_that_would_lose_what_it_carries_is_noticed_by_reading_back(
    kind: IntakeKind,
    form: str,
    written: Callable[[object], object],
    message: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(documents, form, written)
    monkeypatch.setattr(fields, form, written)
    body = body_of("t", SCOPE, "docs/a.md")

    with pytest.raises(MillracerError, match=f"request: {message}"):
        verify_document(render(kind, body), item_of(body), body)


@pytest.mark.parametrize("kind", [IntakeKind.TASK, IntakeKind.PROBE])
def test_a_contract_without_a_scope_is_noticed_by_reading_back(
    kind: IntakeKind, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(documents, "scope_forms", lambda _: SCOPE_CONTRACT)
    body = body_of("t")

    with pytest.raises(MillracerError, match="scope contract"):
        verify_document(render(kind, body), item_of(body), body)


@pytest.mark.parametrize("kind", list(IntakeKind))
def test_a_document_of_another_request_is_refused(kind: IntakeKind) -> None:
    body = body_of("t", SCOPE, "a")
    document, item = render(kind, body), item_of(body)
    others = (
        replace(body, task="u"),
        replace(body, scope=None),
        replace(body, scope=replace(SCOPE, constraints=())),
        replace(body, context_refs=()),
        replace(body, context_refs=("a", "b")),
    )

    for other in others:
        with pytest.raises(MillracerError):
            verify_document(document, item, other)
    with pytest.raises(MillracerError):
        verify_document(document, replace(item, request_hash=HASH), body)


@pytest.mark.parametrize(
    ("tail", "message"),
    [
        ("\u2028", "lines reads"),
        ("\x85words\n", "lines reads"),
        ("\n\ud800\n", "'utf-8' codec can't encode"),
        ("words\r\n", "lines reads"),
        ("words", "lines reads"),
    ],
)
@pytest.mark.parametrize("kind", list(IntakeKind))
def test_a_document_with_a_tail_that_millrace_might_read_otherwise_is_refused(
    kind: IntakeKind, tail: str, message: str
) -> None:
    body = body_of("t")
    document = render(kind, body)

    with pytest.raises(MillracerError, match=f"request: {message}"):
        verify_document(replace(document, text=document.text + tail), item_of(body), body)


@pytest.mark.parametrize("kind", list(IntakeKind))
def test_a_document_without_a_hash_of_its_request_is_refused(kind: IntakeKind) -> None:
    body = body_of("t")
    item = replace(item_of(body), request_hash="")
    document = render_document(item, kind, body, created_at=NOW)

    with pytest.raises(MillracerError, match="request hash"):
        verify_document(document, item, body)
