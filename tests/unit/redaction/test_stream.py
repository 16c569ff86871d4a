import pytest
from hypothesis import given
from hypothesis import strategies as st

from millracer.redaction.rules import MARK, Redaction
from millracer.redaction.stream import RedactedStream
from tests.support.secret_texts import IN_PLACE, KEYS, secrets

_WORDS = "correct horse battery\nstaple of words"


def _streamed(redaction: Redaction, pieces: list[str]) -> str:
    stream = RedactedStream(redaction)
    return "".join([*map(stream.feed, pieces), stream.finish()])


def _cut(text: str, places: list[int]) -> list[str]:
    ends = sorted({place % (len(text) + 1) for place in places} | {len(text)})
    return [text[begin:end] for begin, end in zip([0, *ends], ends, strict=False)]


_PLACES = st.lists(st.integers(0, 10_000), max_size=60)


@pytest.mark.parametrize("size", [1, 2, 7])
@pytest.mark.parametrize("key", [*KEYS.values(), _WORDS], ids=[*KEYS, "words"])
@pytest.mark.parametrize("after", ["", " and more, of it"])
def test_a_key_that_comes_in_pieces_is_covered(key: str, size: int, after: str) -> None:
    text = f"the key is {key}{after}"
    pieces = [text[at : at + size] for at in range(0, len(text), size)]

    printed = _streamed(Redaction([_WORDS]), pieces)

    assert [line for line in key.splitlines() if "-----" not in line and line in printed] == []
    if "-----" not in key:  # the text around a private key is none
        assert printed == f"the key is {MARK}{after}"


@pytest.mark.parametrize("size", [1, 5, 1000])
def test_a_key_that_is_all_there_is_is_covered(size: int) -> None:
    key = KEYS["openai"]

    printed = _streamed(Redaction(), [key[at : at + size] for at in range(0, len(key), size)])

    assert printed == MARK


@pytest.mark.parametrize(("text", "secret"), IN_PLACE.values(), ids=IN_PLACE.keys())
@given(places=_PLACES)
def test_a_key_identified_by_its_place_is_covered(
    text: str, secret: str, places: list[int]
) -> None:
    printed = _streamed(Redaction(), _cut(text.format(secret), places))

    assert secret not in printed
    assert MARK in printed


@given(st.lists(secrets(), max_size=3), _PLACES, st.data())
def test_no_known_value_survives(values: list[str], places: list[int], data: st.DataObject) -> None:
    parts = data.draw(st.lists(st.sampled_from([*values, " ", "\n", "a"]) | st.text(max_size=5)))

    printed = _streamed(Redaction(values), _cut("".join(parts), places))

    assert [value for value in values if value in printed and value not in MARK] == []


@given(st.text(), _PLACES)
def test_all_else_comes_as_it_was(text: str, places: list[int]) -> None:
    assert _streamed(Redaction([_WORDS]), _cut(text, places)) == text


def test_words_are_passed_on_as_they_come() -> None:
    stream = RedactedStream(Redaction([_WORDS]))

    pieces = ["one t", "wo th", "ree", " sk-", "short ", "correct", " mistake"]
    printed = ["one t", "wo th", "ree", " ", "sk-short ", "", "correct mistake"]
    assert [stream.feed(piece) for piece in pieces] == printed
    assert stream.finish() == ""


@pytest.mark.parametrize("ends", [" and more", None])
def test_a_long_key_is_held_until_its_word_ends(ends: str | None) -> None:
    key = "".join(f"{number:04}" for number in range(1500))
    stream = RedactedStream(Redaction([key]))

    assert [stream.feed(key[at : at + 100]) for at in range(0, len(key), 100)] == [""] * 60
    if ends is not None:
        assert stream.feed(ends) == MARK + ends
    assert stream.finish() == ("" if ends else MARK)


def test_a_value_whose_last_word_looks_like_a_key_is_printed_once() -> None:
    stream = RedactedStream(Redaction(["one two sk-three"]))

    assert stream.feed("it is one two sk-three,") == "it is "
    assert stream.feed(" and") == f"{MARK}, and"


def test_a_value_is_printed_although_a_key_may_begin_behind_it() -> None:
    stream = RedactedStream(Redaction(["one two three."]))

    assert stream.feed("it is one two three.s") == f"it is {MARK}"
    assert stream.feed("a") == "sa"


def test_of_a_key_that_never_ends_not_more_is_held_than_any_key_is_long() -> None:
    stream = RedactedStream(Redaction())
    stream.feed("sk-")

    assert [stream.feed("aB3_" * 250) for _ in range(66)] == [*[""] * 65, MARK]


def test_a_key_that_begins_behind_too_long_a_word_is_still_held() -> None:
    stream = RedactedStream(Redaction())

    printed = stream.feed("sk-" + "a1" * 33_000 + ",AKIA" + "EXAMPLE0")
    printed += stream.feed("EXAMPLE0 and")

    assert "EXAM" not in printed
    assert printed.endswith(f",{MARK} and")


def test_a_key_that_begins_behind_many_words_is_held_whole() -> None:
    stream = RedactedStream(Redaction())
    words = "word " * 10_000

    assert stream.feed(words + "eyJ" + "a" * 2000) == words
    assert stream.feed("." + "b" * 50 + "." + "c" * 20 + " and") == f"{MARK} and"


def test_a_word_without_an_end_is_not_held_for_ever() -> None:
    stream = RedactedStream(Redaction())

    printed = [stream.feed("x" * 1000) for _ in range(1000)]

    assert sum(map(len, printed)) > 900_000
    assert sum(map(len, printed)) + len(stream.finish()) == 1_000_000


def test_a_private_key_that_never_ends_is_not_held_for_ever() -> None:
    stream = RedactedStream(Redaction())
    stream.feed("-----BEGIN " + "PRIVATE KEY-----\n")

    printed = "".join(stream.feed("A1" * 32 + "\n") for _ in range(3000))

    assert MARK in printed
