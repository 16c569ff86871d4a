"""Millracer's reading of Millrace's rules against Millrace's own, in its own interpreter."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from millracer.domain.requests import IntakeKind, RequestBody, ScopedWork
from millracer.domain.work.identity import hash_request
from millracer.domain.work.items import WorkItem
from millracer.millrace.intake.documents import render_document
from millracer.millrace.intake.fields import decode_reference, decode_request, request_hash_in
from millracer.millrace.intake.markdown import (
    FieldValue,
    UnreadableDocument,
    parse_document,
    parse_fields,
    parse_idea,
)
from tests.support.hostile import ATTACKS, LABELS, bodies, texts

SCRIPT = Path(__file__).parents[1] / "support" / "millrace_parser.py"
EXAMPLES = 400
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)

pytestmark = pytest.mark.acceptance
thoroughly = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


class MillraceParser:
    """Millrace's parser in a process of its own; answers one question at a time."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def ask(self, op: str, text: str) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"op": op, "text": text}) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, "Millrace's parser died"
        answer: dict[str, Any] = json.loads(line)
        return answer


@pytest.fixture(scope="module")
def millrace(millrace_command: str) -> Iterator[MillraceParser]:
    with subprocess.Popen(
        [interpreter_of(Path(millrace_command)), str(SCRIPT)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    ) as process:
        try:
            yield MillraceParser(process)
        finally:
            process.kill()


def interpreter_of(script: Path) -> str:
    """Read which interpreter a console script starts, also where the path was too long for it."""
    head = script.read_text(encoding="utf-8").splitlines()[:2]
    long_form = re.match(r"'''exec' \"?([^\"]+?)\"? \"\$0\"", head[1])
    return long_form[1] if long_form else head[0].removeprefix("#!").strip()


def field_name(label: str) -> str:
    return label.lower().replace("-", "_")


def as_json(fields: Mapping[str, FieldValue]) -> dict[str, object]:
    return {
        field_name(label): list(value) if isinstance(value, tuple) else value
        for label, value in fields.items()
    }


COMPLETE = {
    IntakeKind.TASK: """# Blue

Task-ID: t-1
Created-At: 2026-01-02T03:04:05Z
Created-By: me

Target-Paths:
- .

Acceptance:
- a

Required-Checks:
- c

References:
- r

Risk:
- n
""",
    IntakeKind.PROBE: """# Blue

Probe-ID: p-1
Summary: s
Request: r
Created-At: 2026-01-02T03:04:05Z
Created-By: me
""",
}
OPTIONAL = {
    IntakeKind.TASK: [
        *("Title", "Summary", "Root-Idea-ID", "Root-Spec-ID", "Root-Intake-Kind", "Spec-ID"),
        *("Root-Intake-ID", "Parent-Task-ID", "Incident-ID", "Status-Hint", "Updated-At"),
        *("Depends-On", "Blocks", "Tags"),
    ],
    IntakeKind.PROBE: [
        *("Title", "Status-Hint", "Updated-At", "Target-Paths", "Constraints", "Acceptance"),
        *("Risk-Notes", "References", "Tags"),
    ],
}
#: Values of the fields that are more than text, right and wrong ones.
IDENTIFIERS = ["t-1", "A.b_c", "9", "a b", ".x", "\u00fc"]
TYPED = {
    "Title": ["Blue", "Blue", "Red"],
    "Updated-At": ["2026-01-02T03:04:05.123+01:00", "2026-02-28T00:00:00", "2026-02-30T00:00:00Z"],
    "Status-Hint": ["queued", "active", "blocked", "done", "Queued", "lost"],
    "Root-Intake-Kind": ["idea", "probe", "manual", "incident", "derived_spec", "task"],
}


def fields(label: str) -> st.SearchStrategy[str]:
    """One field in every shape it may be tried in."""
    line = texts().map(lambda text: "".join(text.splitlines()[:1]))
    if label in TYPED:
        return st.sampled_from(TYPED[label]).map(lambda value: f"{label}: {value}")
    if label.endswith("-ID"):
        return st.sampled_from(IDENTIFIERS).map(lambda value: f"{label}: {value}")
    item = st.sampled_from(["x", "none", "- y", "| z"]) | line
    listed = st.lists(item, min_size=1, max_size=3).map("\n- ".join)
    return st.one_of(
        line.map(lambda value: f"{label}: {value}"),
        listed.map(lambda items: f"\n{label}:\n- {items}\n"),
    )


def near_documents(kind: IntakeKind) -> st.SearchStrategy[str]:
    """Whole documents with fields more; one in two has something else wrong, perhaps."""
    own = st.lists(st.sampled_from(OPTIONAL[kind]), unique=True, max_size=4)
    more = own.flatmap(lambda labels: st.tuples(*map(fields, labels)))
    lines = COMPLETE[kind].splitlines()
    spoilt = st.one_of(
        st.builds(
            lambda at: "\n".join([*lines[:at], *lines[at + 1 :]]), st.integers(0, len(lines))
        ),
        st.builds(lambda text: f"{COMPLETE[kind]}\n{text}", texts()),
        st.sampled_from(LABELS).flatmap(fields).map(lambda field: f"{COMPLETE[kind]}\n{field}"),
    )
    begin = st.booleans().flatmap(lambda whole: st.just(COMPLETE[kind]) if whole else spoilt)
    return st.builds(lambda text, extra: "\n".join([text, *extra]), begin, more)


def documents() -> st.SearchStrategy[str]:
    """Anything, mostly with a heading, a third of it nearly right."""
    return st.one_of(
        st.sampled_from(list(COMPLETE)).flatmap(near_documents),
        texts().map(lambda text: f"# T\n{text}"),
        texts(),
    )


@thoroughly
@given(text=documents())
def test_any_document_has_the_same_fields_or_is_refused_by_both(
    millrace: MillraceParser, text: str
) -> None:
    stored_by_millrace = millrace.ask("fields", text)
    try:
        parsed = parse_fields(text)
    except UnreadableDocument:
        assert "refused" in stored_by_millrace
    else:
        assert {"heading": parsed.heading, "fields": as_json(parsed.fields)} == stored_by_millrace


@thoroughly
@given(data=st.data(), kind=st.sampled_from(list(COMPLETE)))
def test_any_task_or_probe_is_accepted_by_both_or_by_neither(
    millrace: MillraceParser, data: st.DataObject, kind: IntakeKind
) -> None:
    text = data.draw(near_documents(kind) | documents())
    stored_by_millrace = millrace.ask(kind, text)
    try:
        parsed = parse_document(text, kind)
    except UnreadableDocument:
        assert "refused" in stored_by_millrace
    else:
        stored = parse_document(stored_by_millrace["stored"], kind)
        for label in parsed.fields.keys() - {"Created-At", "Updated-At"}:
            name = field_name(label)
            assert as_json(parsed.fields)[name] == stored_by_millrace["fields"][name]
            assert stored.fields.get(label, ()) == parsed.fields[label]


@thoroughly
@given(text=texts())
def test_any_idea_has_the_same_title_and_summary(millrace: MillraceParser, text: str) -> None:
    title, summary = parse_idea(text, stem="idea-stem")

    assert millrace.ask("idea", text) == {"title": title, "summary": summary}


@thoroughly
@given(kind=st.sampled_from(list(COMPLETE)), body=bodies(texts()))
def test_millrace_stores_a_rendered_document_and_the_stored_copy_says_the_same(
    millrace: MillraceParser, kind: IntakeKind, body: RequestBody
) -> None:
    assert_stored_alike(millrace, kind, body)


@pytest.mark.parametrize("task", ATTACKS, ids=range(len(ATTACKS)))
def test_no_attack_on_record_gets_through(millrace: MillraceParser, task: str) -> None:
    scope = ScopedWork(
        item_id=task,
        title=task,
        source_queue=task,
        spec_path=task,
        completion_ref=task,
        constraints=(task, task),
    )
    for kind in COMPLETE:
        assert_stored_alike(
            millrace, kind, RequestBody(task=task, scope=scope, context_refs=(task, task))
        )


def assert_stored_alike(millrace: MillraceParser, kind: IntakeKind, body: RequestBody) -> None:
    item = WorkItem(item_id="k-1", request_hash=hash_request(body), named=True)
    document = render_document(item, kind, body, created_at=NOW)
    stored_by_millrace = millrace.ask(kind, document.text)
    parsed = parse_document(document.text, kind)
    given_fields = {
        name: value
        for name, value in stored_by_millrace["fields"].items()
        if value not in (None, [])
    }

    assert given_fields == as_json(parsed.fields) | {"kind": str(kind), "schema_version": "1.0"}
    assert parse_document(stored_by_millrace["stored"], kind) == parsed
    spec = () if body.scope is None or body.scope.spec_path is None else (body.scope.spec_path,)
    references = tuple(
        decode_reference(item) for item in stored_by_millrace["fields"]["references"][2:]
    )
    assert references == (*spec, *body.context_refs)
    assert decode_request(stored_by_millrace["fields"]["acceptance"]) == body.task
    assert request_hash_in(stored_by_millrace["stored"]) == item.request_hash
