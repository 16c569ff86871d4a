"""Decode pi's bytes: chunks -> LF-ended lines -> one frame each.

Pure. Lines end at LF only, because pi writes U+2028 and similar characters raw inside strings. Most
of pi's output is not needed (up to 0.83 every piece of text repeats the whole message twice), so a
line whose type is unused is discarded without being parsed. Time is linear in the input, memory is
bounded.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

from millracer.errors import ProtocolError
from millracer.pi import frames

#: A longer line is cut; pi's lines are a few MB at most.
LINE_LIMIT_BYTES = 64 * 1024 * 1024

_KIND = re.compile(rb'\s*\{\s*"type"\s*:\s*"([a-z_]+)"')
_DELTA = re.compile(
    rb'"assistantMessageEvent"\s*:\s*\{\s*"type"\s*:\s*"text_delta"\s*,'
    rb'(?:\s*"contentIndex"\s*:\s*\d+\s*,)?\s*"delta"\s*:\s*("[^"\\]*+(?:\\.[^"\\]*+)*+")'
)
#: A text delta begins within this: after the type and, since 0.84, the usage.
_DELTA_WITHIN_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Line:
    """One line without its LF; `cut` is true if it was longer than the limit."""

    data: bytes
    cut: bool = False


class LineFramer:
    """Cuts a stream of chunks into lines at LF."""

    def __init__(self, limit: int = LINE_LIMIT_BYTES) -> None:
        self._limit = limit
        self._parts: list[bytes] = []
        self._held = 0
        self._cut = False

    @property
    def holds_part(self) -> bool:
        """Whether a line has started and not ended."""
        return self._held > 0

    def feed(self, chunk: bytes) -> Iterator[Line]:
        """Yield the lines that this chunk completes; the caller must exhaust the iterator."""
        start = 0
        while (end := chunk.find(b"\n", start)) >= 0:
            self._keep(chunk[start:end])
            yield self._take()
            start = end + 1
        self._keep(chunk[start:])

    def _keep(self, part: bytes) -> None:
        room = self._limit - self._held
        if len(part) > room:
            self._cut = True
            part = part[:room]
        if part:
            self._parts.append(part)
            self._held += len(part)

    def _take(self) -> Line:
        line = Line(b"".join(self._parts), self._cut)
        self._parts, self._held, self._cut = [], 0, False
        return line


class FrameReader:
    """Turns chunks into the frames that are used.

    Attributes:
        wants_text: whether text deltas are decoded; false if there is no listener.
        skipped: the number of lines that were not frames.
    """

    def __init__(self, limit: int = LINE_LIMIT_BYTES) -> None:
        self.wants_text = False
        self.skipped = 0
        self._framer = LineFramer(limit)

    def feed(self, chunk: bytes) -> Iterator[frames.Frame]:
        """Yield the frames that this chunk completes; the caller must exhaust the iterator.

        Raises:
            ProtocolError: a frame of a known type lacks a required field.
        """
        for line in self._framer.feed(chunk):
            frame = self._read(line)
            if frame is not None:
                yield frame

    def finish(self) -> None:
        """Count an unfinished last line as skipped."""
        if self._framer.holds_part:
            self.skipped += 1

    def _read(self, line: Line) -> frames.Frame | None:
        sniffed = _KIND.match(line.data)
        kind = sniffed.group(1).decode() if sniffed else None
        if kind == "message_update":
            return _text_delta(line.data) if self.wants_text else None
        if kind is not None and kind not in frames.USED_TYPES:
            return None
        if line.cut:
            return _from_cut_line(line.data, kind)
        if not line.data.strip():
            return None
        frame = frames.parse_frame(line.data)
        if frame is None:
            self.skipped += 1
        return None if isinstance(frame, frames.OtherFrame) else frame


def _text_delta(line: bytes) -> frames.TextDelta | None:
    # Quotes inside a JSON string are escaped, so text of the model cannot match these keys.
    begin = line.find(b'"assistantMessageEvent"', 0, _DELTA_WITHIN_BYTES)
    found = _DELTA.match(line, begin) if begin >= 0 else None
    if found is None:
        return None
    try:
        text: str = json.loads(found.group(1))
    except ValueError:
        return None  # not a JSON string; `message_end` repeats the whole message
    return frames.TextDelta(
        delta=text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    )


def _from_cut_line(line: bytes, kind: str | None) -> frames.Frame:
    if kind == "agent_end":  # repeats every message of the run; only its arrival matters
        return frames.AgentEnd()
    raise ProtocolError(
        frames.TOOL,
        f"pi sent a line of more than {len(line)} bytes",
        raw=line[:2000].decode("utf-8", "replace"),
    )
