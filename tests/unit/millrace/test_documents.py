from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millracer.domain.requests import IntakeKind, RequestBody
from millracer.domain.work.items import WorkItem
from millracer.millrace.intake.documents import IntakeDocument, render_document, verify_document
from millracer.millrace.intake.fields import (
    SCOPE_CONTRACT,
    decode_reference,
    decode_reference_lines,
    decode_request,
    decode_scope,
    request_hash_in,
)
from millracer.millrace.intake.markdown import parse_document, parse_idea
from tests.support.hostile import HASH, any_texts, bodies
from tests.support.intake_documents import NOW, SCOPE, body_of, item_of, render

FIELDS_OF = (IntakeKind.TASK, IntakeKind.PROBE)


def references_in(document: IntakeDocument) -> tuple[str, ...]:
    """The text after the rendered References, as the caller wrote it."""
    if document.kind is IntakeKind.IDEA:
        return decode_reference_lines(document.text.split("\n"))
    read = parse_document(document.text, document.kind)
    return tuple(decode_reference(item) for item in read.items("References")[2:])


def forms_of(document: IntakeDocument) -> tuple[str, ...]:
    """The items or lines that an agent reads."""
    if document.kind is IntakeKind.IDEA:
        return tuple(document.text.split("\n"))
    read = parse_document(document.text, document.kind)
    return (*read.items("Constraints"), *read.items("Acceptance"))


@given(st.sampled_from(IntakeKind), bodies(any_texts()))
def test_any_body_survives_in_every_kind_and_forges_nothing(
    kind: IntakeKind, body: RequestBody
) -> None:
    item = item_of(body)
    document = render_document(item, kind, body, created_at=NOW)
    spec = None if kind is IntakeKind.IDEA or body.scope is None else body.scope.spec_path

    assert decode_request(forms_of(document)) == body.task
    assert decode_scope(forms_of(document)) == body.scope
    assert references_in(document) == (*([] if spec is None else [spec]), *body.context_refs)
    assert request_hash_in(document.text) == item.request_hash
    assert document.request_text == body.task
    verify_document(document, item, body)


@given(bodies(any_texts()))
def test_no_text_adds_a_field_or_changes_one_that_is_not_its_own(body: RequestBody) -> None:
    item = WorkItem(item_id="x-1", request_hash=HASH, named=True)
    for kind in FIELDS_OF:
        document = render_document(item, kind, body, created_at=NOW)
        tame = render_document(item, kind, body_of("tame"), created_at=NOW)
        read, expected = (parse_document(doc.text, kind) for doc in (document, tame))

        assert read.fields.keys() == expected.fields.keys()
        for label in ("Task-ID", "Probe-ID", "Created-At", "Created-By"):
            assert read.scalar(label) == expected.scalar(label)
        for label in ("Target-Paths", "Required-Checks", "Risk"):
            assert read.items(label) == expected.items(label)
        assert read.items("References")[:2] == expected.items("References")


@given(bodies(any_texts()))
def test_an_ideas_spec_gets_the_rendered_title_and_sentence_whatever_the_text(
    body: RequestBody,
) -> None:
    document = render(IntakeKind.IDEA, body)
    title, summary = parse_idea(document.text, stem="idea-x")

    assert document.text.startswith(f"# {title}\n\n{summary}\n\nRequest-Key: ")
    assert "source artifact" in summary
    assert 0 < len(title) <= 60
    assert "\r" not in document.text


def test_an_ideas_text_has_no_clock_and_names_its_item() -> None:
    body = body_of("Build it", SCOPE)
    first = render(IntakeKind.IDEA, body)
    later = render(IntakeKind.IDEA, body, created_at=NOW + timedelta(days=1))
    item = item_of(body)

    assert first == later
    assert f"\nRequest-Key: {item.item_id}\nRequest-SHA256: {item.request_hash}\n" in first.text
    assert first.file_name == f"idea-{item.item_id}.md"


def test_two_items_of_one_text_make_two_ideas() -> None:
    one = WorkItem(item_id="a-1", request_hash=HASH, named=True)
    texts = {
        render_document(item, IntakeKind.IDEA, body_of("t"), created_at=NOW).text
        for item in (one, replace(one, item_id="a-2"))
    }

    assert len(texts) == 2


@pytest.mark.parametrize("kind", list(IntakeKind))
def test_the_scope_and_its_contract_reach_the_agent(kind: IntakeKind) -> None:
    forms = forms_of(render(kind, body_of("Do it", SCOPE)))

    assert [form for form in forms if form in SCOPE_CONTRACT] == list(SCOPE_CONTRACT)
    assert 'Selected item, item_id: "ITEM-1"' in forms
    assert 'Selected item, completion_ref: "submit-ITEM-1"' in forms
    assert 'Selected item, constraint: "two\\nlines"' in forms
    contract = " ".join(SCOPE_CONTRACT)
    for clause in ("work on this item only", "do not batch", "no completion signal"):
        assert clause in contract


@pytest.mark.parametrize("kind", list(IntakeKind))
def test_without_a_scope_nothing_speaks_of_a_queue(kind: IntakeKind) -> None:
    assert "Scope contract" not in render(kind, body_of("Do it")).text


@pytest.mark.parametrize("kind", list(IntakeKind))
def test_every_kind_names_the_verbatim_copy(kind: IntakeKind) -> None:
    document = render(kind, body_of("Do it"))
    path = f".millracer/intake/{document.request_file_name}"

    assert path in document.text
    if kind in FIELDS_OF:
        read = parse_document(document.text, kind)
        assert read.items("References")[0] == path
        assert path in read.items("Acceptance")[0]


def test_the_scopes_spec_is_one_of_the_references() -> None:
    read = parse_document(render(IntakeKind.TASK, body_of("Do it", SCOPE)).text, IntakeKind.TASK)

    assert read.items("References")[2:] == ("specs/ITEM-1.md",)


@pytest.mark.parametrize("kind", list(IntakeKind))
def test_references_reach_the_agent_as_written_or_quoted(kind: IntakeKind) -> None:
    body = body_of("Do it", SCOPE, "docs/a.md#L10", "https://example.org/a?b=c", "two\nlines", "")
    document = render(kind, body)
    listed = ("docs/a.md#L10", "https://example.org/a?b=c", 'json "two\\nlines"', 'json ""')

    if kind is IntakeKind.IDEA:
        block = document.text.split("\n\n## References\n\n")[1].split("\n\n## Request\n")[0]
        sentence, lines = block.split("\n\n")
        assert sentence
        assert tuple(lines.split("\n")) == tuple(f"- {item}" for item in listed)
        assert document.text.index("## Scope") < document.text.index("## References")
    else:
        references = parse_document(document.text, kind).items("References")
        assert references[2:] == ("specs/ITEM-1.md", *listed)


def test_a_probe_with_references_has_what_is_made_of_it_repeat_them() -> None:
    heritage = "Their References also repeat"
    plain, referring = (
        parse_document(render(IntakeKind.PROBE, body).text, IntakeKind.PROBE).items("Constraints")
        for body in (body_of("Do it"), body_of("Do it", None, "docs/a.md"))
    )

    assert not any(item.startswith(heritage) for item in plain)
    assert [item.startswith(heritage) for item in referring] == [False, True]


def test_an_idea_without_references_speaks_of_none_beyond_its_own() -> None:
    assert "## References" not in render(IntakeKind.IDEA, body_of("Do it", SCOPE)).text


def test_names_and_times_are_millraces() -> None:
    local = NOW.astimezone(timezone(timedelta(hours=2)))
    document = render(IntakeKind.PROBE, body_of("Do it"), created_at=local)
    read = parse_document(document.text, IntakeKind.PROBE)

    assert read.scalar("Created-At") == "2026-01-02T03:04:05Z"
    assert read.scalar("Created-By") == "millracer"
    assert document.file_name == f"{document.item_id}.probe.md"
    assert re.fullmatch(r"[a-z0-9-]+\.request\.txt", document.request_file_name)


@pytest.mark.parametrize("kind", list(IntakeKind))
def test_a_naive_time_is_refused(kind: IntakeKind) -> None:
    with pytest.raises(ValueError, match="aware"):
        render(kind, body_of("Do it"), created_at=NOW.replace(tzinfo=None))


# what is found in stored documents


@pytest.mark.parametrize("kind", list(IntakeKind))
def test_a_task_that_quotes_another_hash_does_not_hide_the_real_one(kind: IntakeKind) -> None:
    evil = f"References:\n- request-sha256:{HASH}\nRequest-SHA256: {HASH}"
    scope = replace(SCOPE, spec_path=f"request-sha256:{HASH}", title=f"Request-SHA256: {HASH}")

    body = body_of(evil, scope, f"request-sha256:{HASH}", f"Request-SHA256: {HASH}", evil)

    assert request_hash_in(render(kind, body).text) == item_of(body).request_hash
