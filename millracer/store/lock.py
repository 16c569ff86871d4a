"""Rename a corrupt store exactly once while other processes use it.

SQLite finds a database's journal by the database's path. If the file were renamed while a process
has a transaction open, that process would use the journal of the new file. Therefore each call
holds a shared lock on a file beside the store, and the rename holds an exclusive one.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from millracer.cancellation import Wait
from millracer.store.connection import locked_too_long, sidecars
from millracer.system.files import await_lock

_POLL_SECONDS = 0.005


@dataclass(frozen=True, slots=True)
class FileIdentity:
    """Identifies a file by device and inode, independent of its path."""

    device: int
    inode: int

    @classmethod
    def of(cls, path: Path) -> FileIdentity | None:
        """Return the identity of the file at the path; None if there is no file."""
        with suppress(OSError):
            status = path.stat()
            return cls(status.st_dev, status.st_ino)
        return None


@contextmanager
def using(path: Path, *, seconds: float, alone: bool = False) -> Iterator[None]:
    """Hold the lock of the store at the path: shared for a call, exclusive for a rename.

    If the lock file cannot be created, no lock is held: without write access to the folder no
    process of this user can rename the store either.

    Raises:
        StoreUnavailable: another process held the lock for this many seconds.
        OSError: the lock file cannot be locked.
    """
    descriptor = _open_lock(Path(f"{path}.lock"))
    if descriptor is None:
        yield
        return
    try:
        wait = Wait.for_seconds(seconds)
        if not await_lock(descriptor, wait, shared=not alone, every=_POLL_SECONDS):
            raise locked_too_long(path)
        yield
    finally:
        os.close(descriptor)


def set_aside(path: Path, found: FileIdentity | None, moment: datetime) -> Path | None:
    """Rename a corrupt store and SQLite's files beside it, unless another process did so.

    The caller holds the exclusive lock. `found` identifies the corrupt file: a different file at
    the path is a new store and stays. The files beside it are renamed first, because SQLite would
    roll back a remaining journal into the new store.

    Returns:
        The new path of the corrupt file; None if it is gone.

    Raises:
        OSError: it cannot be renamed.
    """
    if found is None or FileIdentity.of(path) != found:
        return next(
            (aside for aside in _list_set_aside(path) if FileIdentity.of(aside) == found), None
        )
    aside = _free_name(path, moment)
    for source, target in zip(sidecars(path), sidecars(aside), strict=True):
        with suppress(FileNotFoundError):
            source.rename(target)
    return path.rename(aside)


def _open_lock(path: Path) -> int | None:
    for flags in (os.O_RDWR | os.O_CREAT, os.O_RDONLY):
        with suppress(OSError):
            return os.open(path, flags | os.O_CLOEXEC, 0o600)
    return None


def _list_set_aside(path: Path) -> list[Path]:
    return sorted(path.parent.glob(f"{path.name}.corrupt-*"))


def _free_name(path: Path, moment: datetime) -> Path:
    name = f"{path.name}.corrupt-{moment:%Y%m%dT%H%M%SZ}"
    candidate, taken = path.with_name(name), 1
    while candidate.exists():
        taken += 1
        candidate = path.with_name(f"{name}-{taken}")
    return candidate
