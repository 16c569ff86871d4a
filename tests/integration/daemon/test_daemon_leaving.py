"""The last watcher's way out, against a stand-in for `millrace` that may not want to stop."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest

from millracer.cancellation import Cancellation, CancelReason, Wait
from millracer.domain.work.items import ItemState, ItemStatus
from millracer.domain.work.runtime import DaemonEnd, RunningDaemon
from millracer.errors import ToolTimeout
from millracer.millrace.daemon import stop
from millracer.millrace.daemon.locks import lifecycle_lock, watch_lock
from millracer.millrace.daemon.ownership import read_ownership, write_ownership
from millracer.millrace.daemon.ownership_record import OwnershipRecord
from millracer.ports import WatchLease
from millracer.system import process_table, processes
from millracer.system.files import locked
from tests.support.fake_daemon import FakeDaemonSite, wait_until

pytestmark = pytest.mark.portable

_REPOSITORY = Path(__file__).parents[3]


@pytest.fixture
def wait() -> Wait:
    return Wait.for_seconds(30)


def _attend_and_start(site: FakeDaemonSite, wait: Wait) -> tuple[WatchLease, RunningDaemon]:
    daemon = site.daemon()
    lease = daemon.lease(wait)
    with daemon.control(wait) as control:
        return lease, control.start("default_pi", wait)


def _leave(lease: WatchLease, *, keep_daemon: bool = False) -> bool:
    return lease.leave(Wait.for_seconds(18), keep_daemon=keep_daemon)


@contextmanager
def _another_watcher(site: FakeDaemonSite, *orders: str) -> Iterator[subprocess.Popen[str]]:
    """Run a second command that watches; it says `attending` before this begins."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.children.daemon_watcher", str(site.root), *orders],
        cwd=_REPOSITORY,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as watcher:
        try:
            assert watcher.stdout is not None
            assert watcher.stdout.readline() == "attending\n"
            yield watcher
        finally:
            watcher.kill()


def _let_leave(watcher: subprocess.Popen[str]) -> str:
    said, _ = watcher.communicate("leave\n", timeout=30)
    return said.strip()


def test_the_last_watcher_asks_an_idle_daemon_to_stop_and_nothing_else(
    site: FakeDaemonSite, wait: Wait
) -> None:
    lease, _ = _attend_and_start(site, wait)

    left_running = _leave(lease)

    assert not left_running
    assert site.living() == []
    assert site.calls() == ["run daemon", "control stop"]
    assert not site.paths.runtime_lock.exists()
    assert not site.paths.ownership.exists()


def test_a_deaf_daemon_and_its_detached_grandchild_are_ended_and_the_item_is_back_in_the_queue(
    site: FakeDaemonSite, wait: Wait
) -> None:
    site.behave(deaf_to_stop=True, deaf_to_term=True, detached=True, active=True)
    queued = site.queue_task("t-1")
    lease, _ = _attend_and_start(site, wait)
    wait_until(lambda: len(site.living()) == 2 and not queued.exists())

    left_running = _leave(lease)

    assert not left_running
    assert site.living() == []
    assert queued.exists()
    assert site.calls() == ["run daemon", "control stop", "control clear-stale-state"]
    assert not site.paths.runtime_lock.exists()


def test_what_dropped_the_token_but_stayed_in_the_daemons_group_is_ended_too(
    site: FakeDaemonSite, wait: Wait
) -> None:
    site.behave(deaf_to_stop=True, forgetful=True)
    lease, _ = _attend_and_start(site, wait)
    wait_until(lambda: len(site.living()) == 2)

    _leave(lease)

    assert site.living() == []


def test_in_a_hurry_the_daemon_is_not_asked_and_the_item_is_still_back_in_the_queue(
    site: FakeDaemonSite, wait: Wait
) -> None:
    site.behave(detached=True, active=True)
    queued = site.queue_task("t-1")
    lease, _ = _attend_and_start(site, wait)
    wait_until(lambda: len(site.living()) == 2 and not queued.exists())
    hurry = Cancellation()
    hurry.cancel(CancelReason.INTERRUPTED)

    lease.leave(Wait.for_seconds(18, hurry), keep_daemon=False)

    assert site.living() == []
    assert queued.exists()
    assert "control stop" not in site.calls()


def test_a_daemon_that_is_still_booting_is_ended_unasked(site: FakeDaemonSite, wait: Wait) -> None:
    site.behave(boot_seconds=60)
    daemon = site.daemon()
    lease = daemon.lease(wait)
    with daemon.control(wait) as control:
        control.start("default_pi", Wait.for_seconds(0.3))

    _leave(lease)

    assert site.living() == []
    assert "control stop" not in site.calls()


def test_a_daemon_whose_pid_was_never_written_down_is_stopped_too(
    site: FakeDaemonSite, wait: Wait
) -> None:
    lease, _ = _attend_and_start(site, wait)
    record = read_ownership(site.paths)
    assert record is not None
    write_ownership(site.paths, record.model_copy(update={"pid": None, "started": None}))

    _leave(lease)

    assert site.living() == []
    assert "control stop" in site.calls()


def test_what_a_killed_daemon_left_is_ended_and_its_item_put_back(
    site: FakeDaemonSite, wait: Wait
) -> None:
    site.behave(detached=True, active=True)
    queued = site.queue_task("t-1")
    lease, started = _attend_and_start(site, wait)
    wait_until(lambda: len(site.living()) == 2 and not queued.exists())
    psutil.Process(started.pid).kill()
    wait_until(lambda: process_table.started_at(started.pid) is None)

    left_running = _leave(lease)

    assert not left_running
    assert site.living() == []
    assert queued.exists()
    assert site.calls() == ["run daemon", "control clear-stale-state"]


def test_without_an_owned_daemon_no_millrace_process_is_started(
    site: FakeDaemonSite, wait: Wait
) -> None:
    lease = site.daemon().lease(wait)

    assert not _leave(lease)
    assert site.calls() == []


def test_a_foreign_daemon_is_left_running(site: FakeDaemonSite, wait: Wait) -> None:
    foreign = site.start_foreign()
    lease = site.daemon().lease(wait)

    left_running = _leave(lease)

    assert not left_running
    assert foreign.poll() is None
    assert site.calls() == ["run daemon"]
    foreign.kill()
    foreign.wait()


def test_a_kept_daemon_runs_on_and_counts_as_foreign(site: FakeDaemonSite, wait: Wait) -> None:
    lease, started = _attend_and_start(site, wait)

    assert _leave(lease, keep_daemon=True)

    daemon = site.daemon()
    later = daemon.lease(wait)
    with daemon.control(wait) as control:
        found = control.running(wait)
    assert found is not None
    assert (found.pid, found.owned) == (started.pid, False)
    assert not _leave(later)
    assert [each.pid for each in site.living()] == [started.pid]
    assert site.calls() == ["run daemon"]


def test_a_dead_daemon_cannot_be_kept(site: FakeDaemonSite, wait: Wait) -> None:
    lease, started = _attend_and_start(site, wait)
    psutil.Process(started.pid).kill()
    wait_until(lambda: process_table.started_at(started.pid) is None)

    assert not _leave(lease, keep_daemon=True)
    assert not site.paths.runtime_lock.exists()
    assert not site.paths.ownership.exists()


def test_of_two_watchers_in_one_process_the_last_one_stops_the_daemon(
    site: FakeDaemonSite, wait: Wait
) -> None:
    first, started = _attend_and_start(site, wait)
    second = site.daemon().lease(wait)

    assert _leave(first)
    assert [each.pid for each in site.living()] == [started.pid]
    assert not _leave(second)
    assert site.living() == []


def test_of_two_watching_processes_the_last_one_stops_the_daemon(
    site: FakeDaemonSite, wait: Wait
) -> None:
    with _another_watcher(site, "start") as starter:
        lease = site.daemon().lease(wait)
        assert _let_leave(starter) == "left running"

    assert site.paths.runtime_lock.exists()
    assert not _leave(lease)
    assert site.living() == []


def test_a_killed_watcher_frees_its_lease_and_its_daemon_is_stopped_by_the_next_one(
    site: FakeDaemonSite, wait: Wait
) -> None:
    with _another_watcher(site, "start") as starter:
        starter.kill()
        starter.wait()
    assert len(site.living()) == 1
    lease = site.daemon().lease(wait)

    assert not _leave(lease)
    assert site.living() == []


def test_leaving_twice_gives_the_same_answer(site: FakeDaemonSite, wait: Wait) -> None:
    lease, _ = _attend_and_start(site, wait)
    other = site.daemon().lease(wait)

    answers = [_leave(lease), _leave(lease)]

    assert answers == [True, True]
    assert not _leave(other)


@pytest.mark.linux
def test_a_held_lifecycle_lock_does_not_keep_a_daemon_alive(
    site: FakeDaemonSite, wait: Wait
) -> None:
    lease, _ = _attend_and_start(site, wait)

    with locked(lifecycle_lock(site.paths), wait):
        assert not _leave(lease)

    assert site.living() == []


def test_who_attends_waits_for_the_one_who_is_stopping(site: FakeDaemonSite, wait: Wait) -> None:
    site.paths.make_own()

    with (
        locked(watch_lock(site.paths), wait),
        pytest.raises(ToolTimeout, match="another process holds"),
    ):
        site.daemon().lease(Wait.for_seconds(0.2))


def test_a_stranger_under_a_reused_pid_is_not_ended(site: FakeDaemonSite, wait: Wait) -> None:
    site.paths.make_own()
    with subprocess.Popen(
        [sys.executable, "-IS", "-c", "input()"], stdin=subprocess.PIPE, start_new_session=True
    ) as stranger:
        started = psutil.Process(stranger.pid).create_time()
        write_ownership(
            site.paths,
            OwnershipRecord(
                token=processes.new_token(),
                mode_id="lad_pi",
                log="x",
                pid=stranger.pid,
                started=started - 60,
            ),
        )

        _leave(site.daemon().lease(wait))

        assert stranger.poll() is None
        stranger.kill()


def test_a_daemon_is_stopped_though_a_stage_deleted_the_ownership_folder(
    site: FakeDaemonSite, wait: Wait
) -> None:
    lease, _ = _attend_and_start(site, wait)
    item = ItemStatus(
        item_id="item", state=ItemState.QUEUED, source="tests", observed_at=datetime.now(UTC)
    )
    lease.next_hints(item, wait)
    shutil.rmtree(site.root / ".millracer")

    left_running = _leave(lease)

    assert not left_running
    assert site.living() == []


@pytest.mark.linux
def test_a_daemon_that_cannot_be_looked_up_any_more_counts_as_running_and_stays_owned(
    site: FakeDaemonSite, wait: Wait, tmp_path: Path
) -> None:
    lease, daemon = _attend_and_start(site, wait)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(psutil, "PROCFS_PATH", str(tmp_path / "no-proc"))
        left_running = _leave(lease)

    assert left_running
    assert [each.pid for each in site.living()] == [daemon.pid]
    assert read_ownership(site.paths) is not None


def _kill_with_an_active_item(site: FakeDaemonSite, wait: Wait, **repair: object) -> WatchLease:
    site.behave(active=True, **repair)
    queued = site.queue_task("t-1")
    lease, started = _attend_and_start(site, wait)
    wait_until(lambda: not queued.exists())
    psutil.Process(started.pid).kill()
    wait_until(lambda: process_table.started_at(started.pid) is None)
    return lease


@pytest.mark.linux
def test_a_repair_may_take_as_long_as_a_loaded_machine_needs_for_a_start(
    site: FakeDaemonSite, wait: Wait
) -> None:
    lease = _kill_with_an_active_item(site, wait, clear_seconds=6)

    _leave(lease)

    assert (site.paths.items("tasks", "queue") / "t-1.md").exists()
    assert lease.notices == ()


@pytest.mark.parametrize(
    ("repair", "reason"),
    [
        ({"clear_with": "not today"}, "not today"),
        ({"clear_nothing": True}, "did not clear it"),
        ({"clear_seconds": 60}, "did not finish"),
    ],
    ids=["refused", "without effect", "too slow"],
)
def test_a_repair_that_failed_is_a_warning_and_the_next_start_repairs(
    site: FakeDaemonSite,
    wait: Wait,
    monkeypatch: pytest.MonkeyPatch,
    repair: dict[str, object],
    reason: str,
) -> None:
    monkeypatch.setattr(stop, "_REPAIR_SECONDS", 1.0)
    lease = _kill_with_an_active_item(site, wait, **repair)

    _leave(lease)

    (notice,) = lease.notices
    assert notice.code == "repair_failed"
    assert reason in notice.text
    assert f"control clear-stale-state --workspace {site.root}" in notice.text
    site.behave()
    with site.daemon().control(wait) as control:
        assert control.start("default_pi", wait).owned
    assert (site.paths.items("tasks", "queue") / "t-1.md").exists()


@pytest.mark.linux
def test_who_stops_a_daemon_hears_that_the_repair_failed(site: FakeDaemonSite, wait: Wait) -> None:
    site.behave(active=True, deaf_to_stop=True, clear_with="not today")
    queued = site.queue_task("t-1")
    daemon = site.daemon()
    with daemon.control(wait) as control:
        started = control.start("default_pi", wait)
        wait_until(lambda: not queued.exists())
        assert control.notices == ()

        assert control.end(started, wait) is DaemonEnd.GONE

        assert [notice.code for notice in control.notices] == ["repair_failed"]


@pytest.mark.linux
def test_the_repair_keeps_its_time_whatever_was_spent_before(
    site: FakeDaemonSite, wait: Wait
) -> None:
    """The whole way out is bounded; asking and waiting take what the repair does not need."""
    site.behave(active=True, deaf_to_stop=True, clear_seconds=2)
    queued = site.queue_task("t-1")
    lease, _ = _attend_and_start(site, wait)
    wait_until(lambda: not queued.exists())

    lease.leave(Wait.for_seconds(6), keep_daemon=False)

    assert queued.exists()
    assert lease.notices == ()
