"""The patterns of keys; each key is put together here, so that no file of the project holds one."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millracer.redaction.key_patterns import begun_shape, find_shapes, overlap
from tests.support.secret_texts import IN_PLACE, KEYS

LETTERS = "aB3_" * 4
#: What a key begins with, and as much behind it as makes it one.
PREFIXED = {
    **dict.fromkeys(
        (
            *("sk-", "sk_live_", "sk_test_", "rk_live_", "rk_test_", "whsec_", "glpat-"),
            *("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"),
            *("gsk_", "hf_", "npm_", "pypi-", "xai-", "ya29."),
        ),
        LETTERS,
    ),
    **dict.fromkeys((f"xox{kind}-" for kind in "abcdeoprs"), "12345-abCD"),
    "xapp-": "12345-abCD",
    **dict.fromkeys(("AKIA", "ASIA"), "EXAMPLE0" * 2),
    "AIza": "Zy9_" * 8 + "Zy9",
    "millracer_": "0123456789abcdef" * 2,
}
BLANKS = " " * 500


def found(text: str) -> list[str]:
    return [text[begin:end] for begin, end in find_shapes(text)]


@pytest.mark.parametrize(("prefix", "rest"), PREFIXED.items(), ids=PREFIXED.keys())
@pytest.mark.parametrize("around", ["{}", "a {} b", f"{{}}{BLANKS}", f"{BLANKS}{{}}\n"])
def test_a_key_is_known_by_its_prefix_and_its_length(prefix: str, rest: str, around: str) -> None:
    assert found(around.format(prefix + rest)) == [prefix + rest]
    assert found(around.format(prefix + rest[:9])) == []
    assert found(around.format("x" + prefix + rest)) == []


@pytest.mark.parametrize("prefix", ["AKIA", "ASIA", "AIza", "millracer_"])
def test_a_key_of_one_length_is_not_part_of_a_longer_word(prefix: str) -> None:
    assert found(prefix + PREFIXED[prefix] + "0") == []


@pytest.mark.parametrize("scheme", ["Basic", "bearer", "TOKEN", "apikey", "Negotiate"])
def test_what_follows_an_authorization_is_a_key(scheme: str) -> None:
    assert found(f"Authorization: {scheme} abcd/efg") == ["abcd/efg"]


@pytest.mark.parametrize("name", ["api-key", "Api-Key", "API-KEY"])
def test_what_follows_an_api_key_is_a_key_if_it_holds_a_digit(name: str) -> None:
    assert found(f"X-{name}: 0123456789abcdef") == ["0123456789abcdef"]
    assert found(f"X-{name}: abcdefghijklmnopq") == []
    assert found(f"{name}{BLANKS}0123456789abcdef") == []


@pytest.mark.parametrize("name", ["Bearer", "bearer"])
@pytest.mark.parametrize("blank", [" ", "%20", "\n", "    "])
def test_what_follows_a_bearer_is_a_key_if_it_holds_a_digit(name: str, blank: str) -> None:
    assert found(f"{name}{blank}abcdefghijklmno1") == ["abcdefghijklmno1"]
    assert found(f"{name}{blank}abcdefghijklmnop") == []


def test_every_key_of_a_text_is_found_in_every_place() -> None:
    keys = [KEYS["openai"], KEYS["github"], KEYS["openai"]]
    text = f"{keys[0]} sk-short {keys[1]}{BLANKS}x{keys[0]}\n{keys[2]}"

    assert sorted(found(text)) == sorted(keys)


def test_a_private_key_is_known_with_its_line_ends_escaped_and_cut() -> None:
    lines = ["-----BEGIN " + "PRIVATE KEY-----", "MIIEvQIBADANBgkq", "A" * 16, "hkiG9w0="]

    for line_end in ("\n", "\\n", "\\r\\n", " "):
        text = line_end.join(lines)
        assert found(f"{text}, words") == [text]


@pytest.mark.parametrize(
    ("text", "other", "count"),
    [
        ("", "sk-", 0),
        ("a word s", "sk-", 1),
        ("a word sk", "sk-", 2),
        ("a word sk-", "sk-", 0),
        ("k", "sk-", 0),
        ("s", "sk-", 1),
        ("aaaa", "aaa", 2),
        ("abab", "ababc", 4),
        ("xabab", "abac", 2),
    ],
)
def test_an_overlap_is_what_a_text_ends_with_and_another_begins_with(
    text: str, other: str, count: int
) -> None:
    assert overlap(text, other) == count


@given(st.text("ab"), st.text("ab", min_size=1))
def test_an_overlap_is_the_longest_but_not_the_whole(text: str, other: str) -> None:
    fitting = (count for count in range(len(other)) if text.endswith(other[:count]))

    assert overlap(text, other) == max(fitting)


@pytest.mark.parametrize(
    ("text", "tail"),
    [
        ("nothing yet", ""),
        ("sk-", "sk-"),
        ("the key is sk-abc", "sk-abc"),
        ("the key is s", "s"),
        ("it asks", ""),
        ("x=ghp_abc", "ghp_abc"),
        ("task-abc,sk-abc", "sk-abc"),
        ("sk-short words", ""),
        ("task-abc", ""),
        ("x,ghp_abc,sk-abc", "ghp_abc,sk-abc"),
        ("Bearer abc", "abc"),
        ("Authorization: Basic abc", "abc"),
        ("api-key: abc", "abc"),
        ("Api-Key: abc", "abc"),
        ("API-KEY: abc", "abc"),
        ("see postgres://user:abc", "postgres://user:abc"),
        ("Bearer " + "word " * 60 + "abc", ""),
        ("Bearer " + "w" * 249 + " abc", "abc"),
        ("Bearer " + "w" * 250 + " abc", ""),
    ],
)
def test_what_may_become_a_key_begins_where_its_shape_does(text: str, tail: str) -> None:
    word = len(text) - len(text.rsplit(" ", maxsplit=1)[-1])

    assert text[begun_shape(text, word) :] == tail


@pytest.mark.parametrize(
    "text",
    [
        *(key for key in KEYS.values() if "-----" not in key),
        *(text.format(key) for text, key in IN_PLACE.values()),
    ],
)
def test_a_key_has_started_before_it_is_known(text: str) -> None:
    for begin, end in find_shapes(text):
        for at in range(begin + 1, end):
            word = len(re.sub(r"\S+\Z", "", text[:at]))
            assert begun_shape(text[:at], word) <= begin
