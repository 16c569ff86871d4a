"""The rules as written down; that they are Millrace's own is held by tests/conformance."""

from __future__ import annotations

import pytest
from hypothesis import given

from millracer.domain.millrace_markdown import (
    UnreadableDocument,
    parse_document,
    parse_fields,
    parse_idea,
)
from millracer.domain.work import IntakeKind
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
    read = parse_fields("# T\nDepends-On:\n- None\n- a\nBlocks: n/a\nTags:\n- none\n")

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
    "text",
    [
        "",
        "words",
        "#",
        "#T",
        "\n# T",
        "# T\nTags: a\nTags: b\n",
        "# T\nTags:\nTags: b\n",
        "# T\nTags:\n- a\nwords\n",
        "# T\nTags:\n-\n",
        "# T\nSummary:\n\n- item\n",
    ],
)
def test_a_document_against_the_rules_is_refused(text: str) -> None:
    with pytest.raises(UnreadableDocument):
        parse_fields(text)


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
    "line",
    [
        "Probe-ID: p",
        "Constraints:\n- x",
        "Goals: g",
        "Root-Spec-ID: a b",
        "Spec-ID: .x",
        "Title: Other",
        "Status-Hint: hidden",
        "Root-Intake-Kind: task",
        "Updated-At: yesterday",
        "Updated-At: 2026-13-01T00:00:00Z",
    ],
)
def test_a_task_is_refused_for_one_field_too_many_or_wrong(line: str) -> None:
    with pytest.raises(UnreadableDocument):
        parse_document(f"{TASK}\n{line}\n", IntakeKind.TASK)


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
    with pytest.raises(ValueError, match="no fields"):
        parse_document("# T", IntakeKind.IDEA)


@pytest.mark.parametrize(
    ("text", "title", "summary"),
    [
        ("# T\n\nfirst\nsecond", "T", "first"),
        ("words\n# comment", "comment", "words"),
        ("words\nmore", "words", "more"),
        ("##\n\n### T\n# T\nrest", "T", "rest"),
        ("only", "only", "Idea captured from stem"),
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
