"""Change notifications for folders by the library `watchfiles`, on macOS with FSEvents."""

from __future__ import annotations

import os
import stat
import threading
import weakref
from collections.abc import Iterable
from contextlib import suppress

from watchfiles._rust_notify import RustNotify

#: How often `watchfiles` checks for changes, and how long it collects them.
_STEP_MS = 20
_CHUNK_BYTES = 4096

_Identity = tuple[int, int]


class WatchfilesChanges:
    """A thread that forwards changes; implements `FolderChanges` of `millracer.system.file_events`.

    `watchfiles` has no descriptor to poll, and in the main thread it would swallow the exception of
    a signal handler. So a thread waits for it and writes to a pipe.

    Args:
        closes: without effect, because it does not report that a file was closed.
    """

    def __init__(self, *, closes: bool = False) -> None:  # noqa: ARG002 - the other's parameter
        self._reader, self._writer = os.pipe()
        for end in (self._reader, self._writer):
            os.set_blocking(end, False)
        self._folders: dict[str, _Identity] = {}
        self._listener: _Listener | None = None

    def fileno(self) -> int:
        """Return the descriptor that is readable after a change."""
        return self._reader

    def watch(self, folders: Iterable[str]) -> list[str]:
        """Report changes of these folders from now on; return those that cannot be watched.

        Raises:
            OSError, RuntimeError: the system cannot watch any folder, or has no more threads.
        """
        wanted = list(folders)
        found = {
            folder: identity
            for folder in wanted
            if (identity := _identify_folder(folder)) is not None
        }
        if found:
            try:
                listener = _Listener([*self._folders, *found], self._writer)
            except FileNotFoundError:  # one was removed in the meantime
                return wanted
            if self._listener is not None:
                self._listener.close()
                _write(self._writer)  # the former listener may have lost a change
            self._listener = listener
            self._folders |= found
        return [folder for folder in wanted if folder not in found]

    def take_removed(self) -> list[str]:
        """Read all pending notifications; return the folders that were removed or replaced."""
        with suppress(BlockingIOError):
            while os.read(self._reader, _CHUNK_BYTES):
                pass
        removed = [
            folder for folder, was in self._folders.items() if _identify_folder(folder) != was
        ]
        for folder in removed:
            del self._folders[folder]
        return removed

    def close(self) -> None:
        """End the thread and close the descriptors."""
        if self._listener is not None:
            self._listener.close()
        os.close(self._reader)
        os.close(self._writer)


class _Listener:
    """Watches a fixed list of folders until it is closed, at the latest when the process exits.

    Raises:
        FileNotFoundError: a folder does not exist.
        OSError, RuntimeError: the system cannot watch them, or has no more threads.
    """

    def __init__(self, folders: list[str], writer: int) -> None:
        notify = RustNotify(
            folders,
            debug=False,
            force_polling=False,
            poll_delay_ms=0,
            recursive=False,
            ignore_permission_denied=True,
        )
        stop = threading.Event()
        thread = threading.Thread(
            target=_forward, args=(notify, stop, writer), name="folder-changes", daemon=True
        )
        thread.start()
        # A daemon thread inside a foreign library must not outlive the interpreter.
        self.close = weakref.finalize(self, _end, notify, stop, thread)


def _forward(notify: RustNotify, stop: threading.Event, writer: int) -> None:
    while isinstance(notify.watch(_STEP_MS, _STEP_MS, 0, stop), set):
        _write(writer)


def _end(notify: RustNotify, stop: threading.Event, thread: threading.Thread) -> None:
    stop.set()
    thread.join()
    notify.close()


def _write(writer: int) -> None:
    with suppress(BlockingIOError):  # the pipe is full, so the reader will wake up anyway
        os.write(writer, b".")


def _identify_folder(path: str) -> _Identity | None:
    """Return device and inode of a folder; None if it is missing or not a folder."""
    try:
        found = os.stat(path)  # noqa: PTH116 - often called, without Path objects
    except OSError:
        return None
    return (found.st_dev, found.st_ino) if stat.S_ISDIR(found.st_mode) else None
