"""Starting, finding, repairing and validating, against a stand-in for `millrace`."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from subprocess import DEVNULL, Popen

import psutil
import pytest

from millracer.cancellation import Wait
from millracer.domain.work.runtime import RunningDaemon, RuntimeStatus
from millracer.errors import ToolFailed, ToolTimeout, WorkspaceUnusable
from millracer.millrace.daemon.locks import lifecycle_lock
from millracer.millrace.daemon.ownership import read_ownership, write_ownership
from millracer.millrace.daemon.ownership_record import OwnershipRecord
from millracer.system import process_table, processes
from millracer.system.files import locked
from tests.support.fake_daemon import FakeDaemonSite, wait_until
from tests.support.trees import tree

pytestmark = pytest.mark.portable


@pytest.fixture
def wait() -> Wait:
    return Wait.for_seconds(30)


@pytest.fixture
def stranger() -> Iterator[Popen[bytes]]:
    """A living process that has nothing to do with Millracer."""
    with Popen([sys.executable, "-IS", "-c", "input()"], stdin=-1, stdout=DEVNULL) as living:
        yield living
        living.kill()


#: Programs that run another as their child and end when it ends.
WRAPPERS = [
    ("sh", "-c", '"$@"; exit $?', "wrapper"),
    (sys.executable, "-ISc", "import subprocess, sys; sys.exit(subprocess.call(sys.argv[1:]))"),
    ("setsid", "--fork", "--wait"),
]


def _write_lock(
    site: FakeDaemonSite,
    pid: int,
    *,
    host: str | None = None,
    acquired_at: datetime | None = None,
) -> None:
    lock = {
        "owner_pid": pid,
        "owner_hostname": host or socket.gethostname(),
        "acquired_at": (acquired_at or datetime.now(UTC)).isoformat(),
    }
    site.paths.runtime_lock.write_text(json.dumps(lock), encoding="utf-8")


def _dead_pid() -> int:
    with Popen([sys.executable, "-IS", "-c", ""]) as ended:
        ended.wait()
    return ended.pid


def test_a_started_daemon_holds_the_lock_and_is_known_by_the_ownership_file(
    site: FakeDaemonSite, wait: Wait
) -> None:
    with site.daemon().control(wait) as control:
        started = control.start("default_pi", wait)
        found = control.running(wait)

    record = read_ownership(site.paths)
    lock = json.loads(site.paths.runtime_lock.read_text(encoding="utf-8"))
    assert record is not None
    assert (record.pid, record.started) == (started.pid, started.started)
    assert lock["owner_pid"] == started.pid
    assert record.mode_id == "lad_pi"
    assert found == RunningDaemon(
        pid=started.pid, started=started.started, owned=True, mode_id="lad_pi"
    )


def test_a_daemon_whose_log_cannot_be_opened_is_not_started(
    site: FakeDaemonSite, wait: Wait
) -> None:
    with site.daemon().control(wait) as control:
        site.paths.logs.rmdir()
        with pytest.raises(WorkspaceUnusable, match="No such file or directory"):
            control.start("default_pi", wait)

    assert read_ownership(site.paths) is None


def test_a_started_daemon_has_a_group_of_its_own_and_carries_the_token(
    site: FakeDaemonSite, wait: Wait
) -> None:
    with site.daemon().control(wait) as control:
        started = control.start("default_pi", wait)

    record = read_ownership(site.paths)
    assert record is not None
    assert os.getpgid(started.pid) == started.pid
    assert [carrier.pid for carrier in process_table.processes_with_token(record.token)] == [
        started.pid
    ]


@pytest.mark.parametrize("wrapper", WRAPPERS, ids=["sh", "python", "a session of its own"])
def test_a_daemon_behind_a_program_that_waits_for_it_is_owned_and_ends_with_it(
    site: FakeDaemonSite, wait: Wait, wrapper: tuple[str, ...]
) -> None:
    daemon = site.daemon(wrapper=wrapper)
    lease = daemon.lease(wait)
    with daemon.control(wait) as control:
        started = control.start("default_pi", wait)
        record = read_ownership(site.paths)
        found = control.running(wait)
    lock = json.loads(site.paths.runtime_lock.read_text(encoding="utf-8"))

    assert found is not None
    assert [each.pid for each in (started, found)] == [lock["owner_pid"]] * 2
    assert (started.owned, found.owned) == (True, True)
    assert record is not None
    assert (record.pid, record.started) == (started.pid, started.started)
    assert len(process_table.processes_with_token(record.token)) > 1
    assert lease.leave(wait, keep_daemon=False) is False
    assert process_table.processes_with_token(record.token) == []
    assert site.living() == []


def test_a_daemon_that_dies_behind_a_program_that_stays_a_moment_is_dead(
    site: FakeDaemonSite, wait: Wait
) -> None:
    stays = ("sh", "-c", '"$@"; while [ ! -e end ]; do sleep 0.05; done', "wrapper")
    with site.daemon(wrapper=stays).control(wait) as control:
        started = control.start("default_pi", wait)
        os.kill(started.pid, signal.SIGKILL)
        wait_until(lambda: process_table.started_at(started.pid) is None)
        (site.root / "end").touch()
        wait_until(lambda: control.running(wait) is None)


def test_the_ownership_file_and_the_log_are_private(site: FakeDaemonSite, wait: Wait) -> None:
    with site.daemon().control(wait) as control:
        control.start("default_pi", wait)

    record = read_ownership(site.paths)
    assert record is not None
    assert stat.S_IMODE(site.paths.ownership.stat().st_mode) == 0o600
    assert stat.S_IMODE(Path(record.log).stat().st_mode) == 0o600
    assert Path(record.log).parent == site.paths.logs


def test_a_start_keeps_the_output_of_the_last_daemons_alone(
    site: FakeDaemonSite, wait: Wait
) -> None:
    site.paths.make_own()
    for number in range(100, 130):
        (site.paths.logs / f"daemon-20200101T000000{number}Z.log").touch()

    with site.daemon().control(wait) as control:
        control.start("default_pi", wait)

    kept = {path.name for path in site.paths.logs.iterdir()}
    assert len(kept) == 21
    assert "daemon-20200101T000000109Z.log" not in kept


def test_the_tail_of_a_dead_daemons_long_output_is_reported(
    site: FakeDaemonSite, wait: Wait
) -> None:
    site.behave(die_with="said before\n" * 4_000_000 + "error: the end é")

    with site.daemon().control(wait) as control, pytest.raises(ToolFailed) as caught:
        control.start("default_pi", wait)

    assert caught.value.message.endswith(": the end é")
    assert caught.value.detail.endswith("said before\nerror: the end é")
    assert len(caught.value.detail) <= 4000


@pytest.mark.parametrize("when", ["die_with", "die_locked"])
def test_a_daemon_that_dies_at_start_is_reported_in_its_own_words(
    site: FakeDaemonSite, wait: Wait, when: str
) -> None:
    site.behave(**{when: "Unknown mode id: nope"})

    with (
        site.daemon().control(wait) as control,
        pytest.raises(ToolFailed, match="Unknown mode id: nope"),
    ):
        control.start("nope", wait)

    assert not site.paths.ownership.exists()


def test_a_daemon_that_boots_past_the_deadline_is_returned_as_booting(
    site: FakeDaemonSite, wait: Wait
) -> None:
    site.behave(boot_seconds=60)

    with site.daemon().control(wait) as control:
        started = control.start("default_pi", Wait.for_seconds(0.5))

    assert started.booting
    assert started.owned


def test_a_second_start_returns_the_daemon_that_runs(site: FakeDaemonSite, wait: Wait) -> None:
    with site.daemon().control(wait) as control:
        first = control.start("default_pi", wait)
        second = control.start("default_pi", wait)

    assert second.pid == first.pid
    assert site.calls() == ["run daemon"]


def test_a_foreign_booting_daemon_is_waited_for_and_no_second_one_started(
    site: FakeDaemonSite, wait: Wait
) -> None:
    site.behave(boot_seconds=1.5)
    foreign = site.spawn_foreign()
    wait_until(site.calls)

    with site.daemon().control(wait) as control:
        joined = control.start("default_pi", wait)

    assert (joined.pid, joined.owned, joined.booting) == (foreign.pid, False, False)
    assert site.calls() == ["run daemon"]
    foreign.kill()
    foreign.wait()


def test_a_lost_race_for_the_lock_returns_the_winner_and_leaves_nothing_behind(
    site: FakeDaemonSite, wait: Wait, stranger: Popen[bytes]
) -> None:
    site.behave(boot_seconds=1.0)

    def win_the_race() -> None:
        wait_until(lambda: "run daemon" in site.calls())
        _write_lock(site, stranger.pid)

    winner = threading.Thread(target=win_the_race)
    winner.start()
    with site.daemon().control(wait) as control:
        found = control.start("default_pi", wait)
    winner.join()

    assert (found.pid, found.owned) == (stranger.pid, False)
    assert not site.paths.ownership.exists()
    assert site.living() == []


def test_a_mode_is_validated_with_millraces_answer(site: FakeDaemonSite, wait: Wait) -> None:
    with site.daemon().control(wait) as control:
        good = control.validate_mode("lad_pi", wait)
        bad = control.validate_mode("nope", wait)

    assert (good.ok, good.mode_id) == (True, "lad_pi")
    assert (bad.ok, bad.mode_id, bad.detail) == (False, "nope", "Unknown mode id: nope")


@pytest.mark.parametrize("boot_seconds", [0, 60])
def test_no_mode_is_validated_beside_a_daemon_even_one_that_is_still_booting(
    site: FakeDaemonSite, wait: Wait, boot_seconds: float
) -> None:
    site.behave(boot_seconds=boot_seconds)

    with site.daemon().control(wait) as control:
        control.start("default_pi", Wait.for_seconds(1))
        with pytest.raises(ToolFailed, match="daemon"):
            control.validate_mode("lad_pi", wait)

    assert "compile validate" not in site.calls()


def test_aliases_are_resolved_for_the_version_that_was_found(
    site: FakeDaemonSite, wait: Wait
) -> None:
    with site.daemon(version="0.21.1").control(wait) as control:
        assert control.resolve_mode("default_pi") == "lad_pi"
    with site.daemon(version="0.20.3").control(wait) as control:
        assert control.resolve_mode("default_pi") == "default_pi"


def test_where_the_snapshot_cannot_be_read_the_status_names_the_mode(
    site: FakeDaemonSite, wait: Wait
) -> None:
    foreign = site.start_foreign()
    wait_until(lambda: "lad_pi" in site.paths.snapshot.read_text(encoding="utf-8"))
    site.paths.snapshot.write_text("[]", encoding="utf-8")

    with site.daemon(status_reader=lambda _: _status(mode_id="learning_lad_pi")).control(
        wait
    ) as control:
        found = control.running(wait)

    assert found is not None
    assert (found.owned, found.mode_id) == (False, "learning_lad_pi")
    foreign.kill()
    foreign.wait()


def test_a_lock_whose_process_is_gone_is_not_a_daemon(site: FakeDaemonSite, wait: Wait) -> None:
    _write_lock(site, _dead_pid())

    with site.daemon().control(wait) as control:
        assert control.running(wait) is None


def test_a_process_younger_than_the_lock_that_names_it_is_not_a_daemon(
    site: FakeDaemonSite, wait: Wait, stranger: Popen[bytes]
) -> None:
    _write_lock(site, stranger.pid, acquired_at=datetime.now(UTC) - timedelta(hours=1))

    with site.daemon().control(wait) as control:
        assert control.running(wait) is None


def test_a_lock_of_another_host_counts_as_a_foreign_daemon(
    site: FakeDaemonSite, wait: Wait
) -> None:
    _write_lock(site, _dead_pid(), host="elsewhere.invalid")

    with site.daemon().control(wait) as control:
        found = control.running(wait)
        repaired = control.repair(wait)

    assert found is not None
    assert not found.owned
    assert not repaired
    assert site.calls() == []


def test_a_reused_pid_in_the_ownership_file_is_not_owned(
    site: FakeDaemonSite, wait: Wait, stranger: Popen[bytes]
) -> None:
    site.paths.make_own()
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
    _write_lock(site, stranger.pid)

    with site.daemon().control(wait) as control:
        found = control.running(wait)

    assert found is not None
    assert not found.owned


@pytest.mark.parametrize("boot_seconds", [0, 60])
def test_a_daemon_whose_pid_was_never_written_down_is_found_by_its_token(
    site: FakeDaemonSite, wait: Wait, boot_seconds: float
) -> None:
    site.behave(boot_seconds=boot_seconds)
    daemon = site.daemon()
    with daemon.control(wait) as control:
        started = control.start("default_pi", Wait.for_seconds(2))
    complete = read_ownership(site.paths)
    assert complete is not None
    write_ownership(site.paths, complete.model_copy(update={"pid": None, "started": None}))

    with daemon.control(wait) as control:
        found = control.running(wait)

    assert found is not None
    assert (found.pid, found.owned) == (started.pid, True)
    assert read_ownership(site.paths) == complete


@pytest.mark.parametrize("text", ["", "{", '{"token": 5}', '{"pid": 1}'])
def test_with_an_unreadable_ownership_file_nothing_is_owned(
    site: FakeDaemonSite, wait: Wait, text: str
) -> None:
    with site.daemon().control(wait) as control:
        started = control.start("default_pi", wait)
        site.paths.ownership.write_text(text, encoding="utf-8")
        found = control.running(wait)

    assert found is not None
    assert (found.pid, found.owned) == (started.pid, False)


def test_a_clean_workspace_needs_no_repair_and_no_millrace_process(
    site: FakeDaemonSite, wait: Wait
) -> None:
    site.queue_task("t-1")

    with site.daemon().control(wait) as control:
        assert not control.repair(wait)

    assert site.calls() == []


def _leave_a_stale_lock(site: FakeDaemonSite) -> None:
    _write_lock(site, _dead_pid())


def _leave_a_broken_lock(site: FakeDaemonSite) -> None:
    site.paths.runtime_lock.write_text("", encoding="utf-8")


def _leave_a_stop_request(site: FakeDaemonSite) -> None:
    site.write_snapshot(stop_requested=True)


def _leave_an_active_run(site: FakeDaemonSite) -> None:
    site.write_snapshot(active_runs_by_plane={"execution": {"run_id": "run-1"}})


def _leave_an_active_item(site: FakeDaemonSite) -> None:
    path = site.queue_task("t-1")
    path.rename(site.paths.items("tasks", "active") / path.name)


@pytest.mark.parametrize(
    "leave",
    [
        _leave_a_stale_lock,
        _leave_a_broken_lock,
        _leave_a_stop_request,
        _leave_an_active_run,
        _leave_an_active_item,
    ],
)
def test_whatever_is_stale_is_cleared_before_a_start(
    site: FakeDaemonSite, wait: Wait, leave: object
) -> None:
    assert callable(leave)
    leave(site)

    with site.daemon().control(wait) as control:
        started = control.start("default_pi", wait)

    assert started.owned
    assert site.calls() == ["control clear-stale-state", "run daemon"]


def test_a_stop_that_the_daemon_before_did_not_read_is_withdrawn(
    site: FakeDaemonSite, wait: Wait
) -> None:
    incoming = site.paths.mailbox / "incoming"
    incoming.mkdir(parents=True, exist_ok=True)
    for name in ("stop-1", "pause-2"):
        command = {
            "command_id": name,
            "command": name.partition("-")[0],
            "issued_at": "2026-12-01T02:39:22.860099Z",
            "payload": {},
        }
        (incoming / f"{name}.json").write_text(json.dumps(command), encoding="utf-8")

    with site.daemon().control(wait) as control:
        control.start("default_pi", wait)

    assert {path.name for path in incoming.iterdir()} == {"pause-2.json"}


def _status(*, stop_requested: bool = False, mode_id: str = "lad_pi") -> RuntimeStatus:
    return RuntimeStatus(
        process_running=False,
        lock="absent",
        active_run_count=0,
        active_stage=None,
        active_item_id=None,
        active_item_kind=None,
        queue_depths={},
        paused=False,
        pause_sources="none",
        stop_requested=stop_requested,
        mode_id=mode_id,
        raw={},
        source="millrace status",
        observed_at=datetime.now(UTC),
    )


@pytest.mark.parametrize("stop_requested", [True, False])
def test_where_the_snapshot_cannot_be_read_millrace_is_asked_whether_repair_is_due(
    site: FakeDaemonSite, wait: Wait, *, stop_requested: bool
) -> None:
    site.paths.snapshot.write_text("[]", encoding="utf-8")
    status = _status(stop_requested=stop_requested)

    with site.daemon(status_reader=lambda _: status).control(wait) as control:
        assert control.repair(wait) is stop_requested


@pytest.mark.parametrize("stop_requested", [True, False])
def test_whether_repair_is_due_is_reported_without_a_lock_and_without_repairing(
    site: FakeDaemonSite, wait: Wait, *, stop_requested: bool
) -> None:
    daemon = site.daemon()
    site.write_snapshot(process_running=False, stop_requested=stop_requested)
    before = tree(site.paths.root)

    assert daemon.is_stale(wait) is stop_requested
    assert tree(site.paths.root) == before
    assert site.calls() == []


def test_nothing_is_stale_beside_a_running_daemon(site: FakeDaemonSite, wait: Wait) -> None:
    daemon = site.daemon()
    with daemon.control(wait) as control:
        control.start("default_pi", wait)
    site.write_snapshot(process_running=True, stop_requested=True)

    assert not daemon.is_stale(wait)


def test_repair_leaves_a_running_daemon_alone(site: FakeDaemonSite, wait: Wait) -> None:
    with site.daemon().control(wait) as control:
        control.start("default_pi", wait)
        site.write_snapshot(process_running=True, stop_requested=True)
        assert not control.repair(wait)

    assert site.calls() == ["run daemon"]


def test_leftovers_of_a_dead_owned_daemon_are_ended_before_the_next_one_starts(
    site: FakeDaemonSite, wait: Wait
) -> None:
    site.behave(detached=True)
    with site.daemon().control(wait) as control:
        started = control.start("default_pi", wait)
        wait_until(lambda: len(site.living()) == 2)
        left = next(each for each in site.living() if each.pid != started.pid)
        psutil.Process(started.pid).kill()
        wait_until(lambda: process_table.started_at(started.pid) is None)

        control.start("default_pi", wait)

    assert process_table.started_at(left.pid) is None


def test_only_one_command_at_a_time_controls_a_workspace(site: FakeDaemonSite) -> None:
    site.paths.make_own()

    with (
        locked(lifecycle_lock(site.paths), Wait.for_seconds(5)),
        pytest.raises(ToolTimeout, match="another process holds"),
        site.daemon().control(Wait.for_seconds(0.1)),
    ):
        pytest.fail("two held the lifecycle lock")
