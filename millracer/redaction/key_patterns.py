r"""What keys look like: shapes by which one is known that nobody told us of.

Each shape is found by a text that every such key holds: looking for that is a hundred times faster
than a pattern, which is made and tried only where it stands. No pattern goes back over what it
took, and none can begin again inside what another try read: time is linear in the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

#: A key begins where no word goes on, behind an escaped line end, or behind a colour's code.
_BEGINS = r"(?:(?<![A-Za-z0-9])|(?<=\\[nrt])|(?<=[0-9;\[]m))"
_HAS_DIGIT = r"(?=[A-Za-z._~+/=-]{0,200}+[0-9])"
#: Words that are joined, as a work item's id is made of them, are none: `npm_config_cache_folder`.
_IS_NO_NAME = r"(?=[a-z_-]{0,60}+[A-Z0-9])"
_NAMED = r"[\"']?\s{0,4}[:=]\s{0,4}[\"']?"
_BLANK = r"(?:\s|\\[nr])"
_BASE64 = r"[A-Za-z0-9+/=]"

#: What every ownership token of ours begins with. A process that lives long makes many of them:
#: their shape tells them, no list.
OWNER_TOKEN_PREFIX = "millracer_"  # noqa: S105 - what a token begins with is no token

#: By what each kind of key is found, and its pattern: matched where the former begins, its first
#: group is the secret. A match without that group is none, and nothing within it is one.
_SHAPES: dict[str, str] = {
    **dict.fromkeys(
        (
            *("sk-", "sk_live_", "sk_test_", "rk_live_", "rk_test_", "whsec_"),
            *("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glpat-"),
            *("gsk_", "hf_", "npm_", "pypi-", "xai-"),
        ),
        rf"{_BEGINS}{_IS_NO_NAME}([a-z]++(?:_pat_|_live_|_test_|[_-])[A-Za-z0-9_-]{{16,}}+)",
    ),
    **dict.fromkeys(
        ("xoxa-", "xoxb-", "xoxc-", "xoxd-", "xoxe-", "xoxo-", "xoxp-", "xoxr-", "xoxs-", "xapp-"),
        rf"{_BEGINS}([a-z]{{4}}-[A-Za-z0-9-]{{10,}}+)",
    ),
    OWNER_TOKEN_PREFIX: rf"{_BEGINS}({OWNER_TOKEN_PREFIX}[0-9a-f]{{32}}(?![A-Za-z0-9]))",
    "ya29.": rf"{_BEGINS}(ya29\.[A-Za-z0-9_-]{{16,}}+)",
    **dict.fromkeys(("AKIA", "ASIA"), rf"{_BEGINS}([A-Z0-9]{{20}}(?![A-Za-z0-9]))"),
    "AIza": rf"{_BEGINS}(AIza[A-Za-z0-9_-]{{35}}(?![A-Za-z0-9]))",
    # A JSON Web Token: its header is an object, `{"`. A word that is none is none anywhere in it.
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

#: After these stands a secret that nothing else tells.
_PLACES = ("earer", "uthorization", "api-key", "Api-Key", "API-KEY", "://")
#: So far before it.
_PLACE_WITHIN = 256
#: Of a text shorter than this one search for all is faster than a search for each: documents are
#: made of hundreds of thousands.
_SHORT = 400


def find_shapes(text: str) -> Iterator[tuple[int, int]]:
    """Yield where in a text something of the shape of a key begins and ends."""
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
    """Return where in a text's last word that begins which could become a key; its end if nowhere.

    Args:
        text: what came so far.
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
    """Return how many characters the text ends with that the other begins with, but not all."""
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
