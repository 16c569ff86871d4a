"""What is kept of what a tool writes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millracer.errors import ToolFailed
from millracer.system.output_capture import Ends, Whole


@given(st.lists(st.binary(max_size=30)), st.integers(1, 40))
def test_of_a_long_stream_both_ends_are_kept_and_the_gap_is_marked(
    chunks: list[bytes], limit: int
) -> None:
    ends = Ends(limit)
    for chunk in chunks:
        ends.feed(chunk)
    fed = b"".join(chunks)
    missing = len(fed) - 2 * limit
    gap = f"\n[{missing} bytes left out]\n".encode()

    kept = fed if missing <= 0 else fed[:limit] + gap + fed[-limit:]
    assert ends.text == kept.decode("utf-8", "replace")


def test_lines_are_without_colours_and_empty_lines() -> None:
    ends = Ends()
    ends.feed(b"\x1b[31mone\x1b[0m\n\n \xff two\n")

    assert ends.lines() == ("one", "\ufffd two")


def test_standard_output_is_kept_whole_up_to_its_limit() -> None:
    whole = Whole("millrace", limit=2**20)
    whole.feed(b"x" * (2**20 - 2) + b"\xc3")
    whole.feed(b"\xa4")

    assert whole.text == "x" * (2**20 - 2) + "ä"
    with pytest.raises(ToolFailed, match=r"millrace .*1 MiB") as refused:
        whole.feed(b"x")
    assert "`millrace`" in str(refused.value.suggested_action)
