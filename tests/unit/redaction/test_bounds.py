"""Where exactly a known value begins and ends to be one."""

from __future__ import annotations

import json
from urllib.parse import quote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from millracer.redaction.rules import MARK, Redaction, cover, secret_values

LONG = "correct-horse-battery-staple-0123456789"


def test_spans_are_covered_and_all_else_stays() -> None:
    assert cover("abcdef", []) == "abcdef"
    assert cover("abcdef", [(1, 2), (4, 6)]) == f"a{MARK}cd{MARK}"
    assert cover("abcdef", [(0, 6)]) == MARK == "[redacted]"


def test_eight_characters_of_three_kinds_are_enough() -> None:
    redaction = Redaction(["aabbccaa", "abcdefg"])

    assert redaction.text("<aabbccaa abcdefg>") == f"<{MARK} abcdefg>"
    assert redaction.begun("<aabbcc") == 6
    assert redaction.begun("<abcdef") == 0


@pytest.mark.parametrize(
    ("length", "least"), [(15, 15), (16, 12), (20, 15), (21, 15), (22, 16), (39, 16)]
)
def test_a_cut_value_is_known_by_as_much_as_identifies_it(length: int, least: int) -> None:
    value = LONG[:length]
    redaction = Redaction([value])

    for known in range(least, length + 1):
        assert redaction.text(f"<{value[:known]}>{value[-known:]}") == f"<{MARK}>{MARK}"
    for unknown in (value[: least - 1], value[-least + 1 :]):
        assert redaction.text(f"<{unknown}>") == f"<{unknown}>"


def test_text_beside_a_cut_value_stays() -> None:
    redaction = Redaction([LONG])

    assert redaction.text(f"{LONG[:20]}XY{LONG[-20:]} c {LONG}") == f"{MARK}XY{MARK} c {MARK}"
    assert redaction.text(f"ec{LONG[2:]}") == f"ec{MARK}"
    assert redaction.text(f"{LONG[:-2]}98") == f"{MARK}98"


@pytest.mark.parametrize("known", [LONG[:20], LONG[-20:], LONG[:16], LONG[-16:]])
def test_a_cut_value_is_known_where_the_text_begins_and_ends(known: str) -> None:
    redaction = Redaction([LONG])

    assert redaction.spans(known) == ((0, len(known)),)
    assert redaction.spans(f"<{known}") == ((1, len(known) + 1),)
    assert redaction.spans(f"{known}>") == ((0, len(known)),)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a" * 16 + "bcdefghijklmnop", "a" * 17 + "bcd"),
        ("ponmlkjihgfedcb" + "a" * 16, "dcb" + "a" * 17),
    ],
    ids=["beginning", "end"],
)
def test_a_cut_value_is_known_in_a_run_of_what_it_begins_or_ends_with(
    value: str, text: str
) -> None:
    assert Redaction([value]).text(text) == MARK


def test_a_value_is_known_each_time_and_beside_itself() -> None:
    redaction = Redaction(["abcdefgh", "ijklmnop", LONG])

    assert redaction.text("abcdefghijklmnop abcdefgh") == f"{MARK} {MARK}"
    assert redaction.text(f"{LONG}{LONG} {LONG}") == f"{MARK} {MARK}"


@pytest.mark.parametrize(
    "spelled",
    [
        lambda value: json.dumps(value)[1:-1],
        lambda value: json.dumps(value, ensure_ascii=False)[1:-1],
        lambda value: repr(value)[1:-1],
        lambda value: quote(value, safe=""),
        str,
    ],
    ids=["json", "utf8-json", "python", "address", "plain"],
)
def test_text_around_a_spelled_value_stays(spelled: object) -> None:
    assert callable(spelled)
    for value in ('"é\'"\\\n three', 'é/"\\\té and two', "\u20ac-horse-\x07-staple/\u20ac"):
        text = "'{0}' and \"{0}\""
        assert Redaction([value]).text(text.format(spelled(value))) == text.format(MARK)


def test_a_value_that_no_file_can_hold_is_known_as_well() -> None:
    assert Redaction(["lone-\ud800-half"]).text("<lone-\ud800-half>") == f"<{MARK}>"


def test_a_line_of_a_value_is_known_from_sixteen_characters() -> None:
    redaction = Redaction([f"  {LONG[:16]}  \nshort-of-sixteen"[:-1]])

    assert redaction.text(f"<{LONG[:16]}>") == f"<{MARK}>"
    assert redaction.text(f"<{LONG[:12]}>") == f"<{MARK}>"
    assert redaction.text("<short-of-sixtee>") == "<short-of-sixtee>"


def test_where_covering_makes_new_secrets_without_end_all_is_covered() -> None:
    redaction = Redaction(["acted[redac", "[red[red", "]acted]t"])

    assert redaction.text("it said [redacted[redacted]ed]") == MARK


@pytest.mark.parametrize(("made", "covered"), [(6, f"{'[red' * 6}{MARK}"), (7, MARK)])
def test_what_covering_joins_is_covered_seven_times_then_all_of_it(made: int, covered: str) -> None:
    ends = [f"-{number}" for number in range(made)]
    redaction = Redaction(["12345678abc", *(f"acted]{end}" for end in ends)])

    assert redaction.text("".join(["12345678abc", *ends])) == covered


@pytest.mark.parametrize(
    "value",
    [
        *("12345678abc", "abc12345678", "Zm9v/YmFyYmF6", "k3y!https://host"),
        *("/bPxRfiCY/" + "wJalrXUtnFEMI7K7", "eightlon"),
    ],
)
def test_what_only_looks_like_a_number_a_path_or_an_address_is_a_key(value: str) -> None:
    assert secret_values([("API_KEY", f" {value} ")]) == {value}


@pytest.mark.parametrize(("password", "found"), [("7-chars", False), ("8--chars", True)])
def test_the_password_in_an_address_is_known_from_eight_characters(
    password: str, *, found: bool
) -> None:
    values = secret_values([("HOME_PAGE", f"see http://me:{password}@host and"), ("X", "y")])

    assert values == ({password} if found else frozenset())


def test_an_end_of_a_value_costs_alike_however_long_the_text_before_it_is() -> None:
    """Searching all text before each would not end within the test's own limit."""
    ends = 50_000

    redacted = Redaction([LONG]).text(" " * 2_000_000 + f"{LONG[-16:]}\n" * ends)

    assert redacted.count(MARK) == ends


@given(st.text("abc", min_size=8, max_size=40), st.text("abc", max_size=60), st.data())
@example("abcabcabcabcabcabcabc", "abcabcabcabcabcabcabcabcabcabcabcacabcabcabcabcabcabc", None)
def test_each_beginning_and_each_end_of_a_value_is_found_in_full(
    value: str, text: str, data: st.DataObject | None
) -> None:
    if data is not None:
        pieces = st.lists(st.integers(0, 20).map(lambda at: value[at : at + 20]), max_size=4)
        text = text.join(["", *data.draw(pieces), ""])
    least = len(value) if len(value) < 16 else min(16, len(value) * 3 // 4)
    covered = set()
    for begin in range(len(text)):
        for end in range(begin + least, len(text) + 1):
            if value.startswith(text[begin:end]) or value.endswith(text[begin:end]):
                covered |= set(range(begin, end))

    found = Redaction([value]).spans(text)

    expected = covered if len(set(value)) > 2 else set()
    assert {at for span in found for at in range(*span)} == expected
