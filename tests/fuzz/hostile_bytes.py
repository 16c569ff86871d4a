"""What breaks parsers, as bytes, and a way to bend a document with it."""

from __future__ import annotations

import json
from random import Random
from typing import Any

#: Put into texts as they are: not JSON, not UTF-8, or special to some program.
PIECES = (
    *(b"\x00", b"\xff\xfe", b"\xef\xbb\xbf", b"\r\n", b"\r", b"\n", b"\xe2\x80\xa8", b"\xc2\x85"),
    *(b"\xed\xa0\x80", b"\xf0\x9f\x98", b"\xc0\xaf", b"\\ud800", b"\\u0000", b"\\", b'"', b'\\"'),
    *(b"NaN", b"-Infinity", b"1e999", b"9" * 5000, b"-0", b"1" + b"0" * 400, b"0.1e-999"),
    *(b"[" * 300, b'{"a":' * 300, b"[" * 3000, b"{}", b"[]", b"null", b"true", b",", b":", b"{"),
    *(b"*" * 300, b" " * 300, b"\t" * 300, b"- " * 200, b"# ", b"\x1b[31m", b"\x1b]0;t\x07"),
    *(b"\nStatus: done\n", b"\n\n---\n", b"Error: ", b"decision: direct", b"why: "),
)
#: Put in the place of a JSON value.
VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 2**31, 2**63, 2**64, 10**30, 1.5, 1e308, "", " ", "none", "x"),
    *("\ud800", "\x00", "\u2028", "2026-02-30T00:00:00Z", "0001-01-01T00:00:00+23:59"),
    *("9999-12-31T23:59:59-23:59", "1e9", [], {}, [[]], [None], {"": None}, ["a", "a"]),
    *({"item_id": "x"}, {"type": "text", "text": "\ud83d"}, "default", "assistant", "stop"),
)


def bend(data: bytes, random: Random) -> bytes:
    """Return the bytes with one thing wrong: in the JSON's structure, or anywhere in the text.

    Of several lines one is bent; the text before the first brace stays as it is.
    """
    lines = data.split(b"\n")
    at = random.randrange(len(lines))
    begin = max(0, lines[at].find(b"{"))
    head, line = lines[at][:begin], lines[at][begin:]
    document = _loaded(line if len(lines) > 1 else data[begin:])
    if document is None or random.random() < 0.4:
        return _with_piece(data, random)
    holder = random.choice(_holders(document))
    _change(holder, random)
    bent = head + json.dumps(document).encode()
    return b"\n".join([*lines[:at], bent, *lines[at + 1 :]]) if len(lines) > 1 else bent


def _with_piece(data: bytes, random: Random) -> bytes:
    at = random.randint(0, len(data))
    gone = random.choice((0, 0, 1, 2, 8, len(data)))
    return data[:at] + random.choice(PIECES) + data[at + gone :]


def _change(holder: list[Any] | dict[str, Any], random: Random) -> None:
    keys: list[Any] = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
    if not keys:
        return
    key = random.choice(keys)
    match random.randrange(3):
        case 0:
            del holder[key]
        case 1 if isinstance(holder, dict):
            holder[random.choice(keys)] = holder.pop(key)
        case _:
            holder[key] = random.choice(VALUES)


def _loaded(data: bytes) -> Any:
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict | list) and _holders(document) else None


def _holders(value: Any) -> list[Any]:
    found, waiting = [], [value]
    while waiting:
        each = waiting.pop()
        if isinstance(each, dict | list) and each:
            found.append(each)
            waiting.extend(each.values() if isinstance(each, dict) else each)
    return found
