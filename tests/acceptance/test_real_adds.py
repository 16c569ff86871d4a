"""Hostile texts really added to Millrace: what it stores equals the request, in every kind."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from millracer.domain.requests import IntakeKind, RequestBody, RunRequest, ScopedWork
from millracer.domain.work.identity import work_item_for
from millracer.domain.work.items import WorkItem
from millracer.millrace.intake.documents import IntakeDocument, render_document, verify_document
from millracer.millrace.intake.fields import (
    decode_reference,
    decode_reference_lines,
    decode_request,
    decode_scope,
    request_hash_in,
)
from millracer.millrace.intake.markdown import parse_document, parse_fields
from tests.support.hostile import ATTACKS, REFERENCES
from tests.support.workspace import make_workspace

CALL_SECONDS = 120
KINDS = list(IntakeKind)
EVERYTHING = "\n".join(ATTACKS)


@dataclass(frozen=True, slots=True)
class Queue:
    """The queue of a real workspace without a daemon."""

    millrace: str
    workspace: Path

    def add(self, kind: IntakeKind, document: Path) -> Path:
        """Add one document and return where it is stored."""
        said = call(
            self.millrace, "queue", f"add-{kind}", str(document), "--workspace", str(self.workspace)
        )
        found = re.search(rf"^enqueued_{kind}: (.+)$", said, re.MULTILINE)
        assert found, said
        return Path(found[1])


@pytest.fixture(scope="module")
def queue(millrace_command: str, tmp_path_factory: pytest.TempPathFactory) -> Queue:
    workspace = tmp_path_factory.mktemp("workspace")
    call(millrace_command, "init", "--workspace", str(workspace))
    return Queue(millrace_command, workspace)


def call(*argv: str) -> str:
    done = subprocess.run(
        argv, capture_output=True, text=True, timeout=CALL_SECONDS, check=False, encoding="utf-8"
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def scope_of(text: str) -> ScopedWork:
    """A scope that says the text in every field."""
    return ScopedWork(
        item_id=f"ITEM {text}",
        title=text,
        source_queue=text,
        spec_path=text,
        completion_ref=text,
        constraints=(text, text),
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.ending
def test_all_attacks_at_once_are_stored_exactly(
    queue: Queue, tmp_path: Path, kind: IntakeKind
) -> None:
    body = RequestBody(
        task=EVERYTHING, scope=scope_of(EVERYTHING), context_refs=(*REFERENCES, *ATTACKS)
    )

    assert_stored(queue, tmp_path, kind, body)


@pytest.mark.slow
@pytest.mark.parametrize("number", range(len(ATTACKS)))
def test_each_attack_alone_is_stored_exactly(queue: Queue, tmp_path: Path, number: int) -> None:
    text, kind = ATTACKS[number], KINDS[number % len(KINDS)]

    scope = scope_of(text) if number % 2 else None

    assert_stored(queue, tmp_path, kind, RequestBody(task=text, scope=scope, context_refs=(text,)))


@pytest.mark.parametrize("kind", [IntakeKind.TASK, IntakeKind.PROBE])
def test_the_references_stand_in_the_stored_document_as_written(
    queue: Queue, tmp_path: Path, kind: IntakeKind
) -> None:
    references = ("docs/a.md#L10", "https://example.org/a?b=c", "two\nlines")
    item, document = make(kind, RequestBody(task="Refer", context_refs=references))

    stored = queue.add(kind, write(document, tmp_path))

    assert parse_document(stored.read_text(encoding="utf-8"), kind).items("References") == (
        f".millracer/intake/{item.item_id}.request.txt",
        f"request-sha256:{item.request_hash}",
        "docs/a.md#L10",
        "https://example.org/a?b=c",
        'json "two\\nlines"',
    )


def test_an_ideas_references_stand_in_the_source_artifact_its_spec_names(
    millrace_command: str, tmp_path: Path
) -> None:
    workspace = make_workspace(tmp_path / "workspace", millrace_command)
    references = (*REFERENCES, *ATTACKS)
    _, document = make(IntakeKind.IDEA, RequestBody(task="Refer", context_refs=references))

    Queue(millrace_command, workspace.root).add(IntakeKind.IDEA, write(document, tmp_path))
    one_tick = ("--max-ticks", "1", "--mode", "default_pi", "--workspace", str(workspace.root))
    call(millrace_command, "run", "daemon", *one_tick)

    (spec,) = workspace.agents.glob("specs/*/idea-*.md")
    source = workspace.root / parse_fields(spec.read_text(encoding="utf-8")).items("References")[0]
    text = source.read_text(encoding="utf-8")
    assert decode_reference_lines(text.split("\n")) == references
    assert "\n- docs/a.md#L10\n" in text


def make(kind: IntakeKind, body: RequestBody) -> tuple[WorkItem, IntakeDocument]:
    """A proven document and its item."""
    request = RunRequest(
        task=body.task,
        scope=body.scope,
        context_refs=body.context_refs,
        request_id="r",
        request_id_named=True,
    )
    item = work_item_for(request, unique="unused")
    document = render_document(item, kind, body, created_at=datetime.now(UTC))
    verify_document(document, item, body)
    return item, document


def write(document: IntakeDocument, folder: Path) -> Path:
    """Write a document as it is handed to Millrace."""
    path = folder / document.file_name
    path.write_text(document.text, encoding="utf-8", newline="")
    return path


def assert_stored(queue: Queue, folder: Path, kind: IntakeKind, body: RequestBody) -> None:
    item, document = make(kind, body)

    stored = queue.add(kind, write(document, folder))

    text = stored.read_text(encoding="utf-8")
    spec = () if body.scope is None else (body.scope.spec_path,)
    if kind is IntakeKind.IDEA:
        assert stored.name == document.file_name
        assert text == document.text
        forms = tuple(text.split("\n"))
        assert decode_reference_lines(forms) == body.context_refs
    else:
        read = parse_document(text, kind)
        assert stored.stem == item.item_id
        assert read == parse_document(document.text, kind)
        forms = (*read.items("Constraints"), *read.items("Acceptance"))
        references = tuple(decode_reference(each) for each in read.items("References")[2:])
        assert references == (*spec, *body.context_refs)
    assert request_hash_in(text) == item.request_hash
    assert decode_request(forms) == body.task
    assert decode_scope(forms) == body.scope
