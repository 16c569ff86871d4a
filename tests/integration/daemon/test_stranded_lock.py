"""A lock without a visible holder: removed with proof alone; and a daemon out of sight."""

from __future__ import annotations

import errno
import json
import os
import socket
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from subprocess import DEVNULL, PIPE, Popen
from types import SimpleNamespace

import psutil
import pytest

from millracer.cancellation import Wait
from millracer.domain.work.runtime import DaemonEnd
from millracer.errors import ToolFailed
from millracer.millrace.daemon.log import daemon_output, has_ended
from millracer.millrace.daemon.ownership import read_ownership, write_ownership
from millracer.millrace.daemon.ownership_record import OwnershipRecord
from millracer.system import process_table, processes
from tests.support.fake_daemon import FakeDaemonSite, wait_until

pytestmark = pytest.mark.portable

_AN_HOUR_AGO = timedelta(hours=1)
_ELSEWHERE = "a-dead-container"
_UNUSED_PID = 1 << 30


@pytest.fixture
def wait() -> Wait:
    return Wait.for_seconds(30)


@pytest.fixture
def stranger() -> Iterator[Popen[bytes]]:
    """A living process that has nothing to do with Millracer."""
    with Popen([sys.executable, "-IS", "-c", "input()"], stdin=PIPE, stdout=DEVNULL) as living:
        yield living
        living.kill()


def _strand(
    site: FakeDaemonSite, pid: int, *, after: float = 1.0, host: str | None = None
) -> OwnershipRecord:
    """Leave a lock and a record of an hour ago that name a pid, and the log of who had it then."""
    site.paths.make_own()
    started = (datetime.now(UTC) - _AN_HOUR_AGO).timestamp()
    log = site.paths.logs / "daemon-then.log"
    log.touch()
    record = OwnershipRecord(
        token=processes.new_token(), mode_id="lad_pi", log=str(log), pid=pid, started=started
    )
    write_ownership(site.paths, record)
    lock = {
        "owner_pid": pid,
        "owner_hostname": host or socket.gethostname(),
        "acquired_at": datetime.fromtimestamp(started + after, UTC).isoformat(),
    }
    site.paths.runtime_lock.write_text(json.dumps(lock), encoding="utf-8")
    return record


@pytest.mark.parametrize("kept", [False, True], ids=["watched", "kept"])
def test_the_lock_of_a_dead_owned_daemon_does_not_outlive_it_as_a_foreign_one(
    site: FakeDaemonSite, wait: Wait, stranger: Popen[bytes], *, kept: bool
) -> None:
    record = _strand(site, stranger.pid)
    write_ownership(site.paths, record.model_copy(update={"kept": kept}))

    with site.daemon().control(wait) as control:
        assert control.running(wait) is None
        started = control.start("default_pi", wait)

    assert started.owned
    assert started.pid != stranger.pid
    assert stranger.poll() is None


def _forget_the_record(site: FakeDaemonSite, _: OwnershipRecord) -> None:
    site.paths.ownership.unlink()


def _take_the_lock_later(site: FakeDaemonSite, record: OwnershipRecord) -> None:
    assert record.pid is not None
    _strand(site, record.pid, after=600)


def _take_the_lock_before(site: FakeDaemonSite, record: OwnershipRecord) -> None:
    assert record.pid is not None
    _strand(site, record.pid, after=-600)


def _report_another_daemon(site: FakeDaemonSite, record: OwnershipRecord) -> None:
    assert record.pid is not None
    write_ownership(site.paths, record.model_copy(update={"pid": record.pid + 1}))


def _lose_the_log(_: FakeDaemonSite, record: OwnershipRecord) -> None:
    Path(record.log).unlink()


@pytest.mark.parametrize(
    "doubt",
    [
        _forget_the_record,
        _take_the_lock_later,
        _take_the_lock_before,
        _report_another_daemon,
        _lose_the_log,
    ],
)
def test_a_lock_that_may_be_anybodys_is_not_touched(
    site: FakeDaemonSite, wait: Wait, stranger: Popen[bytes], doubt: object
) -> None:
    assert callable(doubt)
    doubt(site, _strand(site, stranger.pid))
    lock = site.paths.runtime_lock.read_bytes()

    with site.daemon().control(wait) as control, pytest.raises(ToolFailed) as refused:
        control.start("default_pi", wait)

    assert f"locked for process {stranger.pid}" in refused.value.message
    assert str(site.paths.runtime_lock) in str(refused.value.suggested_action)
    assert site.paths.runtime_lock.read_bytes() == lock
    assert site.calls() == []


def test_an_owned_daemon_in_another_container_is_joined_and_never_cleared_away(
    site: FakeDaemonSite, wait: Wait, stranger: Popen[bytes]
) -> None:
    """Its pid means another process here, or none, and its token is not to be seen."""
    record = _strand(site, stranger.pid)
    daemon = site.daemon()
    with daemon_output(Path(record.log)):
        lease = daemon.lease(wait)
        with daemon.control(wait) as control:
            found = control.running(wait)
            repaired = control.repair(wait)
        lease.leave(wait, keep_daemon=False)

        assert found is not None
        assert (found.pid, found.owned, repaired) == (stranger.pid, False, False)
        assert read_ownership(site.paths) == record
        assert site.paths.runtime_lock.exists()
        assert site.calls() == []
    with daemon.control(wait) as control:
        assert control.running(wait) is None


def test_a_lock_that_cannot_be_removed_takes_nothing_from_the_way_out(
    site: FakeDaemonSite, wait: Wait, stranger: Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    remove = Path.unlink

    def remove_or_not(self: Path, *, missing_ok: bool = False) -> None:
        if self == site.paths.runtime_lock:
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))
        remove(self, missing_ok=missing_ok)

    _strand(site, stranger.pid)
    lease = site.daemon().lease(wait)
    monkeypatch.setattr(Path, "unlink", remove_or_not)

    assert not lease.leave(wait, keep_daemon=False)
    assert site.paths.runtime_lock.exists()


def test_a_log_proves_that_its_daemon_lives_as_long_as_it_does(
    site: FakeDaemonSite, wait: Wait
) -> None:
    with site.daemon().control(wait) as control:
        started = psutil.Process(control.start("default_pi", wait).pid)
    record = read_ownership(site.paths)
    assert record is not None

    assert has_ended(site.paths, record) is False
    started.kill()
    wait_until(lambda: has_ended(site.paths, record) is True)
    Path(record.log).unlink()
    assert has_ended(site.paths, record) is None


def test_what_a_dead_daemon_left_with_its_log_does_not_speak_for_it(
    site: FakeDaemonSite, wait: Wait
) -> None:
    site.behave(detached=True)
    with site.daemon().control(wait) as control:
        started = control.start("default_pi", wait)
        wait_until(lambda: len(site.living()) > 1)
        record = read_ownership(site.paths)
        assert record is not None
        psutil.Process(started.pid).kill()
        wait_until(lambda: process_table.started_at(started.pid) is None)
        held = has_ended(site.paths, record) is False
        found = control.running(wait)

    assert held, "what is left has the log; else this shows nothing"
    assert found is None


def test_a_pid_is_taken_as_millrace_sees_it(stranger: Popen[bytes]) -> None:
    done = threading.Event()
    thread = threading.Thread(target=done.wait)
    thread.start()
    try:
        assert thread.native_id is not None
        assert process_table.is_pid_taken(thread.native_id)
        assert process_table.is_pid_taken(stranger.pid)
    finally:
        done.set()
        thread.join()
    with Popen([sys.executable, "-IS", "-c", ""]) as ended:
        os.waitid(os.P_PID, ended.pid, os.WEXITED | os.WNOWAIT)
        assert process_table.is_pid_taken(ended.pid)
        ended.wait()
    assert not process_table.is_pid_taken(ended.pid)
    assert not process_table.is_pid_taken(1 << 40)


@pytest.mark.parametrize("answer", [psutil.AccessDenied, psutil.NoSuchProcess])
def test_an_unreadable_process_may_have_the_lock(
    site: FakeDaemonSite,
    wait: Wait,
    stranger: Popen[bytes],
    monkeypatch: pytest.MonkeyPatch,
    answer: type[psutil.Error],
) -> None:
    """What a user sees of another's processes where `/proc` is mounted with `hidepid`."""
    status_of, kill = psutil.Process.status, os.kill

    def readable_or_not(self: psutil.Process) -> str:
        if self.pid == stranger.pid:
            raise answer(self.pid)
        return str(status_of(self))

    def kill_or_not(pid: int, number: int) -> None:
        if pid == stranger.pid and number == 0:
            raise PermissionError
        kill(pid, number)

    _strand(site, stranger.pid, after=600)
    monkeypatch.setattr(psutil.Process, "status", readable_or_not)
    monkeypatch.setattr(os, "kill", kill_or_not)

    with site.daemon().control(wait) as control:
        found = control.running(wait)
        repaired = control.repair(wait)

    assert found is not None
    assert (found.pid, found.owned, repaired) == (stranger.pid, False, False)
    assert site.calls() == []


@pytest.fixture(params=["taken", "free"])
def pid_elsewhere(request: pytest.FixtureRequest, stranger: Popen[bytes]) -> int:
    """A pid of another container, which here is an unrelated process's or unused."""
    return stranger.pid if request.param == "taken" else _UNUSED_PID


def test_the_lock_of_a_dead_container_does_not_outlive_the_owned_daemon(
    site: FakeDaemonSite, wait: Wait, pid_elsewhere: int
) -> None:
    _strand(site, pid_elsewhere, host=_ELSEWHERE)
    daemon = site.daemon()

    assert daemon.find() is None
    assert daemon.is_stale(wait)
    with daemon.control(wait) as control:
        assert control.running(wait) is None
        started = control.start("default_pi", wait)

    assert started.owned
    assert json.loads(site.paths.runtime_lock.read_text())["owner_pid"] == started.pid


@pytest.mark.parametrize(
    "doubt",
    [
        _forget_the_record,
        _report_another_daemon,
        _lose_the_log,
        lambda site, record: _strand(site, record.pid, after=600, host=_ELSEWHERE),
        lambda site, record: _strand(site, record.pid, after=-600, host=_ELSEWHERE),
    ],
    ids=["no record", "another pid", "no log", "taken later", "taken before"],
)
def test_the_lock_of_another_host_is_not_touched_without_proof(
    site: FakeDaemonSite, wait: Wait, pid_elsewhere: int, doubt: object
) -> None:
    assert callable(doubt)
    doubt(site, _strand(site, pid_elsewhere, host=_ELSEWHERE))

    _is_joined_as_one_that_may_be_dead(site, wait, pid_elsewhere)


def test_a_free_log_proves_nothing_of_another_host_on_a_shared_file_system(
    site: FakeDaemonSite, wait: Wait, pid_elsewhere: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    _strand(site, pid_elsewhere, host=_ELSEWHERE)
    mounts = [SimpleNamespace(mountpoint="/", fstype="nfs4")]
    monkeypatch.setattr(psutil, "disk_partitions", lambda **_: mounts)

    _is_joined_as_one_that_may_be_dead(site, wait, pid_elsewhere)


def _is_joined_as_one_that_may_be_dead(site: FakeDaemonSite, wait: Wait, pid: int) -> None:
    lock = site.paths.runtime_lock.read_bytes()
    with site.daemon().control(wait) as control:
        found = control.running(wait)
        repaired = control.repair(wait)

    assert found is not None
    assert (found.pid, found.owned, repaired) == (pid, False, False)
    assert found.may_be_dead
    assert found.out_of_sight is not None
    assert found.out_of_sight.host == _ELSEWHERE
    assert found.out_of_sight.lock_file == str(site.paths.runtime_lock)
    assert site.paths.runtime_lock.read_bytes() == lock
    assert site.calls() == []


def test_a_locked_log_proves_that_the_owned_daemon_lives_on_another_host(
    site: FakeDaemonSite, wait: Wait, pid_elsewhere: int
) -> None:
    record = _strand(site, pid_elsewhere, host=_ELSEWHERE)

    with daemon_output(Path(record.log)), site.daemon().control(wait) as control:
        found = control.running(wait)

    assert found is not None
    assert found.out_of_sight is not None
    assert not found.may_be_dead


def test_a_daemon_out_of_sight_is_not_called_stopped_while_its_lock_stays(
    site: FakeDaemonSite, wait: Wait, pid_elsewhere: int
) -> None:
    _strand(site, pid_elsewhere, host=_ELSEWHERE)
    site.paths.ownership.unlink()

    with site.daemon().control(wait) as control:
        found = control.running(wait)
        assert found is not None
        ended = control.end(found, Wait.for_seconds(2), despite_watchers=True)

    assert ended is DaemonEnd.UNREACHABLE
    assert site.paths.runtime_lock.exists()
    assert site.calls() == (["control stop"] if pid_elsewhere != _UNUSED_PID else [])
    assert not list((site.paths.mailbox / "incoming").iterdir()), "it would stop the next daemon"


def test_a_daemon_out_of_sight_that_gives_up_its_lock_is_stopped(
    site: FakeDaemonSite, wait: Wait
) -> None:
    with site.start_foreign() as living:
        lock = json.loads(site.paths.runtime_lock.read_text())
        lock["owner_hostname"] = _ELSEWHERE
        site.paths.runtime_lock.write_text(json.dumps(lock))
        with site.daemon().control(wait) as control:
            found = control.running(wait)
            assert found is not None
            assert found.may_be_dead
            ended = control.end(found, wait, despite_watchers=True)
        living.wait(20)

    assert ended is DaemonEnd.GONE
