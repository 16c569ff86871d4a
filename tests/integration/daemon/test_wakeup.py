"""What ends a sleep early; each wait is far longer than the test may take."""

from __future__ import annotations

import os
import select
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from millracer.cancellation import Cancellation, Cancelled, CancelReason, Wait
from millracer.system import inotify_changes, watchfiles_changes
from millracer.system.file_events import Wakeup
from millracer.system.watchfiles_changes import WatchfilesChanges
from tests.support.cli import wait_until

pytestmark = pytest.mark.portable

_LONG_SECONDS = 45.0
_SOON_SECONDS = 0.3


@pytest.fixture
def no_notifications(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse what the system needs to report changes."""
    monkeypatch.setattr(inotify_changes, "INotify", _refused)
    monkeypatch.setattr(watchfiles_changes, "RustNotify", _refused)


@contextmanager
def _soon(act: Callable[[], object]) -> Iterator[None]:
    timer = threading.Timer(_SOON_SECONDS, act)
    timer.start()
    try:
        yield
    finally:
        timer.join()


def _is_woken(sleeper: Wakeup, *, seconds: float = _LONG_SECONDS) -> bool:
    """Sleep, and return whether something came before the time was over."""
    wait = Wait.for_seconds(seconds)
    sleeper.sleep(seconds, wait)
    return not wait.expired


def _replace(path: Path) -> None:
    new = path.with_suffix(".new")
    new.write_text("new")
    new.replace(path)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda path: path.with_name("other").write_text(""), id="a file is made"),
        pytest.param(lambda path: path.write_text("more"), id="a file is written"),
        pytest.param(_replace, id="a file is replaced"),
        pytest.param(Path.unlink, id="a file is taken away"),
        pytest.param(lambda path: path.rename(path.parent.parent / "moved"), id="it is moved out"),
    ],
)
def test_a_change_in_a_folder_ends_the_sleep(
    tmp_path: Path, change: Callable[[Path], object]
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    path = folder / "file"
    path.write_text("")

    with Wakeup([str(folder)]) as sleeper, _soon(lambda: change(path)):
        assert _is_woken(sleeper)


def test_a_reported_change_wakes_no_watcher_again(tmp_path: Path) -> None:
    with Wakeup([str(tmp_path)]) as sleeper:
        (tmp_path / "file").write_text("")
        assert _is_woken(sleeper)
        assert not _is_woken(sleeper, seconds=0.3)


def test_a_later_folder_inside_a_watched_one_is_watched_after_that_change(tmp_path: Path) -> None:
    folder = tmp_path / "later"
    with Wakeup([str(tmp_path), str(folder)], retry_seconds=600) as sleeper:
        folder.mkdir()
        assert _is_woken(sleeper)
        sleeper.watch_folders()

        with _soon(lambda: (folder / "file").write_text("")):
            assert _is_woken(sleeper)


def test_a_folder_that_comes_later_is_watched_once_it_is_there(tmp_path: Path) -> None:
    folder = tmp_path / "later"
    with Wakeup([str(folder)]) as sleeper:
        folder.mkdir()
        sleeper.watch_folders()

        with _soon(lambda: (folder / "file").write_text("")):
            assert _is_woken(sleeper)


def test_a_folder_that_went_and_came_back_is_watched_again(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    with Wakeup([str(folder)]) as sleeper:
        folder.rmdir()
        assert _is_woken(sleeper)
        folder.mkdir()
        sleeper.watch_folders()

        with _soon(lambda: (folder / "file").write_text("")):
            assert _is_woken(sleeper)


def test_the_end_of_the_process_wakes_once(tmp_path: Path) -> None:
    child = subprocess.Popen(  # a program of this test's own that waits to be ended
        (sys.executable, "-c", "input()"), stdin=subprocess.PIPE
    )
    try:
        with Wakeup([str(tmp_path)]) as sleeper:
            sleeper.watch_process(child.pid)
            with _soon(child.kill):
                assert _is_woken(sleeper)
            assert not _is_woken(sleeper, seconds=0.3)
    finally:
        child.kill()
        child.communicate()


def test_another_process_is_watched_instead(tmp_path: Path) -> None:
    children = [
        subprocess.Popen((sys.executable, "-c", "input()"), stdin=subprocess.PIPE) for _ in range(2)
    ]
    try:
        with Wakeup([str(tmp_path)]) as sleeper:
            for child in children:
                sleeper.watch_process(child.pid)
            children[0].kill()
            children[0].wait()
            assert not _is_woken(sleeper, seconds=0.3)
            with _soon(children[1].kill):
                assert _is_woken(sleeper)
    finally:
        for child in children:
            child.kill()
            child.communicate()


def test_an_ended_process_is_not_an_error(tmp_path: Path) -> None:
    child = subprocess.Popen((sys.executable, "-c", ""))
    child.wait()

    with Wakeup([str(tmp_path)]) as sleeper:
        sleeper.watch_process(child.pid)
        assert not _is_woken(sleeper, seconds=0.2)


@pytest.mark.usefixtures("no_notifications")
def test_a_request_to_stop_ends_a_sleep_without_notifications(tmp_path: Path) -> None:
    cancellation = Cancellation()
    with Wakeup([str(tmp_path)]) as sleeper:
        assert not sleeper.is_listening
        with (
            _soon(lambda: cancellation.cancel(CancelReason.INTERRUPTED)),
            pytest.raises(Cancelled),
        ):
            sleeper.sleep(_LONG_SECONDS, Wait(cancellation))


def test_a_request_to_stop_ends_the_sleep(tmp_path: Path) -> None:
    cancellation = Cancellation()
    with Wakeup([str(tmp_path)]) as sleeper:
        assert sleeper.is_listening
        with (
            _soon(lambda: cancellation.cancel(CancelReason.INTERRUPTED)),
            pytest.raises(Cancelled),
        ):
            sleeper.sleep(_LONG_SECONDS, Wait(cancellation))


def test_a_sleep_polls_for_nothing_that_the_system_reports(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    polls: list[float] = []
    real = select.poll

    class CountingPoll:
        def __init__(self) -> None:
            self._poll = real()
            self.register = self._poll.register

        def poll(self, milliseconds: float) -> list[tuple[int, int]]:
            polls.append(milliseconds)
            return self._poll.poll(milliseconds)

    monkeypatch.setattr(select, "poll", CountingPoll)
    with Wakeup([str(tmp_path)]) as sleeper:
        sleeper.sleep(0.5, Wait(Cancellation()))

    assert len(polls) <= 2


def test_a_cancelled_sleep_leaves_the_next_one_alone(tmp_path: Path) -> None:
    cancellation = Cancellation()
    with Wakeup([str(tmp_path)]) as sleeper:
        with (
            _soon(lambda: cancellation.cancel(CancelReason.INTERRUPTED)),
            pytest.raises(Cancelled),
        ):
            sleeper.sleep(_LONG_SECONDS, Wait(cancellation))

        assert not _is_woken(sleeper, seconds=0.2)
        with _soon(lambda: (tmp_path / "file").write_text("")):
            assert _is_woken(sleeper)


@pytest.mark.linux
def test_a_request_to_stop_ends_a_sleep_without_descriptors_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cancellation = Cancellation()
    with monkeypatch.context() as limited:
        limited.setattr(os, "pipe", _refused)
        sleeper = Wakeup([str(tmp_path)])
    with (
        sleeper,
        _soon(lambda: cancellation.cancel(CancelReason.INTERRUPTED)),
        pytest.raises(Cancelled),
    ):
        sleeper.sleep(_LONG_SECONDS, Wait(cancellation))


def test_the_deadline_of_the_wait_counts_as_well(tmp_path: Path) -> None:
    wait = Wait.for_seconds(0.2)
    with Wakeup([str(tmp_path)]) as sleeper:
        sleeper.sleep(_LONG_SECONDS, wait)

    assert wait.expired


@pytest.mark.usefixtures("no_notifications")
def test_where_the_system_has_no_more_to_give_it_only_sleeps(tmp_path: Path) -> None:
    with Wakeup([str(tmp_path)]) as sleeper:
        (tmp_path / "file").write_text("")
        assert not _is_woken(sleeper, seconds=0.2)


@pytest.mark.linux
def test_without_a_descriptor_for_the_process_its_end_still_wakes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "pidfd_open", _refused)
    child = subprocess.Popen((sys.executable, "-c", "input()"), stdin=subprocess.PIPE)
    try:
        with Wakeup([str(tmp_path)]) as sleeper:
            sleeper.watch_process(child.pid)
            with _soon(child.kill):
                assert _is_woken(sleeper)
    finally:
        child.kill()
        child.communicate()


def test_without_the_library_it_only_sleeps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, system_calls: str
) -> None:
    module = {"linux": inotify_changes, "portable": watchfiles_changes}[system_calls]
    monkeypatch.setitem(sys.modules, module.__name__, None)

    with Wakeup([str(tmp_path)]) as sleeper:
        assert not sleeper.is_listening
        assert not _is_woken(sleeper, seconds=0.2)


@pytest.mark.linux
def test_watching_one_more_folder_wakes_because_a_change_may_be_lost(tmp_path: Path) -> None:
    changes = WatchfilesChanges()
    poll = select.poll()
    poll.register(changes, select.POLLIN)
    try:
        later = tmp_path / "later"
        assert changes.watch([str(later)]) == [str(later)]
        later.mkdir()
        other = tmp_path / "other"
        other.mkdir()
        assert changes.watch([str(other)]) == []
        assert not poll.poll(0)

        assert changes.watch([str(later)]) == []
        assert poll.poll(0)

        assert changes.take_removed() == []
        assert not poll.poll(0)
    finally:
        changes.close()


def test_closing_gives_every_descriptor_back(tmp_path: Path) -> None:
    before, threads = _descriptors(), threading.active_count()
    sleeper = Wakeup([str(tmp_path)])
    sleeper.watch_process(os.getpid())
    assert len(_descriptors() - before) >= 2

    sleeper.close()
    sleeper.close()

    wait_until(lambda: _descriptors() <= before, "the descriptors are closed")
    assert threading.active_count() == threads


def _descriptors() -> set[str]:
    return {path.name for path in Path("/proc/self/fd").iterdir()}


def _refused(*_arguments: object, **_: object) -> object:
    raise OSError(24, "Too many open files")
