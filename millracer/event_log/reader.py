"""A reader of one event log: whole lines from a byte offset on."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from millracer.cancellation import Wait
from millracer.domain.event_log import Batch, Cursor, LogEvent, ResetReason
from millracer.event_log.lines import LINE_LIMIT, LOG_LIMIT, decode, epoch_of, number_of
from millracer.event_log.writer import LOG_NAME, OLD_LOG_NAME
from millracer.ports.event_log import LogReader
from millracer.system.file_events import Wakeup
from millracer.system.files import open_regular

_CHUNK_BYTES = 1024 * 1024
#: Below this distance a search reads line by line.
_NEAR_BYTES = 4096
#: Events are written one by one and often alone; a frame should not wait for others.
_BURST_SECONDS = 0.002


class FileLogReader(LogReader):
    """Reads the log in a folder, which may be missing, replaced or removed meanwhile.

    Args:
        folder: the item's folder.
        after: the last event that the caller has.
    """

    def __init__(self, folder: Path, after: Cursor | None) -> None:
        self._path = folder / LOG_NAME
        self._after = after
        self._file: int | None = None
        self._epoch = ""
        self._offset = 0
        self._next = 0
        self._is_damaged = False
        self._wakeup: Wakeup | None = None

    @property
    def head(self) -> Cursor | None:
        """See the port."""
        try:
            file = _open(self._path)
        except OSError:
            return None
        try:
            epoch = _epoch_in(file)
            last = _last_number(file)
            return None if not epoch or last is None else Cursor(epoch, last)
        finally:
            os.close(file)

    def read(self, *, at_most: int | None = None) -> Batch:
        """See the port."""
        batch = self._read_opened(at_most)
        if batch.events or batch.reset is not None or not self._is_replaced():
            return batch
        reason = self._why_replaced()
        had_file = self._file is not None
        self._close_file()
        if not self._open_file():
            return Batch(reset=reason if had_file else None)
        if not had_file:
            return self._start(at_most)
        self._offset, self._next = 0, 0
        events = self._read_opened(at_most)
        return Batch(events=events.events, reset=events.reset or reason)

    def sleep(self, seconds: float, wait: Wait) -> None:
        """See the port."""
        if self._wakeup is None:
            folders = [str(self._path.parent)]
            self._wakeup = Wakeup(folders, closes=True, burst_seconds=_BURST_SECONDS)
        else:
            self._wakeup.watch_folders()
        self._wakeup.sleep(seconds, wait)

    def close(self) -> None:
        """See the port."""
        self._close_file()
        if self._wakeup is not None:
            self._wakeup.close()
            self._wakeup = None

    def _start(self, at_most: int | None) -> Batch:
        """Read a log for the first time, from the caller's position on."""
        after, self._after = self._after, None
        reset = None
        self._offset, self._next = 0, 0
        if after is not None:
            offset = self._find(after)
            if offset is None:
                reset = ResetReason.UNKNOWN_CURSOR
            else:
                self._offset, self._next = offset, after.sequence + 1
        batch = self._read_opened(at_most)
        return Batch(events=batch.events, reset=batch.reset or reset)

    def _find(self, after: Cursor) -> int | None:
        """Return where the event after a cursor begins; None if the log does not hold the cursor.

        The numbers rise with the offset, so this is a bisection.
        """
        file = self._opened
        last = _last_number(file)
        if after.epoch != self._epoch or last is None or after.sequence > last:
            return None
        low, high = 0, os.fstat(file).st_size
        while high - low > _NEAR_BYTES:
            middle = (low + high) // 2
            chunk = os.pread(file, 2 * LINE_LIMIT, middle)
            at = chunk.find(b"\n") + 1
            number = number_of(chunk[at : at + 64])
            if at == 0 or middle + at >= high or number is None:
                break
            if number <= after.sequence:
                low = middle + at
            else:
                high = middle
        return _behind(file, low, after.sequence)

    def _read_opened(self, at_most: int | None) -> Batch:
        if self._file is None or self._is_damaged:
            return Batch()
        if not self._epoch:
            self._epoch = _epoch_in(self._file)
        if os.fstat(self._file).st_size > LOG_LIMIT:
            self._is_damaged = True
            return Batch(reset=ResetReason.DAMAGED)
        events: list[LogEvent] = []
        size = _CHUNK_BYTES if at_most is None else max(at_most, 2 * LINE_LIMIT)
        while not events or at_most is None:
            chunk = os.pread(self._file, size, self._offset)
            end = chunk.rfind(b"\n") + 1
            if end == 0:
                break
            for line in chunk[:end].split(b"\n")[:-1]:
                event = decode(line, self._epoch)
                if event is None or event.cursor.sequence != self._next:
                    self._is_damaged = True
                    return Batch(events=tuple(events), reset=ResetReason.DAMAGED)
                self._next += 1
                events.append(event)
            self._offset += end
        return Batch(events=tuple(events))

    @property
    def _opened(self) -> int:
        if self._file is None:
            raise ValueError("the log is not open")
        return self._file

    def _open_file(self) -> bool:
        try:
            self._file = _open(self._path)
        except OSError:
            return False
        self._epoch = _epoch_in(self._file)
        self._is_damaged = False
        if not self._epoch:  # its writer has not written the first line
            self._close_file()
            return False
        return True

    def _close_file(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None
        self._epoch = ""

    def _is_replaced(self) -> bool:
        return self._file is None or not _is_same(self._file, self._path)

    def _why_replaced(self) -> ResetReason:
        if self._file is not None and _is_same(self._file, self._path.with_name(OLD_LOG_NAME)):
            return ResetReason.ROTATED
        return ResetReason.DAMAGED if self._is_damaged else ResetReason.PRUNED


def _open(path: Path) -> int:
    return open_regular(path, os.O_RDONLY | os.O_NOFOLLOW)


def _epoch_in(file: int) -> str:
    """Return the epoch that a log's first line names; empty without a whole first line."""
    line, newline, _ = os.pread(file, LINE_LIMIT, 0).partition(b"\n")
    return (epoch_of(line) or "") if newline else ""


def _last_number(file: int) -> int | None:
    """Return the number of a log's last complete line."""
    size = os.fstat(file).st_size
    start = max(0, size - 2 * LINE_LIMIT)
    lines = os.pread(file, size - start, start).split(b"\n")[:-1]
    return number_of(lines[-1]) if lines else None


def _behind(file: int, offset: int, number: int) -> int | None:
    """Return where the line after the one with this number begins; start at a line's begin."""
    while chunk := os.pread(file, _CHUNK_BYTES, offset):
        end = chunk.rfind(b"\n") + 1
        if end == 0:
            return None
        at = 0
        while at < end:
            here = number_of(chunk[at : at + 64])
            behind = chunk.index(b"\n", at) + 1
            if here == number:
                return offset + behind
            if here is None or here > number:
                return None
            at = behind
        offset += end
    return None


def _is_same(descriptor: int, path: Path) -> bool:
    with suppress(OSError):
        named, opened = path.stat(follow_symlinks=False), os.fstat(descriptor)
        return (named.st_dev, named.st_ino) == (opened.st_dev, opened.st_ino)
    return False
