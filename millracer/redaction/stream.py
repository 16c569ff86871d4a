"""Remove secrets from a text that arrives in pieces, also secrets split between two pieces."""

from __future__ import annotations

from millracer.redaction.key_patterns import begun_shape
from millracer.redaction.rules import Redaction, Span, cover

#: Characters of the emitted text that are scanned again: the text before a key may identify it.
_CONTEXT = 256
#: Up to this many held characters are scanned with each piece, more only when a word ends.
_SCANNED_ALWAYS = 2048
#: With more than this, the held text must also have grown by an eighth: total work stays linear.
_SCANNED_AT_WORDS = 8192
#: The most characters that are held back: keys are shorter.
_MOST_HELD = 64 * 1024
_KEPT_OF_MOST = 1024


class RedactedStream:
    """Passes pieces through as they arrive, and holds text that may be part of a secret.

    Args:
        redaction: finds the secrets.
    """

    def __init__(self, redaction: Redaction) -> None:
        self._redaction = redaction
        self._before = ""
        self._held: list[str] = []
        self._count = 0
        self._left = 0

    def feed(self, piece: str) -> str:
        """Append the next piece and return the redacted text that is safe to emit."""
        self._held.append(piece)
        self._count += len(piece)
        if self._can_wait(piece):
            return ""
        text = self._before + "".join(self._held)
        spans = self._redaction.spans(text)
        until = self._find_safe_end(text, spans)
        if len(text) - until > _MOST_HELD:
            until = len(text) - _KEPT_OF_MOST
        return self._emit(text, spans, until)

    def finish(self) -> str:
        """Return the rest of the text, redacted."""
        text = self._before + "".join(self._held)
        return self._emit(text, self._redaction.spans(text), len(text))

    def _can_wait(self, piece: str) -> bool:
        """Whether the scan of the held text can be deferred to a later piece."""
        if not _SCANNED_ALWAYS < self._count <= _MOST_HELD:
            return False
        if self._left > _SCANNED_AT_WORDS and self._count < self._left * 9 // 8:
            return True
        return not any(map(str.isspace, piece))

    def _find_safe_end(self, text: str, spans: tuple[Span, ...]) -> int:
        """Return where the text begins that a next piece could complete or extend to a secret."""
        word = len(text)
        while word > 0 and not text[word - 1].isspace():
            word -= 1
        until = begun_shape(text, word)
        until = min(until, len(text) - self._redaction.begun(text))
        for begin, end in spans:
            if end > until or not text[end:].strip():
                until = min(until, begin)
        return max(until, len(self._before))

    def _emit(self, text: str, spans: tuple[Span, ...], until: int) -> str:
        emitted = len(self._before)
        clipped = [(max(begin, emitted), min(end, until)) for begin, end in spans]
        shown = cover(text[:until], [span for span in clipped if span[0] < span[1]])[emitted:]
        self._before = text[max(0, until - _CONTEXT) : until]
        self._held = [text[until:]]
        self._count = self._left = len(text) - until
        return shown
