from __future__ import annotations

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millracer.errors import ProtocolError
from millracer.pi import frames as pi
from millracer.pi.framing import FrameReader, LineFramer


def assistant(text: str) -> dict[str, object]:
    message = {
        "role": "assistant",
        "content": [{"type": "text", "text": text}],
        "stopReason": "stop",
    }
    return {"type": "message_end", "message": message}


def raw(document: object) -> bytes:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def texts(frames: list[pi.Frame]) -> list[str]:
    found = []
    for frame in frames:
        assert isinstance(frame, pi.MessageEnd)
        assert isinstance(frame.message, pi.AssistantMessage)
        found.append(frame.message.text)
    return found


@given(
    lines=st.lists(st.binary(max_size=40).filter(lambda line: b"\n" not in line), max_size=8),
    cuts=st.lists(st.integers(0, 200), max_size=8),
)
def test_lines_are_the_same_however_the_stream_is_chunked(
    lines: list[bytes], cuts: list[int]
) -> None:
    stream = b"".join(line + b"\n" for line in lines)
    edges = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    framer = LineFramer()

    found = [line.data for start, end in pairwise(edges) for line in framer.feed(stream[start:end])]

    assert lines == found
    assert not framer.holds_part


def test_a_line_longer_than_the_limit_is_cut_and_the_next_one_is_whole() -> None:
    framer = LineFramer(limit=4)

    lines = [*framer.feed(b"abc"), *framer.feed(b"defgh"), *framer.feed(b"ij\nxy\n")]

    assert [(line.data, line.cut) for line in lines] == [(b"abcd", True), (b"xy", False)]


@pytest.mark.parametrize("separator", ["\u2028", "\u2029", "\x85", "\x0b", "\x1c", "\r"])
def test_only_a_line_feed_ends_a_line(separator: str) -> None:
    text = f"before{separator}after"
    document = raw(assistant(text)) if separator > "\x1f" else json.dumps(assistant(text)).encode()

    frames = list(FrameReader().feed(document.rstrip(b"\n") + b"\r\n"))

    assert [text] == texts(frames)


def test_lines_that_are_not_frames_are_skipped_and_counted() -> None:
    reader = FrameReader()

    frames = [
        *reader.feed(b'extension says hi\n\n\r\n42\n{"half":\n["type"]\n' + raw(assistant("ok"))),
        *reader.feed(b'{"type":"message_end","mess'),
    ]
    reader.finish()

    assert texts(frames) == ["ok"]
    assert reader.skipped == 5


def test_updates_of_a_message_are_thrown_away_unparsed_without_a_listener() -> None:
    reader = FrameReader()

    frames = list(reader.feed(b'{"type":"message_update", this is not even JSON\n'))

    assert frames == []
    assert reader.skipped == 0


@pytest.mark.parametrize("kind", ["turn_end", "message_start", "tool_execution_update", "new_kind"])
def test_unused_frames_are_thrown_away_unparsed(kind: str) -> None:
    reader = FrameReader()

    assert list(reader.feed(b'{"type":"%s", broken\n' % kind.encode())) == []
    assert reader.skipped == 0


@pytest.mark.parametrize(
    "line",
    [
        raw(
            {
                "type": "message_update",
                "assistantMessageEvent": {
                    "type": "text_delta",
                    "contentIndex": 0,
                    "delta": 'so "it"\n\\ is \u2028😀',
                    "partial": {"content": [{"text": "x" * 5000}]},
                },
                "message": {"content": []},
            }
        ),
        raw(
            {
                "type": "message_update",
                "usage": {"input": 0},
                "assistantMessageEvent": {
                    "type": "text_delta",
                    "contentIndex": 12,
                    "delta": 'so "it"\n\\ is \u2028😀',
                },
            }
        ),
    ],
    ids=["up to 0.83", "since 0.84"],
)
def test_a_listener_is_given_the_text_as_it_is_written(line: bytes) -> None:
    reader = FrameReader()
    reader.wants_text = True

    assert [pi.TextDelta(delta='so "it"\n\\ is \u2028😀')] == list(reader.feed(line))


@pytest.mark.parametrize("kind", ["thinking_delta", "toolcall_delta", "text_start", "text_end"])
def test_a_listener_is_given_nothing_but_text(kind: str) -> None:
    reader = FrameReader()
    reader.wants_text = True
    lure = '"assistantMessageEvent":{"type":"text_delta","contentIndex":0,"delta":"lure"'
    event = {"type": kind, "contentIndex": 0, "delta": lure, "content": lure}

    assert list(reader.feed(raw({"type": "message_update", "assistantMessageEvent": event}))) == []


@pytest.mark.parametrize("text", [rb"\q", b"\x00", b"\xff", rb"\u12"], ids=repr)
def test_a_piece_of_text_that_is_not_a_json_string_is_left_out(text: bytes) -> None:
    reader = FrameReader()
    reader.wants_text = True
    event = b'"assistantMessageEvent":{"type":"text_delta","delta":"%s"}'
    delta = b'{"type":"message_update",%s}\n' % event

    frames = list(reader.feed(delta % text + delta % b"ok"))

    assert [pi.TextDelta(delta="ok")] == frames


def test_half_a_surrogate_pair_loses_no_frame() -> None:
    reader = FrameReader()
    reader.wants_text = True
    line = json.dumps(assistant("cut \ud83d")).encode() + b"\n"
    delta = (
        b'{"type":"message_update","assistantMessageEvent":'
        b'{"type":"text_delta","contentIndex":0,"delta":"\\ud83d"}}\n'
    )

    frames = list(reader.feed(line + delta))

    assert texts(frames[:1]) == ["cut ?"]
    assert [pi.TextDelta(delta="\ufffd")] == frames[1:]


def test_a_run_that_ends_in_a_line_beyond_the_limit_still_ends() -> None:
    reader = FrameReader(limit=100)

    frames = list(reader.feed(raw({"type": "agent_end", "messages": ["x" * 200]})))

    assert [pi.AgentEnd()] == frames


def test_an_answer_beyond_the_limit_is_an_error_and_not_half_an_answer() -> None:
    reader = FrameReader(limit=100)

    with pytest.raises(ProtocolError, match="more than 100 bytes"):
        list(reader.feed(raw(assistant("x" * 200))))
