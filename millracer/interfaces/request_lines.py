"""Bytes as they come in, lines as they are complete; of one that is too long only its beginning."""

from __future__ import annotations

from collections import deque


class RequestLines:
    """The lines of a stream, blank ones passed over.

    Args:
        limit: of a line of more bytes one more than that is given at once, the rest is dropped.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._whole: deque[bytes] = deque()
        self._begun = bytearray()
        self._is_dropping = False

    def __bool__(self) -> bool:
        return bool(self._whole)

    def take(self) -> bytes:
        """Return the oldest line that is complete, without its end; there has to be one."""
        return self._whole.popleft()

    def feed(self, chunk: bytes) -> None:
        """Take in what came."""
        first, *more = chunk.split(b"\n")
        self._go_on(first)
        for piece in more:
            self.end()
            self._go_on(piece)

    def end(self) -> None:
        """Take what was begun as a line: it has ended, with the stream or without."""
        if self._begun and not self._begun.isspace():
            self._whole.append(bytes(self._begun))
        self._begun.clear()
        self._is_dropping = False

    def _go_on(self, piece: bytes) -> None:
        if self._is_dropping:
            return
        self._begun += piece[: self._limit + 1 - len(self._begun)]
        if len(self._begun) > self._limit:
            self._whole.append(bytes(self._begun))
            self._begun.clear()
            self._is_dropping = True
