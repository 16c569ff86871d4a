"""The parsers of what pi says: frames, turns of them, its error output, a decision in an answer.

The first byte says how the rest is read; see `_Form`.
"""

from __future__ import annotations

from enum import IntFlag

from millracer.errors import ProtocolError
from millracer.pi import errors
from millracer.pi import frames as pi
from millracer.pi.framing import FrameReader
from millracer.pi.install import parse_version
from millracer.pi.turn import EmitText, EndKind, Turn
from millracer.run.routing import parse_decision
from millracer.system.output_capture import Ends

_PROMPT_ID = "prompt-1"
_SHORT_LINE = 512
#: The note about what was left out.
_GAP = 40


class _Form(IntFlag):
    WANTS_TEXT = 1
    SHORT_LINES = 2
    ANSWER = 4  #: the model's own words instead of a stream of frames
    ERRORS = 8  #: pi's standard error
    CHUNKED = 16  #: a stream of frames in pieces, which has to say the same as in one


def check(data: bytes) -> None:
    """Hold the parsers to their promise: frames or `ProtocolError`, however the stream is cut."""
    if not data:
        return
    form, stream = _Form(data[0] % 32), data[1:]
    if _Form.ERRORS in form:
        _check_errors(stream)
    elif _Form.ANSWER in form:
        _check_answer(stream.decode("utf-8", "replace"))
    else:
        _check_stream(form, stream)


def _check_stream(form: _Form, stream: bytes) -> None:
    whole = _read(form, [stream])
    if _Form.CHUNKED in form:
        size = len(stream) // 5 + 1
        assert whole == _read(form, [stream[at : at + size] for at in range(0, len(stream), size)])
    turn = Turn(_PROMPT_ID)
    for frame in whole[0]:
        for action in turn.receive(frame):
            if isinstance(action, EmitText):
                action.text.encode()
    if turn.end is not None:
        turn.end.text.encode()
        assert (turn.end.kind is EndKind.ANSWERED) == bool(turn.end.text.strip())
        if turn.end.kind is not EndKind.ANSWERED:
            assert errors.turn_failure(turn.end).message


def _read(form: _Form, chunks: list[bytes]) -> tuple[list[pi.Frame], int, str]:
    reader = FrameReader(_SHORT_LINE) if _Form.SHORT_LINES in form else FrameReader()
    reader.wants_text = _Form.WANTS_TEXT in form
    frames: list[pi.Frame] = []
    try:
        for chunk in chunks:
            frames.extend(reader.feed(chunk))
        reader.finish()
    except ProtocolError as exc:
        exc.message.encode()
        return frames, reader.skipped, exc.message
    return frames, reader.skipped, ""


def _check_answer(text: str) -> None:
    decision = parse_decision(text)
    assert decision is None or decision.why.strip()


def _check_errors(stream: bytes) -> None:
    ends = Ends(_SHORT_LINE)
    for at in range(0, len(stream), 100):
        ends.feed(stream[at : at + 100])
    lines = ends.lines()
    assert sum(map(len, lines)) <= 2 * _SHORT_LINE + _GAP
    for error in (
        errors.start_failure(1, lines),
        errors.death(-9, lines),
        errors.print_failure(1, lines),
    ):
        assert error.message
    errors.warning_texts(lines)
    parse_version(stream.decode("utf-8", "replace"))
