"""Setting a corrupt store aside while other processes use it, and only once.

SQLite finds a database's journal by the database's path. A file renamed under a process in a
transaction would leave that process with the next file's journal, so each call holds a shared lock
on a file beside the store, and renaming takes an exclusive one.
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
    """Which file lies at a path, whatever the path is called later."""

    device: int
    inode: int

    @classmethod
    def of(cls, path: Path) -> FileIdentity | None:
        """Return the identity of the file at the path, None where there is none."""
        with suppress(OSError):
            status = path.stat()
            return cls(status.st_dev, status.st_ino)
        return None


@contextmanager
def using(path: Path, *, seconds: float, alone: bool = False) -> Iterator[None]:
    """Hold the lock of the store at the path: shared for a call, alone for renaming it.

    Without a lock file where none can be made: who cannot write there cannot rename either.

    Raises:
        StoreUnavailable: another process held it for that many seconds.
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
    """Rename a corrupt store and what SQLite keeps beside it, unless another process did so.

    The caller holds the lock alone. Which file was found corrupt decides: another one at the path
    is a new store. What lies beside goes first, for a journal left behind would be rolled back into
    the new store.

    Returns:
        Where the file found corrupt lies now; None if it is gone.

    Raises:
        OSError: it cannot be renamed.
    """
    if found is None or FileIdentity.of(path) != found:
        return next(
            (aside for aside in _set_aside_before(path) if FileIdentity.of(aside) == found), None
        )
    aside = _free_name(path, moment)
    for here, there in zip(sidecars(path), sidecars(aside), strict=True):
        with suppress(FileNotFoundError):
            here.rename(there)
    return path.rename(aside)


def _open_lock(path: Path) -> int | None:
    for flags in (os.O_RDWR | os.O_CREAT, os.O_RDONLY):
        with suppress(OSError):
            return os.open(path, flags | os.O_CLOEXEC, 0o600)
    return None


def _set_aside_before(path: Path) -> list[Path]:
    return sorted(path.parent.glob(f"{path.name}.corrupt-*"))


def _free_name(path: Path, moment: datetime) -> Path:
    name = f"{path.name}.corrupt-{moment:%Y%m%dT%H%M%SZ}"
    candidate, taken = path.with_name(name), 1
    while candidate.exists():
        taken += 1
        candidate = path.with_name(f"{name}-{taken}")
    return candidate
