"""The contents of a folder, down to the last byte: two equal readings mean no write between."""

from __future__ import annotations

import hashlib
import stat
from pathlib import Path


def tree(*folders: Path) -> dict[str, tuple[object, ...]]:
    """Return every path below the folders with its mode, times of change, and content."""
    found: dict[str, tuple[object, ...]] = {}
    for folder in folders:
        for path in (folder, *folder.rglob("*")):
            if path.exists() or path.is_symlink():
                found[str(path)] = _entry(path)
    return found


def _entry(path: Path) -> tuple[object, ...]:
    status = path.lstat()
    said = (status.st_mode, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)
    if stat.S_ISLNK(status.st_mode):
        return (*said, str(path.readlink()))
    if stat.S_ISREG(status.st_mode):
        return (*said, hashlib.sha256(path.read_bytes()).hexdigest())
    return (*said, tuple(sorted(path.iterdir())) if path.is_dir() else None)
