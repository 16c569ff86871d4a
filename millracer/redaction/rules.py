"""Remove secrets from texts: known values and key formats. No other module does so.

Pure. `millracer.redaction.process` has the values known in this process and the instance that every
output uses.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property, lru_cache
from urllib.parse import quote, unquote

from millracer.redaction.key_patterns import find_shapes

#: Replaces a secret.
MARK = "[redacted]"

Span = tuple[int, int]

#: A shorter value occurs by chance.
_SHORTEST = 8
#: If a value has at least this many characters, its beginning and its end are secret, too, because
#: a text that is cut to a limit may contain only a part of the value.
_CUT_FROM = 16
_FEWEST_DISTINCT = 3

#: Names of variables that contain a key; `PWD` itself is every shell's working directory.
_HOLDS_KEY = re.compile(
    r"SECRET|PASSW|PASSPHRASE|CREDENTIAL|TOKEN(?!IZ)|KEY(?!BOARD|MAP|STROKE|RING)"
    r"|AUTH(?!OR(?!IZ))|(?:^(?!PWD$)|_)(?:PASS|PWD|PAT|BEARER|COOKIE)(?:_|$)"
)
#: Names of variables that describe a key without containing it.
_IS_ABOUT_KEY = re.compile(
    r"_(?:FILE|PATH|DIR|DIRECTORY|SOCK|SOCKET|URL|URI|ENDPOINT|HOST|PORT|NAME|TYPE|MODE|METHOD"
    r"|ALGORITHM|BACKEND|PROVIDER|ISSUER|REALM|DOMAIN|EXPIR[A-Z]*|TTL|TIMEOUT|LIMIT|COUNT|SIZE"
    r"|LENGTH|ENABLED|DISABLED|VERSION|PREFIX|HEADER|SCOPES?)$"
)
_NUMBER = re.compile(r"[\d.,:+\-\s]+")
_PATH = re.compile(r"(?:~|\.{1,2})?/")
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
#: Matches only the last character of the scheme: a search for a whole scheme would start again at
#: each character of a long word.
_ADDRESS_PASSWORD = re.compile(r"(?<=[A-Za-z0-9+.-])://[^\s/?#@:]*+:([^\s/?#@]++)@")
#: Text that is not a folder's name.
_RANDOM = re.compile(r"(?=[^a-z]*[a-z])(?=[^A-Z]*[A-Z])(?=[^0-9]*[0-9])[A-Za-z0-9+=_-]{16,}")

#: The mark in place of one secret can join the text around it into another; one pass usually
#: suffices.
_PASSES = 8
#: Documents and events repeat short texts, such as names; so many redacted ones are kept.
_SHORT, _KEPT_TEXTS = 200, 2_048


def secret_values(variables: Iterable[tuple[str, str]]) -> frozenset[str]:
    """Return the values of variables that look like keys, and the passwords in all addresses."""
    found: set[str] = set()
    for name, value in variables:
        found.update(unquote(each) for each in _ADDRESS_PASSWORD.findall(value))
        found.update(_ADDRESS_PASSWORD.findall(value))
        if holds_key(name) and _is_key(value.strip()):
            found.add(value.strip())
    return frozenset(value for value in found if len(value) >= _SHORTEST)


def holds_key(name: str) -> bool:
    """Whether a variable holds a key, by its name."""
    upper = name.upper()
    return bool(_HOLDS_KEY.search(upper)) and not _IS_ABOUT_KEY.search(upper)


class Redaction:
    """Removes secrets from texts; deterministic and idempotent.

    Args:
        values: the secrets. A value is ignored if it is shorter than eight characters, consists of
            one or two distinct characters, or overlaps with `MARK`: it would occur everywhere.
    """

    def __init__(self, values: Iterable[str] = ()) -> None:
        spelled = {form for value in values for form in _forms(value)}
        self._values = tuple(_Value(form) for form in spelled if _is_distinctive(form))
        heads = [value.head for value in self._values]
        self._beginnings = {head[:count] for head in heads for count in range(1, len(head))}
        self._longest = max(map(len, self._beginnings), default=0)
        self._short_text = lru_cache(maxsize=_KEPT_TEXTS)(self._redacted)

    def text(self, text: str) -> str:
        """Return the text with `MARK` in place of each secret, otherwise unchanged."""
        return self._short_text(text) if len(text) <= _SHORT else self._redacted(text)

    def _redacted(self, text: str) -> str:
        for _ in range(_PASSES):
            covered = cover(text, self.spans(text))
            if covered == text:
                return text
            text = covered
        return MARK

    def begun(self, text: str) -> int:
        """Return how many characters at the end of a text may be the beginning of a known value.

        A beginning that is long enough to identify the value is in `spans` instead.
        """
        longest = min(self._longest, len(text))
        counts = (count for count in range(longest, 0, -1) if text[-count:] in self._beginnings)
        return next(counts, 0)

    def spans(self, text: str) -> tuple[Span, ...]:
        """Return begin and end of each secret, in order and not touching."""
        found = list(find_shapes(text))
        for value in self._values:
            if value.head in text or value.tail in text:
                found.extend(value.find(text))
        return tuple(_merged(sorted(found)))


def cover(text: str, spans: Sequence[Span]) -> str:
    """Return the text with `MARK` in place of each span."""
    if not spans:
        return text
    pieces, at = [], 0
    for begin, end in spans:
        pieces += [text[at:begin], MARK]
        at = end
    return "".join([*pieces, text[at:]])


class _Value:
    """One known value, found whole or cut."""

    def __init__(self, value: str) -> None:
        length = len(value)
        least = length if length < _CUT_FROM else min(_CUT_FROM, length * 3 // 4)
        self.head, self.tail = value[:least], value[-least:]
        self._begun = _Beginnings(value, least)
        self._ended = _Beginnings(value[::-1], least)

    def find(self, text: str) -> Iterator[Span]:
        """Yield the spans of the value, and of its beginnings and ends that identify it.

        A span within another one may be left out.
        """
        yield from self._begun.find(text)
        if self.tail in text:
            length = len(text)
            for begin, end in self._ended.find(text[::-1]):
                yield length - end, length - begin


class _Beginnings:
    """Finds the beginnings of one value in texts, in time linear in the text and the value.

    Args:
        value: the value to find.
        least: the shortest beginning that counts, in characters.
    """

    def __init__(self, value: str, least: int) -> None:
        self._value = value
        self._head = value[:least]

    def find(self, text: str) -> Iterator[Span]:
        """Yield the longest beginning at each place; one within an earlier one may be left out."""
        begin = end = 0
        at = text.find(self._head)
        while at >= 0:
            # The part that the last span shares with this one is not compared again.
            within = max(0, end - at)
            if within == 0 or self._repeats[at - begin] >= within:
                begin = at
                end = at + within + _in_common(self._value, within, text, at + within)
                yield begin, end
            at = text.find(self._head, at + 1)

    @cached_property
    def _repeats(self) -> Sequence[int]:
        """For each index of the value, how many characters from it on equal its beginning."""
        value, lengths = self._value, [len(self._value)]
        begin = end = 0
        for at in range(1, len(value)):
            length = min(end - at, lengths[at - begin]) if at < end else 0
            length += _in_common(value, length, value, at + length)
            if at + length > end:
                begin, end = at, at + length
            lengths.append(length)
        return lengths


def _in_common(one: str, at_one: int, other: str, at_other: int) -> int:
    """Return how many characters both have in common from these indices on."""
    most, alike, step = min(len(one) - at_one, len(other) - at_other), 0, 1

    def agree() -> bool:
        begin, end = at_one + alike, at_other + alike
        return alike + step <= most and one[begin : begin + step] == other[end : end + step]

    while agree():
        alike += step
        step *= 2
    while step > 1:
        step //= 2
        if agree():
            alike += step
    return alike


def _merged(spans: Iterable[Span]) -> Sequence[Span]:
    """Join spans, sorted, that touch or overlap."""
    merged: list[Span] = []
    for begin, end in spans:
        if merged and begin <= merged[-1][1]:
            first, last = merged.pop()
            merged.append((first, max(last, end)))
        else:
            merged.append((begin, end))
    return merged


def _is_key(value: str) -> bool:
    if _NUMBER.fullmatch(value) or _ADDRESS.match(value):
        return False
    return not _PATH.match(value) or any(map(_RANDOM.fullmatch, value.split("/")))


def _is_distinctive(value: str) -> bool:
    return (
        len(value) >= _SHORTEST
        and len(set(value)) >= _FEWEST_DISTINCT
        and not _overlaps_mark(value)
    )


def _overlaps_mark(value: str) -> bool:
    return value in MARK or MARK in value


def _forms(value: str) -> Iterator[str]:
    """Yield the spellings of a value: plain, in JSON, in Python, in an address, line by line."""
    yield value
    yield json.dumps(value)[1:-1]
    yield json.dumps(value, ensure_ascii=False)[1:-1]
    yield repr(value)[1:-1]
    yield quote(value, safe="", errors="replace")
    lines = (line.strip() for line in value.splitlines())
    yield from (line for line in lines if len(line) >= _CUT_FROM)
