"""The log of Millracer's internal errors: readable by the user only, bounded in size."""

from __future__ import annotations

import io
import logging
import os
import time
from collections.abc import Mapping
from logging.handlers import RotatingFileHandler
from pathlib import Path

from millracer.system.user_folders import make_private_file, make_private_folder, state_folder

_FILE_BYTES = 1 << 20
_OLDER_FILES = 3
#: A longer entry is cut, so that a single entry cannot fill the disk.
_ENTRY_CHARACTERS = 1 << 17


class NoLog(Exception):
    """An entry cannot be written; the text says why."""


def append_to_log(entry: str, environment: Mapping[str, str]) -> Path:
    """Append an entry, which must be redacted already, and return the log's path.

    Raises:
        NoLog: there is no folder for the log, or it cannot be written.
    """
    folder = state_folder(environment)
    if folder is None:
        raise NoLog("there is no home directory for the log")
    path = folder / "logs" / "millracer.log"
    record = logging.makeLogRecord({"levelno": logging.ERROR, "levelname": "ERROR"})
    record.msg = entry[:_ENTRY_CHARACTERS]
    try:
        make_private_folder(path.parent)
        make_private_file(path)
        log = _PrivateLog(path)
        try:
            log.handle(record)
        finally:
            log.close()
    except OSError as error:
        raise NoLog(f"{path} cannot be written: {error.strerror}") from error
    return path


class _PrivateLog(RotatingFileHandler):
    """A rotating log with mode 0600 for each file; it raises write errors."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            path,
            maxBytes=_FILE_BYTES,
            backupCount=_OLDER_FILES,
            encoding="utf-8",
            errors="backslashreplace",
            delay=True,
        )
        form = logging.Formatter("%(asctime)s.%(msecs)03dZ %(process)d %(message)s")
        form.datefmt = "%Y-%m-%dT%H:%M:%S"
        form.converter = time.gmtime
        self.setFormatter(form)

    def _open(self) -> io.TextIOWrapper:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        file = io.FileIO(os.open(self.baseFilename, flags, 0o600), "a")
        return io.TextIOWrapper(io.BufferedWriter(file), self.encoding, self.errors)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the library's name
        """Raise the error that is being handled, instead of printing it."""
        del record
        raise  # noqa: PLE0704 - see above
