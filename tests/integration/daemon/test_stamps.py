"""The stamps of a workspace's status: what changes them, and when they show nothing."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from millracer.millrace.daemon.stamps import DiskStamps
from millracer.millrace.files.workspace import WorkspacePaths

_LATER_NS = 10_000_000_000


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for folder in ("tasks/queue", "tasks/active", "state/mailbox/incoming", "logs"):
        (tmp_path / "millrace-agents" / folder).mkdir(parents=True)
    (tmp_path / ".millracer").mkdir()
    return tmp_path


@pytest.fixture
def stamps(root: Path) -> DiskStamps:
    """Stamps that are read when every change is long ago."""
    return DiskStamps(
        WorkspacePaths(root),
        watch_lease=root / ".millracer" / "lease",
        wall_ns=lambda: time.time_ns() + _LATER_NS,
    )


def _write(path: Path, text: str = "{}") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_equal_states_have_equal_stamps(stamps: DiskStamps) -> None:
    first = stamps.read()

    assert first is not None
    assert stamps.read() == first


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda root: _write(root / "tasks/queue/a.md"), id="an item is queued"),
        pytest.param(lambda root: (root / "tasks/queue").rmdir(), id="a folder is removed"),
        pytest.param(
            lambda root: _write(root / "state/mailbox/incoming/add.json"), id="a command waits"
        ),
        pytest.param(
            lambda root: _write(
                root / "state/runtime_snapshot.json",
                '{"paused": true, "process_running": false, "stop_requested": false, '
                '"active_runs_by_plane": {}}',
            ),
            id="it is paused",
        ),
        pytest.param(
            lambda root: _write(root / "logs/runtime_events.jsonl", "event"),
            id="an event is logged",
        ),
    ],
)
def test_a_change_of_the_status_changes_the_stamps(
    stamps: DiskStamps, root: Path, change: Callable[[Path], object]
) -> None:
    before = stamps.read()

    change(root / "millrace-agents")

    assert before is not None
    assert stamps.read() not in (before, None)


def test_a_command_that_watches_changes_the_stamps(stamps: DiskStamps, root: Path) -> None:
    before = stamps.read()

    lease = os.open(root / ".millracer" / "lease", os.O_RDWR | os.O_CREAT)
    try:
        fcntl.flock(lease, fcntl.LOCK_EX)
        assert stamps.read() not in (before, None)
    finally:
        os.close(lease)

    assert stamps.read() == before


def test_a_change_just_now_has_no_stamps(root: Path) -> None:
    stamps = DiskStamps(WorkspacePaths(root), watch_lease=root / "lease")
    at = time.time_ns() + _LATER_NS
    os.utime(root / "millrace-agents" / "tasks" / "queue", ns=(at, at))

    assert stamps.read() is None
