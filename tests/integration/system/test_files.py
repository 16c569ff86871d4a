"""Files of Millracer that are replaced in one step, and what a killed writer leaves of them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from millracer.cancellation import Wait
from millracer.millrace.files.workspace import WorkspacePaths
from millracer.system.files import open_locked, try_lock, write_atomically

_DIES_BEFORE_THE_DISK_HAS_IT = """
import os, pathlib, signal, sys
from millracer.millrace.files.workspace import write_atomically
os.fsync = lambda _: os.kill(os.getpid(), signal.SIGKILL)
write_atomically(pathlib.Path(sys.argv[1]), "new")
"""


@pytest.fixture
def paths(tmp_path: Path) -> WorkspacePaths:
    """Return a workspace with a file of Millracer."""
    paths = WorkspacePaths(tmp_path)
    paths.make_own()
    write_atomically(paths.ownership, "old")
    return paths


@pytest.fixture(params=["own", "intake"])
def half_written(paths: WorkspacePaths, request: pytest.FixtureRequest) -> Path:
    """Return what a writer left that was killed while it replaced a file."""
    file = getattr(paths, request.param) / paths.ownership.name
    known = set(file.parent.iterdir())
    writer = subprocess.run(
        (sys.executable, "-c", _DIES_BEFORE_THE_DISK_HAS_IT, str(file)), check=False
    )
    assert writer.returncode == -signal.SIGKILL
    (left,) = set(file.parent.iterdir()) - known
    return left


def test_a_killed_writer_leaves_the_old_file(paths: WorkspacePaths, half_written: Path) -> None:
    assert half_written.exists()
    assert paths.ownership.read_text(encoding="utf-8") == "old"


def test_the_next_command_removes_what_a_killed_one_left(
    paths: WorkspacePaths, half_written: Path
) -> None:
    paths.make_own()

    assert not half_written.exists()
    assert paths.ownership.read_text(encoding="utf-8") == "old"


def test_what_a_living_writer_writes_is_left_alone(
    paths: WorkspacePaths, half_written: Path
) -> None:
    descriptor = os.open(half_written, os.O_RDWR)
    try:
        assert try_lock(descriptor, shared=False)
        paths.make_own()

        assert half_written.exists()
    finally:
        os.close(descriptor)


def test_many_commands_at_once_do_not_take_each_others_files(paths: WorkspacePaths) -> None:
    def work(number: int) -> None:
        for _ in range(50):
            paths.make_own()
            write_atomically(paths.intake / f"file-{number % 2}", str(number))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))

    assert {path.name for path in paths.intake.iterdir()} == {"file-0", "file-1"}


def test_a_lock_that_another_holds_is_waited_for_until_the_deadline(tmp_path: Path) -> None:
    path, waits = tmp_path / "lock", list[str]()
    held = open_locked(path, Wait.for_seconds(10))
    try:
        with pytest.raises(TimeoutError):
            open_locked(path, Wait.for_seconds(0), on_wait=lambda: waits.append("first"))
    finally:
        os.close(held)

    os.close(open_locked(path, Wait.for_seconds(10), on_wait=lambda: waits.append("second")))
    assert waits == ["first"]


def test_a_lock_file_that_its_holder_removed_is_created_again(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    held = open_locked(path, Wait.for_seconds(10))

    def let_go() -> None:
        path.unlink()
        os.close(held)

    mine = open_locked(path, Wait.for_seconds(10), on_wait=let_go)
    try:
        assert os.fstat(mine).st_ino == path.stat().st_ino
    finally:
        os.close(mine)
