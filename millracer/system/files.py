"""Atomic writes and advisory file locks."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path

from millracer.cancellation import Wait
from millracer.errors import ToolTimeout, WorkspaceUnusable

_LOCK_POLL_SECONDS = 0.05
TEMPORARY_SUFFIX = ".tmp"


def open_regular(path: Path, flags: int) -> int:
    """Return the descriptor of a regular file; opening never blocks, as on a pipe without a writer.

    An agent can create anything under a name in a workspace. The mode of a new file is 0600.

    Args:
        path: of the file.
        flags: those of `os.open`; the descriptor is never inherited.

    Raises:
        OSError: it cannot be opened, or is not a regular file.
    """
    descriptor = os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC, 0o600)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "it is not a regular file", str(path))
    return descriptor


def read_regular(path: Path) -> bytes:
    """Return the content of a regular file; opening never blocks.

    Raises:
        OSError: it cannot be read, or is not a regular file.
    """
    with os.fdopen(open_regular(path, os.O_RDONLY), "rb") as file:
        return file.read()


def read_regular_text(path: Path) -> str:
    """Return the text of a regular file; invalid UTF-8 is replaced, and each line end is a newline.

    Raises:
        OSError: it cannot be read, or is not a regular file.
    """
    with os.fdopen(open_regular(path, os.O_RDONLY), encoding="utf-8", errors="replace") as file:
        return file.read()


def write_atomically(path: Path, text: str) -> None:
    """Replace a file atomically, mode 0600; after a crash it has the old or the new content.

    The content is synced to disk before the file is replaced. `WorkspacePaths.make_own` removes the
    temporary files of killed commands.
    """
    try:
        _write_atomically(path, text)
    except OSError as exc:
        raise unwritable(path, exc) from exc


def unwritable(path: Path, error: OSError) -> WorkspaceUnusable:
    """Return the error for a file of Millracer that cannot be written."""
    return WorkspaceUnusable(
        f"{path} cannot be written: {error.strerror}",
        suggested_action=f"free disk space, or make {path.parent} writable",
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
    """Create a file beside `path`; its lock marks it as in use while its descriptor is open."""
    while True:
        descriptor, temporary = tempfile.mkstemp(
            dir=path.parent, prefix=f".{path.name}.", suffix=TEMPORARY_SUFFIX
        )
        if try_lock(descriptor, shared=False) and os.fstat(descriptor).st_nlink:
            return descriptor, temporary
        os.close(descriptor)  # another command removed it as abandoned before it was locked


def remove_unlocked(folder: Path, pattern: str) -> None:
    """Remove the files in a folder that match a pattern and that no process has locked."""
    for path in folder.glob(pattern):
        with suppress(OSError):  # another command removed it first
            descriptor = open_regular(path, os.O_RDWR)
            try:
                # If it was removed already, another file may have its name by now.
                if try_lock(descriptor, shared=False) and os.fstat(descriptor).st_nlink:
                    path.unlink()
            finally:
                os.close(descriptor)


@contextmanager
def locked(path: Path, wait: Wait, *, shared: bool = False) -> Iterator[int]:
    """Hold a file lock (flock) and yield its descriptor; the kernel frees it if this process dies.

    Raises:
        WorkspaceUnusable: the file cannot be created or locked.
        ToolTimeout: another process held it until the deadline.
        Cancelled: the caller cancelled.
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
        path: of the file; created if missing.
        wait: how long another process may hold it.
        shared: whether other processes may share the lock.
        on_wait: called if another process holds it.

    Raises:
        TimeoutError: another process held it until the deadline.
        OSError: the file cannot be created or locked.
        Cancelled: the caller cancelled.
    """
    while True:
        descriptor = open_regular(path, os.O_RDWR | os.O_CREAT)
        with ExitStack() as opened:
            opened.callback(os.close, descriptor)
            if not try_lock(descriptor, shared=shared):
                on_wait()
                if not await_lock(descriptor, wait, shared=shared):
                    raise TimeoutError(errno.ETIMEDOUT, "another process holds it", str(path))
            if os.fstat(descriptor).st_nlink:
                opened.pop_all()
                return descriptor
            # It was removed before it was locked: other processes lock a new file.


def await_lock(
    descriptor: int, wait: Wait, *, shared: bool, every: float = _LOCK_POLL_SECONDS
) -> bool:
    """Take or convert a file lock; return whether that succeeded before the deadline.

    Raises:
        Cancelled: the caller cancelled.
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
    """Yield the descriptor of an unlocked lock file; a lock on it ends with the block.

    Raises:
        WorkspaceUnusable: the file cannot be created.
    """
    try:
        descriptor = open_regular(path, os.O_RDWR | os.O_CREAT)
    except OSError as exc:
        raise unwritable(path, exc) from exc
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def is_locked(path: Path) -> bool:
    """Whether another process holds a lock on the file, shared or not; a missing file is free."""
    try:
        descriptor = open_regular(path, os.O_RDONLY)
    except OSError:
        return False
    try:
        return not try_lock(descriptor, shared=False)
    except OSError:
        return False
    finally:
        os.close(descriptor)
