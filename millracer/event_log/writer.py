"""The writer of one event log.

The lock is a file lock (flock) on the log itself, so the kernel frees it with the process. It is
taken through a read-only descriptor: to close a writable one would wake every reader.
"""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
import threading
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from millracer.domain.event_log import Event, EventType, LogEvent, LogState
from millracer.errors import WorkspaceUnusable
from millracer.event_log.contents import (
    Attempt,
    Contents,
    attempt_of,
    read_tail,
    read_whole,
)
from millracer.event_log.lines import FORMAT, decode, encode
from millracer.ports.event_log import LogWriter
from millracer.system.files import open_regular, try_lock, write_atomically

_Read = TypeVar("_Read")

LOG_NAME = "events.ndjson"
OLD_LOG_NAME = "events.1.ndjson"
#: A log that reaches one of them is set aside, and a new one begins.
_MOST_EVENTS = 20_000
_MOST_BYTES = 16 * 1024 * 1024
_APPENDING = os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW


def result_path(folder: Path, attempt: int) -> Path:
    """Return the file with the document of an attempt."""
    return folder / f"result-{attempt}.json"


def open_writer(folder: Path) -> FileLogWriter | None:
    """Become the writer of the log in a folder, which is created; None while another process is.

    Raises:
        OSError: the log cannot be created, locked or written.
    """
    folder.parent.mkdir(mode=0o700, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)
    path = folder / LOG_NAME
    while True:
        lock = open_regular(path, os.O_RDONLY | os.O_CREAT | os.O_NOFOLLOW)
        try:
            if not try_lock(lock, shared=False):
                os.close(lock)
                return None
            if _is_at(lock, path):
                break
        except BaseException:
            os.close(lock)
            raise
        os.close(lock)  # the log was replaced between open and lock
    try:
        return _open_locked(path, lock)
    except BaseException:
        os.close(lock)
        raise


def _open_locked(path: Path, lock: int) -> FileLogWriter:
    tail = read_tail(lock)
    if tail is None:
        created = _replace_damaged(path)
        os.close(lock)
        return FileLogWriter(path, created, _attempt_before(path))
    file = open_regular(path, _APPENDING)
    try:
        if os.fstat(file).st_size != tail.end:
            os.ftruncate(file, tail.end)
        epoch, last = (tail.epoch, tail.last) if tail.end else (_begin(file), 0)
    except BaseException:
        os.close(file)
        raise
    attempt = tail.attempt or _attempt_before(path)
    return FileLogWriter(path, _OpenLog(lock, file, epoch, last), attempt, unread=tail.end)


def _replace_damaged(path: Path) -> _OpenLog:
    """Set a damaged log aside, and create another one."""
    now = f"{datetime.now(UTC):%Y%m%dT%H%M%S%f}"
    _keep_as(path, f"events.damaged-{now}.ndjson")
    return _create(path)


@dataclass(frozen=True, slots=True)
class _OpenLog:
    """The two descriptors of a locked log, its epoch and its last number.

    Attributes:
        lock: read-only, with the lock.
        file: for appending.
    """

    lock: int
    file: int
    epoch: str
    last: int

    def close(self) -> None:
        os.close(self.file)
        os.close(self.lock)


def _keep_as(path: Path, name: str) -> None:
    """Give a log a second name before another log replaces it, so that it never lacks a name."""
    kept = path.with_name(name)
    kept.unlink(missing_ok=True)
    kept.hardlink_to(path)


def _create(path: Path) -> _OpenLog:
    """Create a log under another name, locked, and move it into place; replaces an older log."""
    temporary = path.with_name(f".{LOG_NAME}.{secrets.token_hex(4)}.tmp")
    flags = os.O_RDONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    with ExitStack() as undo:
        lock = open_regular(temporary, flags)
        undo.callback(_unlink, temporary)
        undo.callback(os.close, lock)
        try_lock(lock, shared=False)  # no other process knows the name
        file = open_regular(temporary, _APPENDING)
        undo.callback(os.close, file)
        epoch = _begin(file)
        temporary.rename(path)
        undo.pop_all()
    return _OpenLog(lock, file, epoch, 0)


def _unlink(path: Path) -> None:
    with suppress(OSError):
        path.unlink()


def _begin(file: int) -> str:
    """Write the first line of a log, and return its epoch."""
    epoch = secrets.token_hex(4)
    event = Event(
        type=EventType.LOG_OPENED,
        at=datetime.now(UTC),
        message="the log was opened",
        payload={"epoch": epoch, "format": FORMAT},
    )
    _write(file, encode(0, event))
    return epoch


class FileLogWriter(LogWriter):
    """Appends to one file, whose lock it holds, and closes both.

    The earlier lines are read once they are needed: for the first event with a key, or by
    `read_item_state`. If one is damaged, the log is set aside then, and the new log begins with the
    events of this writer.

    Args:
        path: the log.
        log: its descriptors.
        attempt: the last attempt in the log or in the one before it.
        unread: the size of the earlier lines, in bytes.
    """

    def __init__(
        self, path: Path, log: _OpenLog, attempt: Attempt | None, *, unread: int = 0
    ) -> None:
        self._path = path
        self._log = log
        self._last = log.last
        self._state = LogState(
            epoch=log.epoch,
            last=log.last,
            attempts=0 if attempt is None else attempt.number,
            is_attempt_open=attempt is not None and attempt.is_open,
        )
        self._unread: int | None = unread
        self._before = Contents()
        self._written: list[Event] = []
        self._is_closed = False
        self._writing = threading.RLock()

    @property
    def state(self) -> LogState:
        """See the port."""
        return self._state

    def append(self, event: Event) -> LogEvent | None:
        """See the port."""
        with self._writing:
            if self._is_closed:
                raise OSError(errno.EBADF, "the log is closed", str(self._path))
            if event.key is not None:
                keys = self._read_before().keys
                if event.key in keys:
                    return None
            if self._unread is not None:
                self._written.append(event)
            written = self._append(event)
            if event.key is not None:
                keys.add(event.key)
            return written

    def has_key(self, key: str) -> bool:
        """See the port."""
        with self._writing:
            return key in self._read_before().keys

    def read_item_state(self) -> str | None:
        """See the port."""
        with self._writing:
            return self._read_before().item_state

    @property
    def _is_full(self) -> bool:
        return self._last + 1 >= _MOST_EVENTS or os.fstat(self._log.file).st_size >= _MOST_BYTES

    def _append(self, event: Event) -> LogEvent | None:
        if self._is_full:
            self._read_before()
            if self._is_full:
                self._rotate()
        line = encode(self._last + 1, event)
        _write(self._log.file, line)
        self._last += 1
        return decode(line, self._log.epoch)

    def _read_before(self) -> Contents:
        """Return the summary of the earlier lines, read once; set a damaged log aside."""
        size, self._unread = self._unread, None
        if size is None:
            return self._before
        read = read_whole(self._log.lock, size) if size else Contents()
        self._before = (read or Contents()).after(_contents_before(self._path))
        written, self._written = self._written, []
        if read is None:
            damaged, self._log = self._log, _replace_damaged(self._path)
            damaged.close()
            self._last = 0
            for event in written:
                self._append(event)
        return self._before

    def write_result(self, attempt: int, document: str) -> str:
        """See the port."""
        try:
            write_atomically(result_path(self._path.parent, attempt), document)
        except WorkspaceUnusable as error:
            raise OSError(errno.EIO, error.message) from error
        return hashlib.sha256(document.encode()).hexdigest()

    def close(self) -> None:
        """See the port."""
        with self._writing:
            if self._is_closed:
                return
            self._is_closed = True
            with suppress(OSError):
                os.fsync(self._log.file)
            self._log.close()

    def _rotate(self) -> None:
        """Set the full log aside and begin a new one, which is locked before it has its name."""
        _keep_as(self._path, OLD_LOG_NAME)
        full, self._log = self._log, _create(self._path)
        full.close()
        self._last = 0


def _write(file: int, line: bytes) -> None:
    """Append a line, or nothing.

    Raises:
        OSError: the line was not written.
    """
    before = os.fstat(file).st_size
    try:
        is_written = os.write(file, line) == len(line)
    except OSError:
        _cut(file, before)
        raise
    if not is_written:
        _cut(file, before)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _cut(file: int, size: int) -> None:
    with suppress(OSError):
        os.ftruncate(file, size)


def _attempt_before(path: Path) -> Attempt | None:
    """Return the last attempt in the log that was full before this one."""
    return _of_old(path, attempt_of)


def _contents_before(path: Path) -> Contents:
    """Return the summary of the full log before this one; empty if it is damaged."""
    return _of_old(path, read_whole) or Contents()


def _of_old(path: Path, read: Callable[[int], _Read | None]) -> _Read | None:
    try:
        old = open_regular(path.with_name(OLD_LOG_NAME), os.O_RDONLY | os.O_NOFOLLOW)
    except OSError:
        return None
    try:
        return read(old)
    finally:
        os.close(old)


def _is_at(descriptor: int, path: Path) -> bool:
    """Whether a path still names the opened file."""
    try:
        named = path.stat(follow_symlinks=False)
    except OSError:
        return False
    opened = os.fstat(descriptor)
    return (named.st_dev, named.st_ino) == (opened.st_dev, opened.st_ino)
