"""Hostile texts really added to Millrace: what it stores says what was asked, in every kind."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from millracer.domain.documents import (
    decode_request,
    decode_scope,
    render_document,
    request_hash_in,
    verify_document,
)
from millracer.domain.identity import work_item_for
from millracer.domain.millrace_markdown import parse_document
from millracer.domain.work import IntakeKind, RunRequest, ScopedWork
from tests.support.hostile import ATTACKS

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
def test_all_attacks_at_once_are_stored_exactly(
    queue: Queue, tmp_path: Path, kind: IntakeKind
) -> None:
    assert_stored(queue, tmp_path, kind, EVERYTHING, scope_of(EVERYTHING))


@pytest.mark.slow
@pytest.mark.parametrize("number", range(len(ATTACKS)))
def test_each_attack_alone_is_stored_exactly(queue: Queue, tmp_path: Path, number: int) -> None:
    text, kind = ATTACKS[number], KINDS[number % len(KINDS)]

    assert_stored(queue, tmp_path, kind, text, scope_of(text) if number % 2 else None)


def assert_stored(
    queue: Queue, folder: Path, kind: IntakeKind, task: str, scope: ScopedWork | None
) -> None:
    request = RunRequest(task=task, request_id="r", request_id_named=True, scope=scope)
    item = work_item_for(request, unique="unused")
    document = render_document(item, kind, task=task, scope=scope, created_at=datetime.now(UTC))
    verify_document(document, item, task, scope)
    path = folder / document.file_name
    path.write_text(document.text, encoding="utf-8", newline="")

    stored = queue.add(kind, path)

    text = stored.read_text(encoding="utf-8")
    if kind is IntakeKind.IDEA:
        assert stored.name == document.file_name
        assert text == document.text
        forms = tuple(text.split("\n"))
    else:
        read = parse_document(text, kind)
        assert stored.stem == item.item_id
        assert read == parse_document(document.text, kind)
        forms = (*read.items("Constraints"), *read.items("Acceptance"))
    assert request_hash_in(text) == item.request_hash
    assert decode_request(forms) == task
    assert decode_scope(forms) == scope
