"""The rules as written down; that they are Millrace's own is held by tests/conformance."""

from __future__ import annotations

import re

import pytest
from hypothesis import given

from millracer.domain.requests import IntakeKind
from millracer.millrace.intake.markdown import (
    UnreadableDocument,
    parse_document,
    parse_fields,
    parse_idea,
)
from tests.support.hostile import any_texts

TASK = """# Blue

Task-ID: t-1
Created-At: 2026-01-01T00:00:00Z
Created-By: millracer

Target-Paths:
- .

Acceptance:
- a

Required-Checks:
- b

References:
- c

Risk:
- d
"""
NO_TITLE = "the first line is not `# Title`"
PROBE = """# Blue

Probe-ID: p-1
Summary: s
Request: r
Created-At: 2026-01-01T00:00:00+01:00
Created-By: millracer
"""


def test_heading_scalars_and_lists_are_read_stripped() -> None:
    read = parse_fields("  # A: b  \n\tSummary:  one line \n\nTags:\n\n - x \n-  y\n\n- dropped\n")

    assert read.heading == "A: b"
    assert dict(read.fields) == {"Summary": "one line", "Tags": ("x", "y")}


def test_a_list_may_hold_one_inline_value_and_ends_at_the_next_label() -> None:
    read = parse_fields("# T\nTags: one\nRisk:\n- a\nNonsense:\n- swallowed\nwords\nGoals:\n- g\n")

    assert dict(read.fields) == {"Tags": ("one",), "Risk": ("a",), "Goals": ("g",)}


def test_relations_forget_their_placeholders() -> None:
    read = parse_fields("# T\nDepends-On:\n- None\n- -\n- a\nBlocks: n/a\nTags:\n- none\n")

    assert read.items("Depends-On") == ("a",)
    assert read.items("Blocks") == ()
    assert read.items("Tags") == ("none",)


@pytest.mark.parametrize("separator", list("\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029"))
def test_every_separator_ends_a_line_so_a_label_behind_it_counts(separator: str) -> None:
    read = parse_fields(f"# T\nRisk:\n- a{separator}Depends-On:{separator}- zzz\n")

    assert read.items("Depends-On") == ("zzz",)


def test_a_scalar_keeps_one_line_and_other_words_vanish() -> None:
    read = parse_fields("# T\nSummary: one\ntwo\n## three\n")

    assert dict(read.fields) == {"Summary": "one"}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", NO_TITLE),
        ("words", NO_TITLE),
        ("#", NO_TITLE),
        ("#T", NO_TITLE),
        ("#  ", NO_TITLE),
        ("\n# T", NO_TITLE),
        ("words # T", NO_TITLE),
        ("# T\nTags: a\nTags: b\n", "field Tags appears twice"),
        ("# T\nTags:\nTags: b\n", "field Tags appears twice"),
        ("# T\nSummary: a\n\nSummary: b\n", "field Summary appears twice"),
        ("# T\nTags:\n- a\nwords\n", "Tags holds a line that is not a list item"),
        ("# T\nTags:\n-\n", "Tags holds a line that is not a list item"),
        ("# T\nTags:\n-  \n", "Tags holds a line that is not a list item"),
        ("# T\nTags:\n\nwords\n", "Tags holds a line that is not a list item"),
        ("# T\nSummary:\n\n- item\n", "Summary holds one line, not a list"),
    ],
)
def test_a_document_against_the_rules_is_refused(text: str, why: str) -> None:
    with pytest.raises(UnreadableDocument, match=f"^{re.escape(why)}$"):
        parse_fields(text)


def test_a_blank_line_ends_a_list_so_later_lines_are_not_part_of_it() -> None:
    read = parse_fields("# T\nTags:\n- a\n\nwords\n\nRisk:\n- b\n")

    assert dict(read.fields) == {"Tags": ("a",), "Risk": ("b",)}


@pytest.mark.parametrize("label", ["Source-Type", "Goals", "Trigger-Metadata", "Artifact-Paths"])
def test_labels_of_other_documents_are_read_too(label: str) -> None:
    assert label in parse_fields(f"# T\n{label}: x\n").fields


def test_a_blank_scalar_is_absent_and_may_come_again() -> None:
    assert parse_fields("# T\nSummary:\nSummary: s\n").scalar("Summary") == "s"


def test_an_absent_field_is_none_or_empty() -> None:
    read = parse_fields("# T\nTags: a\nSummary: s\n")

    assert read.scalar("Title") is None
    assert read.scalar("Tags") is None
    assert read.items("Summary") == ()


def test_a_whole_task_and_a_whole_probe_are_accepted() -> None:
    assert parse_document(TASK, IntakeKind.TASK).scalar("Task-ID") == "t-1"
    assert parse_document(PROBE, IntakeKind.PROBE).scalar("Request") == "r"


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("Probe-ID: p", "a task has no field Probe-ID"),
        ("Constraints:\n- x", "a task has no field Constraints"),
        ("Goals: g", "a task has no field Goals"),
        ("Source-Type: s", "a task has no field Source-Type"),
        (
            "Scope: s\nRisks: r\nGoals: g\nProbe-ID: p\nSeverity: s",
            "a task has no field Goals, Probe-ID, Risks, Scope, Severity",
        ),
        ("Root-Spec-ID: a b", "Root-Spec-ID is not a safe identifier"),
        ("Spec-ID: .x", "Spec-ID is not a safe identifier"),
        (
            "Spec-ID: .\nParent-Task-ID: .\nIncident-ID: .\nRoot-Idea-ID: .\nRoot-Spec-ID: .",
            "Incident-ID is not a safe identifier",
        ),
        ("Title: Other", "Title differs from the heading"),
        ("Status-Hint: hidden", "Status-Hint is not one of active, blocked, done, queued"),
        (
            "Root-Intake-Kind: task",
            "Root-Intake-Kind is not one of derived_spec, idea, incident, manual, probe",
        ),
        ("Updated-At: yesterday", "Updated-At is not an ISO 8601 date"),
        ("Updated-At: 2026-13-01T00:00:00Z", "Updated-At is not an ISO 8601 date"),
        ("Updated-At: 2026-01-01T00:00:00Z later", "Updated-At is not an ISO 8601 date"),
        ("Updated-At: 2026-01-01T00:00:00+0100", "Updated-At is not an ISO 8601 date"),
        ("Updated-At: 2026-01-01", "Updated-At is not an ISO 8601 date"),
    ],
)
def test_a_task_is_refused_for_one_field_too_many_or_wrong(line: str, why: str) -> None:
    with pytest.raises(UnreadableDocument, match=f"^{re.escape(why)}$"):
        parse_document(f"{TASK}\n{line}\n", IntakeKind.TASK)


@pytest.mark.parametrize(
    ("label", "value"),
    [
        *(("Status-Hint", hint) for hint in ("queued", "active", "blocked", "done")),
        *(
            ("Root-Intake-Kind", kind)
            for kind in ("idea", "probe", "manual", "incident", "derived_spec")
        ),
        ("Title", "Blue"),
        ("Spec-ID", "Spec_1.2-a"),
        ("Updated-At", "2026-01-01T00:00:00"),
        ("Updated-At", "2026-01-01T00:00:00.123456-05:30"),
        ("Depends-On", "t-0"),
    ],
)
def test_a_task_may_have_these_fields(label: str, value: str) -> None:
    read = parse_document(f"{TASK}\n{label}: {value}\n", IntakeKind.TASK)

    assert read.fields[label] in {value, (value,)}


@pytest.mark.parametrize(
    ("kind", "text", "why"),
    [
        (IntakeKind.TASK, TASK.replace("t-1", "t 1"), "Task-ID is not a safe identifier"),
        (IntakeKind.PROBE, PROBE.replace("p-1", "p 1"), "Probe-ID is not a safe identifier"),
        (IntakeKind.TASK, TASK.replace("T00", " 00"), "Created-At is not an ISO 8601 date"),
        (
            IntakeKind.PROBE,
            "# Blue\n",
            "a probe needs Created-At, Created-By, Probe-ID, Request, Summary",
        ),
        (IntakeKind.TASK, TASK.replace("Risk:\n- d\n", "Risk:\n"), "a task needs Risk"),
    ],
)
def test_a_document_is_refused_for_what_it_needs(kind: IntakeKind, text: str, why: str) -> None:
    with pytest.raises(UnreadableDocument, match=f"^{re.escape(why)}$"):
        parse_document(text, kind)


@pytest.mark.parametrize(
    "label",
    [
        *("Task-ID", "Created-At", "Created-By", "Target-Paths"),
        *("Acceptance", "Required-Checks", "References", "Risk"),
    ],
)
def test_a_task_is_refused_without_a_field_it_needs(label: str) -> None:
    with pytest.raises(UnreadableDocument, match=label):
        parse_document(TASK.replace(f"{label}:", "Unknown:"), IntakeKind.TASK)


@pytest.mark.parametrize("label", ["Probe-ID", "Summary", "Request", "Created-At", "Created-By"])
def test_a_probe_is_refused_without_a_field_it_needs(label: str) -> None:
    with pytest.raises(UnreadableDocument, match=label):
        parse_document(PROBE.replace(f"{label}:", "Unknown:"), IntakeKind.PROBE)


def test_an_idea_has_no_fields() -> None:
    with pytest.raises(ValueError, match=r"^an idea has no fields$"):
        parse_document("# T", IntakeKind.IDEA)


@pytest.mark.parametrize(
    ("text", "title", "summary"),
    [
        ("# T\n\nfirst\nsecond", "T", "first"),
        ("words\n# comment", "comment", "words"),
        ("words\nmore", "words", "more"),
        ("##\n\n### T\n# T\nrest", "T", "rest"),
        ("only", "only", "Idea captured from stem"),
        ("# stem\nrest", "# stem", "stem"),
        ("stem\nrest", "stem", "rest"),
        ("# T #\n#  first  ", "T #", "first"),
        ("\n \nwords  \nmore", "words", "more"),
        ("#XT\n#XS", "XT", "XS"),
        ("", "stem", "Idea captured from stem"),
    ],
)
def test_an_idea_gets_its_title_and_summary_from_its_lines(
    text: str, title: str, summary: str
) -> None:
    assert parse_idea(text, stem="stem") == (title, summary)


@given(any_texts())
def test_any_text_is_read_or_refused_and_never_breaks_the_reader(text: str) -> None:
    parse_idea(text, stem="stem")
    try:
        parse_fields(text)
    except UnreadableDocument as refused:
        assert str(refused)  # noqa: PT017 - either answer is right; only a crash is not


@pytest.mark.timeout(30)
def test_an_empty_field_many_times_over_is_read_in_its_time() -> None:
    assert parse_fields("# Blue\n" + "Title:\n" * 200_000).fields == {}
