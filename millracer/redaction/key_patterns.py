r"""Regular expressions for well-known API key formats.

Every key of a format contains a fixed text, its anchor. A search for the anchor is a hundred times
faster than a regular expression, which is compiled and matched only where the anchor occurs. No
pattern backtracks, and no match starts inside text that another one has read: time is linear in
the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

#: A key begins at a word boundary, after an escaped line end, or after a terminal colour code.
_BEGINS = r"(?:(?<![A-Za-z0-9])|(?<=\\[nrt])|(?<=[0-9;\[]m))"
_HAS_DIGIT = r"(?=[A-Za-z._~+/=-]{0,200}+[0-9])"
#: Joined words, such as `npm_config_cache_folder` or a work item's id, are not keys.
_IS_NOT_NAME = r"(?=[a-z_-]{0,60}+[A-Z0-9])"
_NAMED = r"[\"']?\s{0,4}[:=]\s{0,4}[\"']?"
_BLANK = r"(?:\s|\\[nr])"
_BASE64 = r"[A-Za-z0-9+/=]"

#: The prefix of every ownership token. A long-running process creates many of them, so they are
#: recognised by their format, not by a list.
OWNER_TOKEN_PREFIX = "millracer_"  # noqa: S105 - a prefix, not a token

#: Anchor and pattern of each key format. The pattern is matched where the anchor begins; its first
#: group is the secret. A match without that group is not a key, and neither is any part of it.
_SHAPES: dict[str, str] = {
    **dict.fromkeys(
        (
            *("sk-", "sk_live_", "sk_test_", "rk_live_", "rk_test_", "whsec_"),
            *("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glpat-"),
            *("gsk_", "hf_", "npm_", "pypi-", "xai-"),
        ),
        rf"{_BEGINS}{_IS_NOT_NAME}([a-z]++(?:_pat_|_live_|_test_|[_-])[A-Za-z0-9_-]{{16,}}+)",
    ),
    **dict.fromkeys(
        ("xoxa-", "xoxb-", "xoxc-", "xoxd-", "xoxe-", "xoxo-", "xoxp-", "xoxr-", "xoxs-", "xapp-"),
        rf"{_BEGINS}([a-z]{{4}}-[A-Za-z0-9-]{{10,}}+)",
    ),
    OWNER_TOKEN_PREFIX: rf"{_BEGINS}({OWNER_TOKEN_PREFIX}[0-9a-f]{{32}}(?![A-Za-z0-9]))",
    "ya29.": rf"{_BEGINS}(ya29\.[A-Za-z0-9_-]{{16,}}+)",
    **dict.fromkeys(("AKIA", "ASIA"), rf"{_BEGINS}([A-Z0-9]{{20}}(?![A-Za-z0-9]))"),
    "AIza": rf"{_BEGINS}(AIza[A-Za-z0-9_-]{{35}}(?![A-Za-z0-9]))",
    # A JSON Web Token: its header is an object, `{"`. A word that is not one contains none.
    "eyJ": rf"{_BEGINS}(?<![_-])(?:"
    r"(eyJ[A-Za-z0-9_-]{5,}+\.[A-Za-z0-9_-]{5,}+\.[A-Za-z0-9_-]*+(?:\.[A-Za-z0-9_-]++)*+)"
    r"|eyJ[A-Za-z0-9_-]*+)",
    "-----BEGIN ": r"(-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
    r"(?:(?:(?!-----)[\s\S])*+-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
    rf"|(?:{_BLANK}*+{_BASE64}{{16,}}+)*+(?:{_BLANK}*+{_BASE64}++)?+))",
    "earer": rf"(?<=[Bb])earer(?:\s|%20){{1,4}}({_HAS_DIGIT}[A-Za-z0-9._~+/=-]{{16,}}+)",
    "uthorization": rf"uthorization{_NAMED}(?i:basic|bearer|token|apikey|negotiate)\s{{1,4}}"
    r"([A-Za-z0-9._~+/=:-]{8,}+)",
    **dict.fromkeys(
        ("api-key", "Api-Key", "API-KEY"),
        rf"(?i:api-key){_NAMED}({_HAS_DIGIT}[A-Za-z0-9._~+/=-]{{16,}}+)",
    ),
    "://": r"://[^\s/?#@:\"'<>\\]{0,200}+:([^\s/?#@\"'<>\\]{1,1000}+)@",
}

#: Anchors after which any word may be a secret, whatever its format.
_PLACES = ("earer", "uthorization", "api-key", "Api-Key", "API-KEY", "://")
#: At most this many characters before it.
_PLACE_WITHIN = 256
#: In a shorter text, one search for all anchors is faster than a search for each: documents consist
#: of hundreds of thousands of short texts.
_SHORT = 400


def find_shapes(text: str) -> Iterator[tuple[int, int]]:
    """Yield begin and end of each part of a text that has the format of a key."""
    if len(text) < _SHORT and not _any_anchor().search(text):
        return
    for anchor, pattern in _SHAPES.items():
        at = text.find(anchor)
        if at < 0:
            continue
        match = _compiled(pattern).match
        while at >= 0:
            found = match(text, at)
            if found is not None and found[1] is not None:
                yield found.span(1)
            at = text.find(anchor, at + 1 if found is None else found.end())


def begun_shape(text: str, word: int) -> int:
    """Return where a possible key begins in a text's last word; the text's length if nowhere.

    Args:
        text: the text so far, which may continue.
        word: where the last word begins.
    """
    recent = text[max(0, word - _PLACE_WITHIN) :]
    if any(place in recent for place in _PLACES):
        return word
    begins = _compiled(_BEGINS).match
    until = len(text)
    for anchor in _SHAPES:
        at = text.find(anchor, word)
        while at >= 0 and not begins(text, at):
            at = text.find(anchor, at + 1)
        begun = len(text) - overlap(text, anchor)
        until = min(until, at if at >= 0 else until, begun if begins(text, begun) else until)
    return until


def overlap(text: str, other: str) -> int:
    """Return how many of the other's first characters the text ends with, but not all of them."""
    count = min(len(other) - 1, len(text))
    while not text.endswith(other[:count]):
        count -= 1
    return count


@cache
def _any_anchor() -> re.Pattern[str]:
    return re.compile("|".join(map(re.escape, _SHAPES)))


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)
