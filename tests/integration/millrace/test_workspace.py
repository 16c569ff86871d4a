"""What stays in `.millracer`: no lock without a holder, no half written file, few old logs."""

from __future__ import annotations

import errno
import fcntl
import os
import threading
from contextlib import ExitStack
from pathlib import Path

import pytest

from millracer.cancellation import Wait
from millracer.errors import ToolTimeout, WorkspaceUnusable
from millracer.millrace.files.workspace import WorkspacePaths
from millracer.system import files
from millracer.system.files import locked, try_lock


@pytest.fixture
def paths(tmp_path: Path) -> WorkspacePaths:
    paths = WorkspacePaths(tmp_path)
    paths.make_own()
    return paths


def test_the_locks_of_items_without_a_worker_are_removed(paths: WorkspacePaths) -> None:
    held, left = paths.item_lock("held"), paths.item_lock("left")
    with locked(left, Wait.for_seconds(5)), locked(paths.locks / "watch.lock", Wait.for_seconds(5)):
        pass
    with locked(held, Wait.for_seconds(5)):
        paths.make_own()

        assert {path.name for path in paths.locks.iterdir()} == {held.name, "watch.lock"}


def test_a_lock_that_was_removed_while_it_was_waited_for_is_taken_again(
    paths: WorkspacePaths,
) -> None:
    path = paths.item_lock("one")
    waits, holds, may_leave = threading.Event(), threading.Event(), threading.Event()

    class Slow(Wait):
        def sleep(self, seconds: float) -> None:
            waits.set()
            super().sleep(seconds)

    def work() -> None:
        with locked(path, Slow.for_seconds(30)):
            holds.set()
            may_leave.wait(30)

    second = threading.Thread(target=work)
    with ExitStack() as stack:
        stack.callback(second.join)
        stack.callback(may_leave.set)
        with locked(path, Wait.for_seconds(5)):
            second.start()
            assert waits.wait(30)
            path.unlink()
        assert holds.wait(30)

        with pytest.raises(ToolTimeout), locked(path, Wait.for_seconds(0.2)):
            pass


def test_a_lock_that_was_taken_again_while_the_old_one_was_read_stays(
    paths: WorkspacePaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another command removes the lock, and a third takes it, after a first opened the old file."""
    path = paths.item_lock("one")
    path.touch()
    with ExitStack() as held:

        def be_late(descriptor: int, *, shared: bool) -> bool:
            monkeypatch.setattr(files, "try_lock", try_lock)
            path.unlink()
            held.enter_context(locked(path, Wait.for_seconds(5)))
            return try_lock(descriptor, shared=shared)

        monkeypatch.setattr(files, "try_lock", be_late)
        paths.make_own()

        with pytest.raises(ToolTimeout), locked(path, Wait.for_seconds(0.2)):
            pass


def test_where_no_lock_is_available_the_file_is_named(
    paths: WorkspacePaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_descriptor: int, _operation: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", refuse)

    with (
        pytest.raises(WorkspaceUnusable, match=f"one.lock.*{os.strerror(errno.ENOLCK)}"),
        locked(paths.item_lock("one"), Wait.for_seconds(5)),
    ):
        pass


def test_half_written_files_of_the_dead_are_removed_and_those_of_the_living_are_not(
    paths: WorkspacePaths,
) -> None:
    dead, living = paths.intake / ".a.task.md.x.tmp", paths.intake / ".b.task.md.y.tmp"
    dead.touch()
    with locked(living, Wait.for_seconds(5)):
        paths.make_own()

    assert {path.name for path in paths.intake.iterdir()} == {living.name}


def test_the_output_of_the_last_daemons_is_kept(paths: WorkspacePaths) -> None:
    names = [f"daemon-20261123T0144{second:02}000000Z.log" for second in range(30)]
    for name in (*reversed(names), "notes.txt"):
        (paths.logs / name).write_text(name, encoding="utf-8")

    paths.remove_old_logs()

    assert sorted(path.name for path in paths.logs.iterdir()) == [*names[-20:], "notes.txt"]


def test_the_output_of_the_last_watchers_is_kept_whatever_their_items_are_named(
    paths: WorkspacePaths,
) -> None:
    for place, name in enumerate(f"watch-{number}.log" for number in range(210, 0, -1)):
        (paths.logs / name).touch()
        os.utime(paths.logs / name, (place, place))

    paths.remove_old_logs()

    kept = {path.name for path in paths.logs.iterdir()}
    assert kept == {f"watch-{number}.log" for number in range(1, 201)}
