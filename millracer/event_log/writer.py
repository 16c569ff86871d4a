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
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from millracer.domain.event_log import Event, EventType, LogEvent, LogState
from millracer.errors import WorkspaceUnusable
from millracer.event_log.lines import (
    FORMAT,
    LINE_LIMIT,
    LOG_LIMIT,
    decode,
    encode,
    epoch_of,
    number_of,
)
from millracer.ports.event_log import LogWriter
from millracer.system.files import try_lock, write_atomically

LOG_NAME = "events.ndjson"
OLD_LOG_NAME = "events.1.ndjson"
#: A log that reaches one of them is set aside, and a new one begins.
_MOST_EVENTS = 20_000
_MOST_BYTES = 16 * 1024 * 1024
_CHUNK_BYTES = 1024 * 1024
_APPENDING = os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC


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
        lock = os.open(path, os.O_RDONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
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
    summary = _summary_of_old(path)
    found = _read(lock, summary)
    if found is None:
        now = f"{datetime.now(UTC):%Y%m%dT%H%M%S%f}"
        _keep_as(path, f"events.damaged-{now}.ndjson")
        created = _create(path)
        os.close(lock)
        return FileLogWriter(path, created, summary)
    epoch, last, end = found
    file = os.open(path, _APPENDING)
    try:
        if os.fstat(file).st_size != end:
            os.ftruncate(file, end)
        if not end:
            epoch, last = _begin(file), 0
    except BaseException:
        os.close(file)
        raise
    return FileLogWriter(path, _OpenLog(lock, file, epoch, last), summary)


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
    flags = os.O_RDONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with ExitStack() as undo:
        lock = os.open(temporary, flags, 0o600)
        undo.callback(_unlink, temporary)
        undo.callback(os.close, lock)
        try_lock(lock, shared=False)  # no other process knows the name
        file = os.open(temporary, _APPENDING)
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


@dataclass(slots=True)
class _Summary:
    """What the lines of a log, and of the one before it, say together; see `LogState`."""

    keys: set[str] = field(default_factory=set)
    attempts: int = 0
    is_attempt_open: bool = False
    item_state: str | None = None

    def add(self, line: bytes) -> None:
        """Add a line; one that says nothing here changes nothing."""
        if b'"key":' not in line and not any(each in line for each in _SUMMARISED):
            return
        event = decode(line, "")
        if event is None:
            return
        if event.type == EventType.ATTEMPT_STARTED:
            self.attempts += 1
            self.is_attempt_open = True
        elif event.type in {EventType.ATTEMPT_LOST, EventType.ATTEMPT_ENDED}:
            self.is_attempt_open = False
        elif event.type == EventType.ITEM_MOVED:
            self.item_state = str(event.payload.get("item_state"))
        if isinstance(event.key, str):
            self.keys.add(event.key)

    def state(self, epoch: str, last: int) -> LogState:
        """Return the state of a log with this epoch and last number."""
        return LogState(
            epoch=epoch,
            last=last,
            keys=frozenset(self.keys),
            attempts=self.attempts,
            is_attempt_open=self.is_attempt_open,
            item_state=self.item_state,
        )


_SUMMARISED = tuple(
    f'"type":"{each}"'.encode()
    for each in (
        EventType.ATTEMPT_STARTED,
        EventType.ATTEMPT_LOST,
        EventType.ATTEMPT_ENDED,
        EventType.ITEM_MOVED,
    )
)


def _summary_of_old(path: Path) -> _Summary:
    """Return the summary of the log that was full before this one; empty without one."""
    summary = _Summary()
    try:
        old = os.open(path.with_name(OLD_LOG_NAME), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return summary
    try:
        return summary if _read(old, summary) is not None else _Summary()
    finally:
        os.close(old)


def _read(log: int, summary: _Summary) -> tuple[str, int, int] | None:
    """Add a log to the summary; return its epoch, last number and end of the last complete line.

    None if the log is damaged.
    """
    if os.fstat(log).st_size > LOG_LIMIT:
        return None
    end, number, epoch = 0, 0, ""
    rest = b""
    while chunk := os.pread(log, _CHUNK_BYTES, end + len(rest)):
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            if number_of(line) != number or not line.endswith(b"}"):
                return None
            if number == 0:
                epoch = epoch_of(line) or ""
                if not epoch:
                    return None
            else:
                summary.add(line)
            number += 1
            end += len(line) + 1
        if len(rest) > LINE_LIMIT:
            return None
    return epoch, number - 1, end


class FileLogWriter(LogWriter):
    """Appends to one file, whose lock it holds, and closes both.

    Args:
        path: the log.
        log: its descriptors.
        summary: what the log holds.
    """

    def __init__(self, path: Path, log: _OpenLog, summary: _Summary) -> None:
        self._path = path
        self._log = log
        self._last = log.last
        self._state = summary.state(log.epoch, log.last)
        self._keys = set(summary.keys)
        self._is_closed = False
        self._writing = threading.Lock()

    @property
    def state(self) -> LogState:
        """See the port."""
        return self._state

    def append(self, event: Event) -> LogEvent | None:
        """See the port."""
        with self._writing:
            if self._is_closed:
                raise OSError(errno.EBADF, "the log is closed", str(self._path))
            if event.key is not None and event.key in self._keys:
                return None
            is_full = os.fstat(self._log.file).st_size >= _MOST_BYTES
            if is_full or self._last + 1 >= _MOST_EVENTS:
                self._rotate()
            line = encode(self._last + 1, event)
            _write(self._log.file, line)
            self._last += 1
            if event.key is not None:
                self._keys.add(event.key)
            return decode(line, self._log.epoch)

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


def _is_at(descriptor: int, path: Path) -> bool:
    """Whether a path still names the opened file."""
    try:
        named = path.stat(follow_symlinks=False)
    except OSError:
        return False
    opened = os.fstat(descriptor)
    return (named.st_dev, named.st_ino) == (opened.st_dev, opened.st_ino)
