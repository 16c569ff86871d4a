from __future__ import annotations

import json
import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millracer.domain.work.identity import TITLE_LIMIT, plain_title
from millracer.millrace.intake.quoting import (
    is_quoted,
    quote_line,
    quote_text,
    quote_value,
    unquote_line,
    unquote_text,
    unquote_value,
)
from tests.support.hostile import any_texts

NOT_THE_LINES_FORM = "not the quoted form of its line: "


@pytest.mark.parametrize(
    ("line", "form"),
    [
        ("", "|"),
        ("words", "| words"),
        ("    indented", "|     indented"),
        ("- item", "| - item"),
        ("| bar", "| | bar"),
        ('json "x"', '| json "x"'),
        ("inner\ttab", "| inner\ttab"),
        ("trailing  ", 'json "trailing  "'),
        ("nbsp\xa0", 'json "nbsp\xa0"'),
        ("tab\t", 'json "tab\\t"'),
        ("a\u2028b", 'json "a\\u2028b"'),
        ("a\x85b", 'json "a\\u0085b"'),
        ("a\x1bb", 'json "a\\u001bb"'),
        ("a\x7fb", 'json "a\\u007fb"'),
        ("cr\r", 'json "cr\\r"'),
        ("\ud800", 'json "\\ud800"'),
        ("\ud83d\ude00", 'json ["\\ud83d", "\\ude00"]'),
        ("\U0001f600", "| \U0001f600"),
    ],
)
def test_a_line_takes_the_form_that_survives(line: str, form: str) -> None:
    assert quote_line(line) == form
    assert unquote_line(form) == line


@given(any_texts())
def test_any_text_is_quoted_line_by_line_and_comes_back_exactly(text: str) -> None:
    forms = quote_text(text)

    assert len(forms) == text.count("\n") + 1
    assert unquote_text(forms) == text
    for form in forms:
        assert is_quoted(form)
        assert form.splitlines() == [form]
        assert form == form.strip()
        form.encode("utf-8")


@given(any_texts())
def test_any_value_becomes_one_line_of_json_and_comes_back_exactly(text: str) -> None:
    form = quote_value(text)

    assert form.splitlines() == [form]
    assert unquote_value(form) == text
    form.encode("utf-8")


@pytest.mark.parametrize(
    ("form", "why"),
    [
        ("words", "not a quoted line: 'words'"),
        ("|words", "not a quoted line: '|words'"),
        ("", "not a quoted line: ''"),
        ("x" * 100, f"not a quoted line: '{'x' * 80}'"),
        ("| ", f"{NOT_THE_LINES_FORM}'| '"),
        ("| trailing ", f"{NOT_THE_LINES_FORM}'| trailing '"),
        ("| a\u2028b", f"{NOT_THE_LINES_FORM}'| a\\u2028b'"),
        ("| a\nb", f"{NOT_THE_LINES_FORM}'| a\\nb'"),
        (f"| {'x' * 100} ", f"{NOT_THE_LINES_FORM}'| {'x' * 78}'"),
        ('json "plain"', f"{NOT_THE_LINES_FORM}'json \"plain\"'"),
        ('json "a\\nb "', f"{NOT_THE_LINES_FORM}'json \"a\\\\nb \"'"),
        ("json 5", "not a quoted text: '5'"),
        ('json {"a": 1}', "not a quoted text: '{\"a\": 1}'"),
        ('json ["a", "b"]', 'not the quoted form of its text: \'["a", "b"]\''),
        ("json [1, 2]", "not a quoted text: '[1, 2]'"),
        ('json ["a", 2]', "not a quoted text: '[\"a\", 2]'"),
        (f"json [{'1' * 100}]", f"not a quoted text: '[{'1' * 79}'"),
        ("json [", "Expecting value: line 1 column 2 (char 1)"),
    ],
)
def test_only_the_form_a_line_is_given_is_read(form: str, why: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(why)}$"):
        unquote_line(form)


def test_a_value_is_read_only_in_its_own_form() -> None:
    form = json.dumps("\u2028" * 100, ensure_ascii=False)

    with pytest.raises(ValueError, match=r"^not the quoted form of its text: ") as refused:
        unquote_value(form)

    assert str(refused.value).endswith(repr(form[:80]))


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("Make it blue", "Make it blue"),
        ("\n  \n```\n## Make it\tblue \nmore", "Make it blue"),
        ("a\u2028Depends-On: x", "a"),
        ("nul\x00esc\x1bend", "nul esc end"),
        ("\u202ertl\u202c \ufefftext", "rtl text"),
        ("\ud800lone", "lone"),
        ("- # > `code` first", "`code` first"),
        ("```python\nimport x\n```", "import x"),
        ("###", "untitled"),
        ("", "untitled"),
        ("x" * 60, "x" * 60),
        ("x" * 61, "x" * 59 + "…"),
        ("X marks", "X marks"),
        ("Use C#", "Use C#"),
        ("w" * 30 + " " + "x" * 40, "w" * 30 + " " + "x" * 28 + "…"),
        ("w" * 31 + " " + "x" * 40, "w" * 31 + "…"),
        ("many words " * 9, "many words many words many words many words many words…"),
    ],
)
def test_a_title_is_one_short_safe_line(text: str, title: str) -> None:
    assert plain_title(text, fallback="untitled") == title


@given(any_texts() | st.text(min_size=70))
def test_any_text_gives_a_title_fit_for_a_heading(text: str) -> None:
    title = plain_title(text, fallback="untitled")

    assert 0 < len(title) <= TITLE_LIMIT
    assert title == " ".join(title.split())
    assert not title.startswith("#")
    assert not {unicodedata.category(character) for character in title} & {"Cc", "Cf", "Cs"}
