"""The log of a daemon of ours: what it said, and the file lock on it that says whether it lives.

The daemon inherits the locked file as its output and nothing it starts does, so the kernel holds
the lock exactly as long as the daemon lives: whatever pid, user, namespace or clock say.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from millracer.millrace.daemon.ownership_record import OwnershipRecord
from millracer.millrace.files.workspace import WorkspacePaths
from millracer.system.files import try_lock, unwritable

_SHOWN_BYTES = 4000


def name_log(paths: WorkspacePaths) -> Path:
    """Return where the output of a daemon that is started now goes."""
    return paths.logs / f"daemon-{datetime.now(UTC):%Y%m%dT%H%M%S%fZ}.log"


@contextmanager
def daemon_output(log: Path) -> Iterator[int]:
    """Yield the log as a descriptor for the daemon; its lock ends with the last who has it.

    Raises:
        WorkspaceUnusable: it cannot be opened.
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
    """Whether the daemon that the record speaks of is gone; None when its log cannot tell."""
    try:
        # The record may come from where the workspace has another path.
        log = os.open(paths.logs / Path(record.log).name, os.O_RDWR | os.O_CLOEXEC)
        try:
            return try_lock(log, shared=True)
        finally:
            os.close(log)
    except OSError:
        return None


def said_in(log: Path) -> str:
    """Return the end of what a daemon said."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _SHOWN_BYTES))
            return file.read().decode("utf-8", "replace").strip()
    except OSError:
        return ""


def last_words(said: str) -> str:
    """Return the line of it that tells best why it ended."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    errors = [line.removeprefix("error:").strip() for line in lines if line.startswith("error:")]
    return (errors or lines or ["it said nothing"])[-1]
