"""Atomic writes and advisory file locks."""

from __future__ import annotations

import errno
import fcntl
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
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
    try:
        descriptor = open_locked(path, wait, shared=shared)
    except TimeoutError as exc:
        raise ToolTimeout(
            "millrace",
            f"another process holds {path}",
            suggested_action="wait for the other millracer command, or end it",
        ) from exc
    except OSError as exc:
        raise unwritable(path, exc) from exc
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def open_locked(
    path: Path, wait: Wait, *, shared: bool = False, on_wait: Callable[[], None] = lambda: None
) -> int:
    """Return the locked descriptor of a lock file; the caller closes it.

    Args:
        path: of the file; made where it is missing.
        wait: how long another process may hold it.
        shared: let other processes share the lock.
        on_wait: called where another process holds it.

    Raises:
        TimeoutError: another process held it until the deadline.
        OSError: the file cannot be made, or not be locked.
        Cancelled: the caller asked to stop.
    """
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        with ExitStack() as opened:
            opened.callback(os.close, descriptor)
            if not try_lock(descriptor, shared=shared):
                on_wait()
                if not await_lock(descriptor, wait, shared=shared):
                    raise TimeoutError(errno.ETIMEDOUT, "another process holds it", str(path))
            if os.fstat(descriptor).st_nlink:
                opened.pop_all()
                return descriptor
            # It was removed before it was locked: others lock a new one.


def await_lock(
    descriptor: int, wait: Wait, *, shared: bool, every: float = _LOCK_POLL_SECONDS
) -> bool:
    """Take or convert a file lock; return whether it is held before the deadline passes.

    Raises:
        Cancelled: the caller asked to stop.
    """
    return wait.until(partial(try_lock, descriptor, shared=shared), every=every)


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
