"""Atomic writes and advisory file locks."""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from millracer.cancellation import Wait
from millracer.errors import ToolTimeout, WorkspaceUnusable

_LOCK_POLL_SECONDS = 0.05
TEMPORARY_SUFFIX = ".tmp"


def write_atomically(path: Path, text: str) -> None:
    """Replace a file in one step, 0600, on disk before it appears; a crash leaves old or new.

    What a killed command left half written is removed by `WorkspacePaths.make_own`.
    """
    try:
        _write_atomically(path, text)
    except OSError as exc:
        raise unwritable(path, exc) from exc


def unwritable(path: Path, error: OSError) -> WorkspaceUnusable:
    """Say that a file of ours cannot be written, and why."""
    return WorkspaceUnusable(
        f"{path} cannot be written: {error.strerror}",
        suggested_action=f"make room, or make {path.parent} writable",
    )


def _write_atomically(path: Path, text: str) -> None:
    descriptor, temporary = _new_temporary(path)
    try:
        with os.fdopen(
            descriptor, "w", encoding="utf-8", errors="surrogatepass", newline=""
        ) as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
            Path(temporary).replace(path)
    except BaseException:
        with suppress(OSError):
            Path(temporary).unlink()
        raise


def _new_temporary(path: Path) -> tuple[int, str]:
    """Make a file beside `path`; while its descriptor is open its lock says that we live."""
    while True:
        descriptor, temporary = tempfile.mkstemp(
            dir=path.parent, prefix=f".{path.name}.", suffix=TEMPORARY_SUFFIX
        )
        if try_lock(descriptor, shared=False) and os.fstat(descriptor).st_nlink:
            return descriptor, temporary
        os.close(descriptor)  # another command took it for an abandoned one before it was locked


def remove_unlocked(folder: Path, pattern: str) -> None:
    """Remove the files of a folder that match a pattern and that no process has locked."""
    for path in folder.glob(pattern):
        with suppress(OSError):  # another command was faster
            descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
            try:
                # One that is removed already says nothing of what took its name since.
                if try_lock(descriptor, shared=False) and os.fstat(descriptor).st_nlink:
                    path.unlink()
            finally:
                os.close(descriptor)


@contextmanager
def locked(path: Path, wait: Wait, *, shared: bool = False) -> Iterator[int]:
    """Hold a file lock (flock) and yield its descriptor; the kernel frees it when we die.

    Raises:
        WorkspaceUnusable: the file cannot be made, or not be locked.
        ToolTimeout: another process held it until the deadline.
        Cancelled: the caller asked to stop.
    """
    descriptor = _lock(path, wait, shared=shared)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _lock(path: Path, wait: Wait, *, shared: bool) -> int:
    while True:
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as exc:
            raise unwritable(path, exc) from exc
        try:
            _await_lock(descriptor, path, wait, shared=shared)
            if os.fstat(descriptor).st_nlink:
                return descriptor
        except OSError as exc:
            os.close(descriptor)
            raise unwritable(path, exc) from exc
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)  # it was removed before it was locked: others lock a new one


def _await_lock(descriptor: int, path: Path, wait: Wait, *, shared: bool) -> None:
    while not try_lock(descriptor, shared=shared):
        if wait.expired:
            raise ToolTimeout(
                "millrace",
                f"another process holds {path}",
                suggested_action="wait for the other millracer command, or end it",
            )
        wait.sleep(_LOCK_POLL_SECONDS)


def try_lock(descriptor: int, *, shared: bool) -> bool:
    """Take or convert a file lock without waiting; return whether it is held now."""
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def opened_lock(path: Path) -> Iterator[int]:
    """Yield the descriptor of a lock file, not locked yet; its lock ends with the block.

    Raises:
        WorkspaceUnusable: the file cannot be made.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as exc:
        raise unwritable(path, exc) from exc
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def is_locked(path: Path) -> bool:
    """Whether another process holds a file lock, shared or not; one that was never made is free."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        return not try_lock(descriptor, shared=False)
    except OSError:
        return False
    finally:
        os.close(descriptor)
