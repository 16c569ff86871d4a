import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millracer.cli.terminal.stderr import printable, without_steering
from tests.support.secret_texts import KEYS

_TURNS = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
_MARKS = "\u061c\u200e\u200f"


@given(st.text(st.characters() | st.sampled_from("\x1b\r\n\t\x9b\u202e\u2066\ud800")))
def test_nothing_that_steers_a_terminal_is_left(text: str) -> None:
    shown = without_steering(text)

    left = {char for char in shown if char not in "\n\t"}
    assert not {char for char in left if unicodedata.category(char) in {"Cc", "Cs"}}
    assert not {char for char in left if unicodedata.bidirectional(char) in _TURNS}
    assert left.isdisjoint(_MARKS)
    assert without_steering(shown) == shown


@pytest.mark.parametrize(
    "text", ["Grüße, 你好, مرحبا\n\tnext", "joined \U0001f468\u200d\U0001f469", "e\u0301 ok"]
)
def test_words_of_any_script_stay(text: str) -> None:
    assert printable(text) == text


def test_what_is_shown_holds_no_secret() -> None:
    assert printable(f"\x1b[31m{KEYS['github']}\x1b[0m") == "\ufffd[31m[redacted]\ufffd[0m"
