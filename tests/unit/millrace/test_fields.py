from __future__ import annotations

import re

import pytest

from millracer.domain.requests import ScopedWork
from millracer.millrace.intake.fields import (
    decode_reference,
    decode_reference_lines,
    decode_request,
    decode_scope,
    reference_item,
    reference_lines,
    request_forms,
    request_hash_in,
    request_hash_in_references,
    scope_forms,
)
from tests.support.hostile import HASH, REFERENCES

NOT_A_REFERENCE = "not in the form a reference is written in: "


@pytest.mark.parametrize(
    "path",
    [
        "ideas/inbox/idea-k.md",
        "millrace-agents/intake/ideas/inbox/idea-k.md",
        "/w/millrace-agents/intake/ideas/inbox/idea-k.md",
        "./ideas/k.md",
        "idea-k.md",
    ],
)
def test_no_reference_names_an_ideas_file_in_millraces_own_way(path: str) -> None:
    assert reference_item(path) == f'json "{path}"'


@pytest.mark.parametrize("reference", REFERENCES)
def test_a_reference_reads_back_as_it_was_given(reference: str) -> None:
    assert decode_reference(reference_item(reference)) == reference


@pytest.mark.parametrize(
    ("item", "why"),
    [
        ("", f"{NOT_A_REFERENCE}''"),
        ("a b", f"{NOT_A_REFERENCE}'a b'"),
        ("a:b", f"{NOT_A_REFERENCE}'a:b'"),
        ("# a", f"{NOT_A_REFERENCE}'# a'"),
        ('json "docs/a.md"', f"{NOT_A_REFERENCE}'json \"docs/a.md\"'"),
        (" " + "x" * 100, f"{NOT_A_REFERENCE}' {'x' * 79}'"),
        ("json docs/a.md", "Expecting value: line 1 column 1 (char 0)"),
        ("json [1]", "not a quoted text: '[1]'"),
    ],
)
def test_a_foreign_reference_is_not_decoded(item: str, why: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(why)}$"):
        decode_reference(item)


def test_an_ideas_references_are_the_lines_behind_a_dash() -> None:
    lines = reference_lines(["docs/a.md", "two words"])

    assert lines == ("- docs/a.md", '- json "two words"')
    assert decode_reference_lines(["words", *lines, "| - docs/b.md"]) == ("docs/a.md", "two words")


@pytest.mark.parametrize(
    "text",
    [
        f"# T\n\nwords\n\nReferences:\n- a.txt\n- request-sha256:{HASH}",
        f"# T\n\nRequest-SHA256: {HASH}\n",
        f"no heading\n\nRequest-SHA256: {HASH}\n",
        f"# T\n\nRequest-SHA256: {HASH}\n\nReferences:\n- request-sha256:{HASH}",
    ],
)
def test_a_text_with_one_request_hash_has_it(text: str) -> None:
    assert request_hash_in(text) == HASH


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# T\n\nwords",
        f"# T\n\nReferences:\n- request-sha256:{HASH[:-1]}",
        f"# T\n\nReferences:\n- request-sha256:{HASH}0",
        f"# T\n\nReferences:\n- request-sha256:{HASH.upper()}",
        f"# T\n\nReferences:\n- | request-sha256:{HASH}",
        f"# T\n\nTags:\n- request-sha256:{HASH}",
        f"# T\n\n| Request-SHA256: {HASH}",
        f"# T\n\n Request-SHA256: {HASH}",
        f"# T\n\nRequest-SHA256: {HASH}0",
        f"# T\n\nRequest-SHA256: {HASH}\nRequest-SHA256: {HASH[::-1]}",
        f"# T\n\nRequest-SHA256: {HASH}\n\nReferences:\n- request-sha256:{HASH[::-1]}",
    ],
)
def test_a_text_without_one_request_hash_has_none(text: str) -> None:
    assert request_hash_in(text) is None


def test_the_hash_is_found_among_the_references_of_a_mailbox_payload() -> None:
    assert request_hash_in_references(["a.txt", f"request-sha256:{HASH}", "b"]) == HASH
    assert request_hash_in_references(["a.txt", f"| request-sha256:{HASH}"]) is None
    assert request_hash_in_references([f"request-sha256:{HASH}0"]) is None
    assert request_hash_in_references([f"request-sha256:{h}" for h in (HASH, HASH[::-1])]) is None


@pytest.mark.parametrize("task", ["", "one line", "two\nlines", "End of the request.\n\n| x"])
def test_a_request_is_decoded_from_among_other_forms(task: str) -> None:
    assert decode_request(["words", *request_forms(task), "words"]) == task


@pytest.mark.parametrize(
    ("forms", "why"),
    [
        ((), "the request is not quoted in one piece"),
        (("words",), "the request is not quoted in one piece"),
        (("| a",), "the quoted request has no end"),
        (("words", "| a", "words", "End of the request."), "the quoted request has no end"),
        (("| a", "words", "| b", "End of the request."), "the request is not quoted in one piece"),
        (("| a ", "End of the request."), "not the quoted form of its line: '| a '"),
    ],
)
def test_a_request_that_is_not_whole_is_not_decoded(forms: tuple[str, ...], why: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(why)}$"):
        decode_request(forms)


@pytest.mark.parametrize(
    "scope",
    [
        ScopedWork(item_id="ITEM-1"),
        ScopedWork(item_id="ITEM-1", title="", source_queue="a: b", constraints=("Do: this", "")),
        ScopedWork(item_id="", spec_path="s", completion_ref="c", constraints=("same", "same")),
    ],
)
def test_a_scope_is_decoded_from_among_other_forms(scope: ScopedWork) -> None:
    assert decode_scope(["words: x", *scope_forms(scope), "| Selected item, title: x"]) == scope


def test_no_scope_has_no_forms_and_no_forms_are_not_a_scope() -> None:
    assert scope_forms(None) == ()
    assert decode_scope(["words"]) is None


@pytest.mark.parametrize(
    ("forms", "why"),
    [
        (('Selected item, title: "t"',), "the scope has no item_id"),
        (('Selected item, constraint: "c"',), "the scope has no item_id"),
        (
            ('Selected item, item_id: "a"', 'Selected item, item_id: "b"'),
            "the scope names item_id twice",
        ),
        (("Selected item, item_id: a",), "Expecting value: line 1 column 1 (char 0)"),
    ],
)
def test_a_scope_that_is_not_whole_is_not_decoded(forms: tuple[str, ...], why: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(why)}$"):
        decode_scope(forms)
