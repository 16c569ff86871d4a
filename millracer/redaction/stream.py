"""Secrets taken out of a text that comes in pieces: none passes because a piece ended within it."""

from __future__ import annotations

from millracer.redaction.key_patterns import begun_shape
from millracer.redaction.rules import Redaction, Span, cover

#: What was passed on and is looked at again: a key may be known by what stands before it.
_LOOKED_BACK = 256
#: So much that is held back is looked at with each piece, more only when a word ends.
_LOOKED_AT = 2048
#: Still more only when it has grown by an eighth, too: the work stays in proportion to the text.
_LOOKED_AT_BY_WORDS = 8192
#: More is not held back: no key is as long.
_MOST_HELD = 64 * 1024
_KEPT_OF_MOST = 1024


class RedactedStream:
    """Passes pieces on as they come, but what may be a part of a secret only when that is known.

    Args:
        redaction: what is secret.
    """

    def __init__(self, redaction: Redaction) -> None:
        self._redaction = redaction
        self._before = ""
        self._held: list[str] = []
        self._count = 0
        self._left = 0

    def feed(self, piece: str) -> str:
        """Take the next piece and return what can be told by now."""
        self._held.append(piece)
        self._count += len(piece)
        if self._can_wait(piece):
            return ""
        text = self._before + "".join(self._held)
        spans = self._redaction.spans(text)
        until = self._told_until(text, spans)
        if len(text) - until > _MOST_HELD:
            until = len(text) - _KEPT_OF_MOST
        return self._tell(text, spans, until)

    def finish(self) -> str:
        """Return the rest: nothing comes after it."""
        text = self._before + "".join(self._held)
        return self._tell(text, self._redaction.spans(text), len(text))

    def _can_wait(self, piece: str) -> bool:
        """Whether what is held is looked at with a later piece, when more can be told."""
        if not _LOOKED_AT < self._count <= _MOST_HELD:
            return False
        if self._left > _LOOKED_AT_BY_WORDS and self._count < self._left * 9 // 8:
            return True
        return not any(map(str.isspace, piece))

    def _told_until(self, text: str, spans: tuple[Span, ...]) -> int:
        """Return where that begins which a next piece could make a secret, or a longer one."""
        word = len(text)
        while word > 0 and not text[word - 1].isspace():
            word -= 1
        until = begun_shape(text, word)
        until = min(until, len(text) - self._redaction.begun(text))
        for begin, end in spans:
            if end > until or not text[end:].strip():
                until = min(until, begin)
        return max(until, len(self._before))

    def _tell(self, text: str, spans: tuple[Span, ...], until: int) -> str:
        told = len(self._before)
        clipped = [(max(begin, told), min(end, until)) for begin, end in spans]
        shown = cover(text[:until], [span for span in clipped if span[0] < span[1]])[told:]
        self._before = text[max(0, until - _LOOKED_BACK) : until]
        self._held = [text[until:]]
        self._count = self._left = len(text) - until
        return shown
