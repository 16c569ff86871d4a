"""Whether what a command printed is what a page shows: the same but for ids, times and elisions."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tests.docs.shown import ELISION

#: What is another each time, and a word for it: what a page shows comes from a run, too.
_VARYING = (
    (re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?"), "<time>"),
    (re.compile(r"\brun-[0-9a-f]{32}\b"), "<run>"),
    (re.compile(r"[0-9a-f]{32}\b"), "<id>"),
    (re.compile(r"-[0-9a-f]{20}\b"), "-<id>"),
    (re.compile(r"(?<=-demo-)\w{8}\b"), "<id>"),
    (re.compile(r"-[0-9a-f]{10}\b"), "-<id>"),
    (re.compile(r"-[0-9a-f]{8}\b"), "-<id>"),  # shortened on a terminal
    (re.compile(r"\[ *[\d.]+s\]"), "[<seconds>]"),
    (re.compile(r"\b\d+(\.\d+)? (s|min)\b"), "<seconds>"),
    (re.compile(r"(?<!\d)\d+:\d\d(?!\d)"), "<elapsed>"),
    (re.compile("[⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏]"), "<spinner>"),
    (re.compile(r'("\w+": )\d+\.\d+'), r"\1<seconds>"),
    (re.compile(r"\b\d+\.\d+\.\d+(\.dev\d+)?\b"), "<version>"),
)


def is_like(printed: str, shown: Sequence[str]) -> bool:
    """Whether this was printed, in full but for the lines that say that some are left out."""
    lines = printed.splitlines()
    while lines and not lines[-1].strip():
        lines.pop()
    return pattern(shown).fullmatch("".join(f"{_alike(line)}\n" for line in lines)) is not None


def pattern(shown: Sequence[str]) -> re.Pattern[str]:
    """Return what output that is like the shown lines matches."""
    parts: list[str] = []
    for line in shown:
        if line.strip() == ELISION:
            parts.append(r"(?:.*\n)*?")
        elif line.endswith(ELISION):
            parts.append(re.escape(_alike(line.removesuffix(ELISION))) + r".*\n")
        else:
            parts.append(re.escape(f"{_alike(line)}\n"))
    return re.compile("".join(parts))


def _alike(line: str) -> str:
    for varying, word in _VARYING:
        line = varying.sub(word, line)
    return line.rstrip()
