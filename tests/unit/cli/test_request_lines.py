from hypothesis import given
from hypothesis import strategies as st

from millracer.cli.commands.ops.jsonl_server import RequestLines


def lines_of(*chunks: bytes, limit: int = 5, ends: bool = True) -> list[bytes]:
    lines = RequestLines(limit)
    for chunk in chunks:
        lines.feed(chunk)
    if ends:
        lines.end()
    found = []
    while lines:
        found.append(lines.take())
    return found


def test_lines_are_given_in_order_and_the_last_one_needs_no_end() -> None:
    assert lines_of(b"one\ntw", b"o\nthree") == [b"one", b"two", b"three"]


def test_an_unfinished_line_is_not_a_line_yet() -> None:
    assert lines_of(b"one\ntwo", ends=False) == [b"one"]


def test_blank_lines_are_passed_over() -> None:
    assert lines_of(b"\n \t\r\none\n\n  ") == [b"one"]


def test_of_a_line_that_is_too_long_its_beginning_is_given_before_it_ends() -> None:
    assert lines_of(b"12345", b"6789", b"and on", ends=False) == [b"123456"]


def test_the_rest_of_a_line_that_is_too_long_is_dropped_and_the_next_is_whole() -> None:
    assert lines_of(b"1234567", b"89\nnext\n") == [b"123456", b"next"]


def test_a_line_of_just_the_limit_is_whole() -> None:
    assert lines_of(b"12345\n123456\n") == [b"12345", b"123456"]


@given(st.lists(st.text("ab \n", max_size=9).map(str.encode)))
def test_how_the_bytes_come_makes_no_difference(chunks: list[bytes]) -> None:
    expected = [line[:6] for line in b"".join(chunks).split(b"\n") if line[:6].strip()]
    blank_beginnings = [
        line[:6] for line in b"".join(chunks).split(b"\n") if not line[:6].strip() and len(line) > 5
    ]

    found = lines_of(*chunks)

    assert [line for line in found if line.strip()] == expected
    assert [line for line in found if not line.strip()] == blank_beginnings
