"""The log of an owned daemon: its output, and a file lock that shows whether the daemon lives.

The daemon inherits the locked file as its output, and its children do not, so the kernel holds the
lock exactly as long as the daemon lives, independent of pid, user, namespace and clock.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from millracer.millrace.daemon.ownership_record import OwnershipRecord
from millracer.millrace.files.workspace import WorkspacePaths
from millracer.system.files import open_regular, try_lock, unwritable

_TAIL_BYTES = 4000


@dataclass(frozen=True, slots=True, kw_only=True)
class LogPart:
    """A part of a daemon's output.

    Attributes:
        text: whole lines.
        position: where the next part begins.
        continues: whether the part follows the position that the reader named.
    """

    text: str
    position: str
    continues: bool


def name_log(paths: WorkspacePaths) -> Path:
    """Return the log path for a daemon that is started now."""
    return paths.logs / f"daemon-{datetime.now(UTC):%Y%m%dT%H%M%S%fZ}.log"


@contextmanager
def daemon_output(log: Path) -> Iterator[int]:
    """Yield the log as a locked descriptor for the daemon; the lock ends with its last holder.

    Raises:
        WorkspaceUnusable: the log cannot be opened.
    """
    try:
        output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    except OSError as exc:
        raise unwritable(log, exc) from exc
    try:
        try_lock(output, shared=False)
        yield output
    finally:
        os.close(output)


def has_ended(paths: WorkspacePaths, record: OwnershipRecord) -> bool | None:
    """Whether the daemon of the record has ended; None if its log does not show it."""
    try:
        # The record may have been written where the workspace has another path.
        log = open_regular(paths.logs / Path(record.log).name, os.O_RDWR)
        try:
            return try_lock(log, shared=True)
        finally:
            os.close(log)
    except OSError:
        return None


def read_log_tail(log: Path) -> str:
    """Return the end of a daemon's output, up to 4000 bytes; empty if it cannot be read."""
    try:
        with os.fdopen(open_regular(log, os.O_RDONLY), "rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL_BYTES))
            return file.read().decode("utf-8", "replace").strip()
    except OSError:
        return ""


def find_error_line(output: str) -> str:
    """Return the line of a daemon's output that best explains its end."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line.removeprefix("error:").strip() for line in lines if line.startswith("error:")]
    return (errors or lines or ["no output"])[-1]


class NewestLog:
    """Reads the output of the last owned daemon from a position on; a later daemon has another log.

    A position names the log and the number of bytes before it.

    Args:
        paths: of the workspace.
    """

    def __init__(self, paths: WorkspacePaths) -> None:
        self._paths = paths

    def read(self, after: str | None, at_most: int) -> LogPart | None:
        """Return the whole lines after a position; None without a log.

        Args:
            after: the position of an earlier part; None, or one of another log: the end of the log.
            at_most: so many bytes.

        Raises:
            ValueError: `after` is not a position.
        """
        log = max(self._paths.logs.glob("daemon-*.log"), default=None)
        name, offset = _place_of(after)
        if log is None:
            return None
        own = log.stem.removeprefix("daemon-")
        try:
            with os.fdopen(open_regular(log, os.O_RDONLY), "rb") as file:
                size = file.seek(0, os.SEEK_END)
                begins = name == own and offset <= size
                start = offset if begins else max(0, size - at_most)
                file.seek(start)
                raw = file.read(at_most)
        except OSError:
            return None
        if not begins and start:
            skipped = raw.find(b"\n") + 1
            start, raw = start + skipped, raw[skipped:]
        end = raw.rfind(b"\n") + 1
        raw = raw[: end or (len(raw) if len(raw) == at_most else 0)]
        return LogPart(
            text=raw.decode("utf-8", "replace"),
            position=f"{own}-{start + len(raw)}",
            continues=begins,
        )


def _place_of(position: str | None) -> tuple[str, int]:
    if position is None:
        return "", 0
    name, _, offset = position.rpartition("-")
    if not (name.isalnum() and offset.isascii() and offset.isdigit()):
        raise ValueError(f"{position!r:.100} is not a position in a log")
    return name, int(offset)
