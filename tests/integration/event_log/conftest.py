"""A folder for event logs, and logs in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from millracer.event_log.logs import FileEventLogs
from tests.support.event_logs import ITEM


@pytest.fixture
def logs(tmp_path: Path) -> FileEventLogs:
    return FileEventLogs(tmp_path / "items")


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "items" / ITEM / "events.ndjson"
