"""The daemon side of the port on the real Millrace, with a scripted stage runner."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import pytest

from millracer.cancellation import Cancellation, CancelReason, Wait
from millracer.domain.requests import IntakeKind
from millracer.domain.run.observation import ChangeHints
from millracer.domain.work.items import ItemState, ItemStatus
from millracer.domain.work.runtime import RunningDaemon, RuntimeStatus
from millracer.errors import ToolFailed
from millracer.millrace.commands.calls import MillraceCalls
from millracer.millrace.daemon.daemon import WorkspaceDaemon
from millracer.millrace.daemon.ownership import read_ownership, write_ownership
from millracer.millrace.files.workspace import WorkspacePaths
from millracer.pi.install import Version
from millracer.ports import WatchLease
from millracer.system import process_table, processes
from tests.support.cli import wait_until
from tests.support.scenario import Scenario, Step
from tests.support.workspace import Workspace, make_workspace

_ITEM = "t-1"
_HANGING = Scenario(steps={"builder": (Step(hang=True, deaf=True, detached_child=True),)})
_DOCUMENT = f"""\
# A task

Task-ID: {_ITEM}
Title: A task
Summary: A task
Created-At: 2026-01-01T00:00:00Z
Created-By: tests

Target-Paths:
- .

Acceptance:
- As scripted.

Required-Checks:
- none scripted

References:
- README.md

Risk:
- none stated
"""


class _Site:
    """A real workspace with one queued task, watched by the test."""

    def __init__(self, workspace: Workspace, millrace_command: str, version: Version) -> None:
        self.workspace = workspace
        self.usual_mode = "lad_pi" if version >= (0, 21, 0) else "default_pi"
        self.paths = WorkspacePaths(workspace.root)
        self.calls = MillraceCalls(
            argv=(millrace_command,), workspace=workspace.root, cwd=workspace.root
        )
        self.daemon = WorkspaceDaemon(
            self.calls,
            self.paths,
            safety_seconds=60,
            status_reader=_refuse_status,
            version=lambda: ".".join(map(str, version)),
        )
        self.token: str | None = None

    def queue_task(self) -> None:
        document = self.workspace.root / "task.md"
        document.write_text(_DOCUMENT, encoding="utf-8")
        self.calls.checked("queue", "add-task", str(document), wait=Wait.for_seconds(60))

    def start(self) -> RunningDaemon:
        wait = Wait.for_seconds(60)
        with self.daemon.control(wait) as control:
            started = control.start("default_pi", wait)
        record = read_ownership(self.paths)
        self.token = None if record is None else record.token
        return started

    def holds(self, folder: str) -> bool:
        return (self.paths.items("tasks", folder) / f"{_ITEM}.md").exists()

    def tokens_carriers(self) -> list[psutil.Process]:
        return [] if self.token is None else process_table.processes_with_token(self.token)

    def status(self) -> dict[str, object]:
        completed = self.calls.checked("status", "--format", "json", wait=Wait.for_seconds(60))
        document: dict[str, object] = json.loads(completed.stdout)
        return document


def _refuse_status(_: Wait) -> RuntimeStatus:
    raise ToolFailed("millrace", "the real snapshot was to be readable")


@pytest.fixture
def site(tmp_path: Path, millrace_command: str, millrace_version: Version) -> _Site:
    workspace = make_workspace(tmp_path / "workspace", millrace_command)
    site = _Site(workspace, millrace_command, millrace_version)
    site.queue_task()
    return site


@pytest.fixture
def lease(site: _Site) -> Iterator[WatchLease]:
    lease = site.daemon.lease(Wait.for_seconds(10))
    yield lease
    lease.leave(Wait.for_seconds(18), keep_daemon=False)


def _watch_until(lease: WatchLease, holds: Callable[[ChangeHints], bool]) -> list[ChangeHints]:
    wait = Wait.for_seconds(60)
    item = ItemStatus(
        item_id=_ITEM,
        state=ItemState.QUEUED,
        source="a test",
        observed_at=datetime.now(UTC),
        kind=IntakeKind.TASK,
    )
    seen: list[ChangeHints] = []
    while not seen or not holds(seen[-1]):
        assert not wait.expired, f"it did not show in time: {seen}"
        seen.append(lease.next_hints(item, wait))
    return seen


def _builder_started(signs: ChangeHints) -> bool:
    return any(event.begins_stage for event in signs.events)


def test_a_task_is_seen_to_be_done_and_the_idle_daemon_is_stopped(
    site: _Site, lease: WatchLease
) -> None:
    started = site.start()

    seen = _watch_until(lease, lambda signs: signs.item_hint is ItemState.DONE)
    events = [event for signs in seen for event in signs.events]
    lease.leave(Wait.for_seconds(18), keep_daemon=False)

    assert (started.owned, started.mode_id) == (True, site.usual_mode)
    assert [e.stage for e in events if e.begins_stage] == [
        "builder",
        "checker",
        "updater",
    ]
    assert all(e.item_id == _ITEM for e in events if e.begins_stage)
    assert site.tokens_carriers() == []
    assert process_table.started_at(started.pid) is None
    assert not site.paths.runtime_lock.exists()
    assert site.holds("done")


@pytest.mark.parametrize("in_a_hurry", [False, True])
def test_a_hanging_stage_is_cut_and_its_item_is_back_in_the_queue(
    site: _Site, lease: WatchLease, *, in_a_hurry: bool
) -> None:
    site.workspace.play(_HANGING)
    site.start()
    _watch_until(lease, _builder_started)
    cancellation = Cancellation()
    if in_a_hurry:
        cancellation.cancel(CancelReason.INTERRUPTED)

    lease.leave(Wait.for_seconds(18, cancellation), keep_daemon=False)

    status = site.status()
    assert site.tokens_carriers() == []
    assert site.holds("queue")
    assert (status["runtime_ownership_lock"], status["stop_requested"]) == ("absent", False)
    assert status["active_run_count"] == 0


@pytest.mark.ending
def test_a_killed_daemon_is_seen_and_the_next_one_finishes_the_item(
    site: _Site, lease: WatchLease
) -> None:
    site.workspace.play(
        Scenario(steps={"builder": (Step(hang=True, deaf=True, detached_child=True), Step())})
    )
    first = site.start()
    _watch_until(lease, _builder_started)
    # It counts its calls itself: killed before that, the next one would be the first again.
    wait_until(lambda: site.workspace.stages() == ["builder"], "the stage notes that it began")
    left = [carrier.pid for carrier in site.tokens_carriers() if carrier.pid != first.pid]

    psutil.Process(first.pid).kill()
    seen = _watch_until(lease, lambda signs: not signs.daemon_alive)
    second = site.start()

    assert not seen[-1].poll_due
    assert left
    assert [pid for pid in left if process_table.started_at(pid) is not None] == []
    assert second.owned
    assert second.pid != first.pid
    _watch_until(lease, lambda signs: signs.item_hint is ItemState.DONE)


def test_a_foreign_daemon_is_joined_and_left_running(
    site: _Site, lease: WatchLease, millrace_command: str
) -> None:
    mode = ("--mode", site.usual_mode)
    with subprocess.Popen(
        [millrace_command, "run", "daemon", *mode, "--workspace", site.paths.root],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as foreign:
        try:
            joined = site.start()
            _watch_until(lease, lambda signs: signs.item_hint is ItemState.DONE)
            left_running = lease.leave(Wait.for_seconds(18), keep_daemon=False)

            assert (joined.pid, joined.owned) == (foreign.pid, False)
            assert not left_running
            assert foreign.poll() is None
        finally:
            site.calls.call("control", "stop", wait=Wait.for_seconds(30))
            processes.end_group(foreign.pid, grace_seconds=10)


def test_modes_are_validated_and_a_bad_one_kills_the_daemon_at_start(site: _Site) -> None:
    wait = Wait.for_seconds(60)

    with site.daemon.control(wait) as control:
        good = control.validate_mode("default_pi", wait)
        bad = control.validate_mode("nope", wait)
        with pytest.raises(ToolFailed, match="Unknown mode id: nope"):
            control.start("nope", wait)

    assert (good.ok, good.mode_id) == (True, site.usual_mode)
    assert (bad.ok, bad.detail) == (False, "Unknown mode id: nope")
    assert not site.paths.ownership.exists()


@pytest.fixture
def strand(site: _Site, lease: WatchLease) -> Iterator[Callable[[bool], psutil.Popen]]:
    """Kill the daemon and let its pid live on, as an unrelated process's or as an unreaped one."""
    others: list[psutil.Popen] = []

    def kill(is_reaped: bool) -> psutil.Popen:  # noqa: FBT001 - a test's parameter
        psutil.Process(site.start().pid).kill()
        _watch_until(lease, lambda signs: not signs.daemon_alive)
        other = psutil.Popen((sys.executable, "-c", "import time; time.sleep(60)"))
        others.append(other)
        lock = json.loads(site.paths.runtime_lock.read_text(encoding="utf-8"))
        ago = timedelta(minutes=5 if is_reaped else 0)
        taken = datetime.fromisoformat(lock["acquired_at"]) - ago
        lock |= {"owner_pid": other.pid, "acquired_at": taken.isoformat()}
        site.paths.runtime_lock.write_text(json.dumps(lock), encoding="utf-8")
        record = read_ownership(site.paths)
        assert record is not None
        assert record.started is not None
        started = record.started - ago.total_seconds()
        changes = {"pid": other.pid, "started": started}
        write_ownership(site.paths, record.model_copy(update=changes))
        if not is_reaped:
            other.kill()
            while psutil.Process(other.pid).status() != psutil.STATUS_ZOMBIE:
                pass
        return other

    yield kill
    for other in others:
        with suppress(psutil.NoSuchProcess):
            other.kill()
        other.wait()


@pytest.mark.parametrize("is_reaped", [True, False], ids=["a stranger's", "not reaped"])
def test_a_lock_whose_pid_is_still_taken_keeps_no_daemon_from_starting(
    site: _Site,
    lease: WatchLease,
    strand: Callable[[bool], psutil.Popen],
    *,
    is_reaped: bool,
) -> None:
    other = strand(is_reaped)

    second = site.start()

    assert (second.owned, second.booting) == (True, False)
    _watch_until(lease, lambda signs: signs.item_hint is ItemState.DONE)
    assert is_reaped is (other.status() != psutil.STATUS_ZOMBIE)


@pytest.mark.parametrize("is_taken", [True, False], ids=["pid taken", "pid free"])
def test_a_lock_of_a_dead_container_keeps_no_daemon_from_starting(
    site: _Site,
    lease: WatchLease,
    strand: Callable[[bool], psutil.Popen],
    *,
    is_taken: bool,
) -> None:
    other = strand(True)  # noqa: FBT003 - see the fixture
    lock = json.loads(site.paths.runtime_lock.read_text(encoding="utf-8"))
    lock["owner_hostname"] = "a-dead-container"
    site.paths.runtime_lock.write_text(json.dumps(lock), encoding="utf-8")
    if not is_taken:
        other.kill()
        other.wait()

    second = site.start()

    assert (second.owned, second.booting) == (True, False)
    _watch_until(lease, lambda signs: signs.item_hint is ItemState.DONE)


@pytest.mark.slow
def test_a_lock_whose_pid_is_still_taken_is_cleared_on_the_way_out(
    site: _Site, lease: WatchLease, strand: Callable[[bool], psutil.Popen]
) -> None:
    strand(False)  # noqa: FBT003 - see the fixture

    lease.leave(Wait.for_seconds(18), keep_daemon=False)

    assert not site.paths.runtime_lock.exists()
    assert site.holds("queue")
    assert site.status()["runtime_ownership_lock"] == "absent"


def test_a_lock_left_by_a_killed_daemon_is_repaired_before_the_start(
    site: _Site, lease: WatchLease
) -> None:
    first = site.start()
    psutil.Process(first.pid).kill()
    _watch_until(lease, lambda signs: not signs.daemon_alive)
    wait = Wait.for_seconds(60)
    assert site.paths.runtime_lock.exists()

    with site.daemon.control(wait) as control:
        assert control.running(wait) is None
        assert control.repair(wait)
        assert not control.repair(wait)

    assert not site.paths.runtime_lock.exists()
