"""The event logs of one workspace: `.millracer/items/<item id>/events.ndjson`."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import time
from contextlib import suppress
from pathlib import Path

from millracer.domain.event_log import Cursor
from millracer.domain.work.runtime import JsonObject
from millracer.event_log.reader import FileLogReader
from millracer.event_log.writer import LOG_NAME, FileLogWriter, open_writer, result_path
from millracer.ports.event_log import EventLogs, LogReader
from millracer.system.files import is_locked, read_regular

_ITEM_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_KEPT_LOGS = 200
_KEPT_SECONDS = 30 * 24 * 3600


class FileEventLogs(EventLogs):
    """The logs in one folder, which is created with the first log.

    Args:
        folder: the folder of all items; its parent must exist for a log to be written.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def write(self, item_id: str) -> FileLogWriter | None:
        """See the port; before a new log is created, old ones are removed."""
        folder = self._folder_of(item_id)
        if not folder.exists():
            self._remove_old()
        return open_writer(folder)

    def read(self, item_id: str, after: Cursor | None = None) -> LogReader:
        """See the port."""
        return FileLogReader(self._folder_of(item_id), after)

    def has_writer(self, item_id: str) -> bool:
        """See the port."""
        return is_locked(self._folder_of(item_id) / LOG_NAME)

    def result(self, item_id: str, attempt: int, sha256: str) -> JsonObject | None:
        """See the port."""
        try:
            text = read_regular(result_path(self._folder_of(item_id), attempt))
            document = json.loads(text) if hashlib.sha256(text).hexdigest() == sha256 else None
        except (OSError, ValueError, RecursionError):
            return None
        return document if isinstance(document, dict) else None

    def item_ids(self) -> tuple[str, ...]:
        """See the port."""
        return tuple(each.name for each in self._newest_first())

    def _folder_of(self, item_id: str) -> Path:
        if _ITEM_ID.fullmatch(item_id) is None:
            raise OSError(f"{item_id!r} is not the id of a work item")
        return self._folder / item_id

    def _newest_first(self) -> list[Path]:
        try:
            folders = [each for each in self._folder.iterdir() if (each / LOG_NAME).is_file()]
        except OSError:
            return []
        return sorted(folders, key=_written_at, reverse=True)

    def _remove_old(self) -> None:
        """Remove logs beyond the newest 200 or older than 30 days, unless one has a writer."""
        oldest = time.time() - _KEPT_SECONDS
        for number, folder in enumerate(self._newest_first()):
            if number < _KEPT_LOGS and _written_at(folder) >= oldest:
                continue
            if not is_locked(folder / LOG_NAME):
                shutil.rmtree(folder, ignore_errors=True)


def _written_at(folder: Path) -> float:
    with suppress(OSError):
        return (folder / LOG_NAME).stat(follow_symlinks=False).st_mtime
    return 0.0
