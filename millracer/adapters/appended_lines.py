"""The lines of a file that only grows, each once."""

from __future__ import annotations

import os
from pathlib import Path


class AppendedLines:
    """Reads a log on from a remembered place; one that was cut or replaced is read from its start.

    Args:
        path: the log; it may be missing yet.
        newest_bytes: how much of what is there already is read at first.
    """

    def __init__(self, path: Path, *, newest_bytes: int) -> None:
        self._path = path
        self._partial = b""
        found = self._stat()
        self._inode = None if found is None else found.st_ino
        self._offset = 0 if found is None else max(0, found.st_size - newest_bytes)

    def read(self) -> list[bytes]:
        """Return all lines completed since the last call; one still being written is kept back.

        The first line may be the rest of one that began before what is read.
        """
        found = self._stat()
        if found is None:
            return []
        if found.st_ino != self._inode or found.st_size < self._offset:
            self._inode, self._offset, self._partial = found.st_ino, 0, b""
        if found.st_size == self._offset:
            return []
        try:
            with self._path.open("rb") as log:
                log.seek(self._offset)
                added = log.read()
        except OSError:
            return []
        self._offset += len(added)
        *lines, self._partial = (self._partial + added).split(b"\n")
        return lines

    def _stat(self) -> os.stat_result | None:
        try:
            return self._path.stat()
        except OSError:
            return None
