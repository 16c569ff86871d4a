"""Read the contents of a log: its end from its last lines, the rest from all of them."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain

from millracer.domain.event_log import EventType, LogEvent
from millracer.event_log.lines import LINE_LIMIT, LOG_LIMIT, decode, epoch_of

_CHUNK_BYTES = 1024 * 1024
#: An attempt's end is the last line, or a few lines before it.
_TAIL_BYTES = 4 * LINE_LIMIT
#: One line, with its number. JSON strings contain no raw quotation mark or line end.
_LINE = re.compile(rb'^\{"seq":(0|[1-9][0-9]{0,17}),"type":"[^\n]*\}\n', re.MULTILINE)
#: The key is the last field of its line.
_KEY = re.compile(rb',"key":("(?:[^"\\\n]|\\[^\n])*")\}\n')
_ATTEMPT = b',"type":"attempt.'
_ENDS = frozenset({EventType.ATTEMPT_LOST, EventType.ATTEMPT_ENDED})


@dataclass(frozen=True, slots=True)
class Attempt:
    """The last attempt in a log.

    Attributes:
        number: counts from 1.
        is_open: it has not ended, so its process was killed or works.
    """

    number: int
    is_open: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Tail:
    """The end of a log.

    Attributes:
        epoch: identifies the numbering; empty in an empty log.
        last: the number of the last complete line.
        end: the offset behind it.
        attempt: the last attempt; None without one.
    """

    epoch: str = ""
    last: int = -1
    end: int = 0
    attempt: Attempt | None = None


@dataclass(slots=True)
class Contents:
    """The summary of all lines of a log.

    Attributes:
        keys: the keys of its events.
        item_state: the last logged state of the item; None without one.
    """

    keys: set[str] = field(default_factory=set)
    item_state: str | None = None

    def after(self, earlier: Contents) -> Contents:
        """Return the contents of an earlier log and of this one."""
        return Contents(self.keys | earlier.keys, self.item_state or earlier.item_state)


def read_tail(log: int) -> Tail | None:
    """Return the end of a log, from its first and its last lines; None if these are damaged."""
    size = os.fstat(log).st_size
    if size > LOG_LIMIT:
        return None
    start = max(0, size - _TAIL_BYTES)
    text = os.pread(log, size - start, start)
    begin = 0 if start == 0 else text.find(b"\n") + 1
    end = text.rfind(b"\n") + 1
    if len(text) - end > LINE_LIMIT or (begin == 0 and start > 0):
        return None
    if end == 0:
        return Tail()
    lines = text[begin:end]
    numbers = _numbers(lines)
    first, _, _ = os.pread(log, LINE_LIMIT, 0).partition(b"\n")
    epoch = epoch_of(first)
    if numbers is None or epoch is None or (start == 0 and numbers[0] != 0):
        return None
    return Tail(
        epoch=epoch, last=numbers[-1], end=start + end, attempt=_attempt_in(log, lines, start)
    )


def read_whole(log: int, size: int | None = None) -> Contents | None:
    """Return the contents of a log, or of its begin; None if a line is damaged.

    Args:
        log: the log.
        size: the offset behind the last line to read; None: all complete lines.
    """
    limit = os.fstat(log).st_size if size is None else size
    if limit > LOG_LIMIT:
        return None
    found = Contents()
    offset, number, moved = 0, 0, b""
    while chunk := os.pread(log, min(_CHUNK_BYTES, limit - offset), offset):
        end = chunk.rfind(b"\n") + 1
        if end == 0:
            return None if len(chunk) > LINE_LIMIT else found
        lines = chunk[:end]
        numbers = _numbers(lines)
        if numbers is None or numbers[0] != number:
            return None
        number = numbers[-1] + 1
        found.keys.update(map(json.loads, _KEY.findall(lines)))
        moved = _last_of(lines, EventType.ITEM_MOVED) or moved
        offset += end
    event = decode(moved, "") if moved else None
    if event is not None:
        found.item_state = str(event.payload.get("item_state"))
    return found


def attempt_of(log: int) -> Attempt | None:
    """Return the last attempt in a log; None without one, or if the log's end is damaged."""
    tail = read_tail(log)
    return None if tail is None else tail.attempt


def _numbers(lines: bytes) -> range | None:
    """Return the numbers of complete lines; None if a line is not one or they have a gap."""
    found = [int(each) for each in _LINE.findall(lines)]
    if not found or len(found) != lines.count(b"\n"):
        return None
    expected = range(found[0], found[0] + len(found))
    return expected if found == [*expected] else None


def _attempt_in(log: int, lines: bytes, start: int) -> Attempt | None:
    """Return the last attempt of a log, of which the last lines are given.

    Each event has the number of its attempt, so mostly the last line is enough; those of a
    submission have 0.
    """
    last = decode(lines[lines.rfind(b"\n", 0, -1) + 1 :], "")
    attempt = _attempt_at(last)
    if attempt is not None:
        return attempt
    for text in chain((lines,), _backwards(log, start + LINE_LIMIT)):
        found = text.rfind(_ATTEMPT)
        while found != -1:
            begin = text.rfind(b"\n", 0, found) + 1
            attempt = _attempt_at(decode(text[begin:].partition(b"\n")[0], ""))
            if attempt is not None:
                return attempt
            found = text.rfind(_ATTEMPT, 0, begin)
    return None


def _backwards(log: int, end: int) -> Iterator[bytes]:
    """Yield a log's text before an offset in pieces, the last first; they overlap by a line."""
    while end > LINE_LIMIT:
        start = max(0, end - _CHUNK_BYTES)
        yield os.pread(log, end - start, start)
        end = start + LINE_LIMIT if start else 0


def _attempt_at(event: LogEvent | None) -> Attempt | None:
    number = None if event is None else event.payload.get("attempt")
    if event is None or not isinstance(number, int) or number < 1:
        return None
    return Attempt(number, is_open=event.type not in _ENDS)


def _last_of(lines: bytes, kind: EventType) -> bytes:
    """Return the last line of a type; empty without one."""
    found = lines.rfind(f',"type":"{kind}",'.encode())
    begin = lines.rfind(b"\n", 0, found) + 1
    return b"" if found == -1 else lines[begin : lines.index(b"\n", found)]
