"""What the orchestrator relies on while a daemon works, of the scripted Millrace and the real."""

from __future__ import annotations

import subprocess
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import psutil
import pytest

from millracer.cancellation import Wait
from millracer.domain.requests import IntakeKind, RequestBody
from millracer.domain.run.completion import Verdict, judge
from millracer.domain.run.observation import ChangeHints
from millracer.domain.work.items import ItemState, ItemStatus, WorkItem
from millracer.domain.work.runtime import DaemonEnd, RunningDaemon
from millracer.millrace.backend import CliMillrace
from millracer.millrace.commands.calls import MillraceCalls
from millracer.ports import Backend, WatchLease
from millracer.system import processes
from millracer.testing import steps as script
from millracer.testing.backend import ScriptedBackend
from tests.support.scenario import Scenario, Step
from tests.support.workspace import Workspace, make_workspace

ITEM = "widget-0a1b"
HASH = "0123456789abcdef" * 4
BLOCKING = (Step(marker="BLOCKED"),)
LEAVE_SECONDS = 18.0


def wait() -> Wait:
    return Wait.for_seconds(60)


class Site(ABC):
    """One workspace with one queued task, and the means to cause what the port reports."""

    millrace: Backend

    @abstractmethod
    def will_finish(self) -> None:
        """Let the item be done under the next daemon."""

    @abstractmethod
    def will_block(self) -> None:
        """Let the item be blocked under the next daemon."""

    @abstractmethod
    def will_hang(self) -> None:
        """Let the item's first stage begin under the next daemon and not end."""

    @abstractmethod
    def kill(self, daemon: RunningDaemon) -> None:
        """Kill the daemon at once."""

    @abstractmethod
    def be_stopped(self) -> None:
        """Let another command ask the daemon to stop, without waiting for it."""

    @abstractmethod
    def cancel_item(self) -> None:
        """Cancel the item as an operator does."""

    @abstractmethod
    def foreign_daemon(self) -> AbstractContextManager[None]:
        """Let a foreign daemon run."""

    @abstractmethod
    def stop_any_daemon(self) -> None:
        """Stop the daemon that runs, whose ever it is."""

    def add_item(self) -> None:
        item = WorkItem(item_id=ITEM, request_hash=HASH, named=True)
        self.millrace.store_request(item, IntakeKind.TASK, RequestBody(task="Make it blue"))
        self.millrace.submit(item, IntakeKind.TASK, wait())

    def start(self) -> RunningDaemon:
        with self.millrace.supervisor.control(wait()) as control:
            return control.start("default_pi", wait())

    def running(self) -> RunningDaemon | None:
        with self.millrace.supervisor.control(wait()) as control:
            return control.running(wait())

    def look_up(self) -> ItemStatus:
        return self.millrace.look_up(ITEM, wait())

    def judged(self) -> Verdict:
        return judge(self.millrace.gather_evidence(self.look_up(), wait()))


class ScriptedSite(Site):
    def __init__(self) -> None:
        self.scripted = self.millrace = ScriptedBackend()
        self.scripted.rejects_mode("no_such_mode")

    def will_finish(self) -> None:
        self.scripted.will_show(script.stage_runs("builder"), script.item_ends())

    def will_block(self) -> None:
        self.scripted.will_show(script.stage_runs("builder"), script.item_ends(ItemState.BLOCKED))

    def will_hang(self) -> None:
        self.scripted.will_show(script.stage_runs("builder"))

    def kill(self, daemon: RunningDaemon) -> None:
        assert daemon == self.scripted.daemon
        self.scripted.will_show(script.daemon_dies())

    def be_stopped(self) -> None:
        self.scripted.will_show(script.daemon_is_stopped())

    def cancel_item(self) -> None:
        self.scripted.items[ITEM].state = ItemState.CANCELLED

    @contextmanager
    def foreign_daemon(self) -> Iterator[None]:
        self.scripted.has_daemon(owned=False)
        yield

    def stop_any_daemon(self) -> None:
        self.scripted.daemon = None


class RealSite(Site):
    def __init__(self, workspace: Workspace, command: str) -> None:
        root = workspace.root
        self.workspace = workspace
        self.calls = MillraceCalls(argv=(command,), workspace=root, cwd=root)
        self.millrace = CliMillrace(self.calls, safety_seconds=60)
        self.millrace.check_supported(wait())

    def will_finish(self) -> None:
        self.workspace.play(Scenario())

    def will_block(self) -> None:
        stages = ("builder", "troubleshooter", "consultant")
        self.workspace.play(Scenario(dict.fromkeys(stages, BLOCKING)))

    def will_hang(self) -> None:
        self.workspace.play(Scenario({"builder": (Step(hang=True),)}))

    def kill(self, daemon: RunningDaemon) -> None:
        psutil.Process(daemon.pid).kill()

    def be_stopped(self) -> None:
        self.calls.checked("control", "stop", wait=wait())

    def cancel_item(self) -> None:
        self.calls.checked("queue", "cancel", ITEM, "--reason", "not needed", wait=wait())

    @contextmanager
    def foreign_daemon(self) -> Iterator[None]:
        command = self.calls.command("run", "daemon", "--mode", "default_pi")
        with subprocess.Popen(
            command.argv,
            cwd=command.cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        ) as daemon:
            try:
                limit = wait()
                while not self.millrace.read_status(limit).process_running:
                    assert not limit.expired, "the daemon did not come up"
                yield
            finally:
                self.stop_any_daemon()
                processes.end_group(daemon.pid, grace_seconds=10)

    def stop_any_daemon(self) -> None:
        self.calls.call("control", "stop", wait=wait())
        limit = wait()
        while self.running() is not None and not limit.expired:
            limit.sleep(0.1)


@pytest.fixture(params=["scripted", "real"])
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Site:
    site: Site
    if request.param == "scripted":
        site = ScriptedSite()
    else:
        command = str(request.getfixturevalue("millrace_command"))
        site = RealSite(make_workspace(tmp_path / "workspace", command), command)
    site.millrace.check_supported(wait())
    site.add_item()
    return site


@pytest.fixture
def lease(site: Site) -> Iterator[WatchLease]:
    lease = site.millrace.supervisor.lease(wait())
    yield lease
    lease.leave(Wait.for_seconds(LEAVE_SECONDS), keep_daemon=False)


def leave(lease: WatchLease, *, keep_daemon: bool = False) -> bool:
    return lease.leave(Wait.for_seconds(LEAVE_SECONDS), keep_daemon=keep_daemon)


def watch(
    lease: WatchLease,
    item: ItemStatus,
    until: Callable[[ChangeHints], bool],
    *,
    seconds: float = 60,
) -> list[ChangeHints]:
    limit = wait()
    seen: list[ChangeHints] = []
    while not seen or not until(seen[-1]):
        assert not limit.expired, f"it never showed: {seen}"
        seen.append(lease.next_hints(item, limit.within(seconds)))
    return seen


def item_is(state: ItemState) -> Callable[[ChangeHints], bool]:
    return lambda signs: signs.item_hint is state


def stage_begins(signs: ChangeHints) -> bool:
    return any(event.begins_stage for event in signs.events)


@pytest.mark.portable
def test_a_started_daemon_is_owned_and_one_task_is_followed_to_its_proven_end(
    site: Site, lease: WatchLease
) -> None:
    queued = site.look_up()
    site.will_finish()
    with site.millrace.supervisor.control(wait()) as control:
        assert control.running(wait()) is None
        good = control.validate_mode("default_pi", wait())
        bad = control.validate_mode("no_such_mode", wait())
        assert (good.ok, good.mode_id) == (True, control.resolve_mode("default_pi"))
        assert (bad.ok, bad.mode_id) == (False, "no_such_mode")
        assert "no_such_mode" in bad.detail
        assert control.resolve_mode("no_such_mode") == "no_such_mode"
        assert not control.repair(wait())
        started = control.start("default_pi", wait())
        running = control.running(wait())
    assert running is not None
    assert (running.pid, running.owned, running.mode_id) == (started.pid, True, good.mode_id)

    seen = watch(lease, queued, item_is(ItemState.DONE))
    assert all(signs.daemon_alive and signs.daemon_owned for signs in seen)
    assert seen[-1].item_moved
    began = [e for signs in seen for e in signs.events if e.begins_stage]
    assert (began[0].stage, began[0].item_id) == ("builder", ITEM)
    assert all(event.run_id for event in began)

    item_status = site.look_up()
    assert (item_status.state, item_status.kind, item_status.request_hash) == (
        ItemState.DONE,
        IntakeKind.TASK,
        HASH,
    )
    assert not leave(lease)
    verdict = site.judged()
    assert verdict.completed
    assert verdict.missing == ()
    reports = site.millrace.stage_reports([ITEM, "another"], wait())
    assert (reports[0].stage, reports[-1].stage) == ("builder", "updater")
    assert [report.started_at for report in reports] == sorted(r.started_at for r in reports)
    assert {report.item_id for report in reports} == {ITEM}
    assert {report.run_id for report in reports} == {event.run_id for event in began}
    assert reports[-1].result == "UPDATE_COMPLETE"
    assert all(report.tokens is not None and report.tokens.total == 12 for report in reports)
    assert all(report.seconds is not None and report.seconds > 0 for report in reports)
    assert site.millrace.stage_reports(["another"], wait()) == ()
    (run,) = site.millrace.list_runs(wait())
    assert (run.run_id, run.item_ids, run.stages) == (reports[0].run_id, (ITEM,), reports)
    assert (run.status, run.trace) == ("complete", None)
    assert (run.started_at, run.completed_at) == (reports[0].started_at, reports[-1].completed_at)
    shown = site.millrace.find_run(run.run_id, wait())
    assert shown is not None
    assert shown.trace is not None
    assert shown.trace["run_id"] == run.run_id
    assert site.running() is None
    status = site.millrace.read_status(wait())
    assert (status.process_running, status.lock) == (False, "absent")
    assert (status.queued, status.active_run_count, status.stop_requested) == (0, 0, False)


def test_a_blocked_item_is_blocked_with_its_evidence_and_a_kept_daemon_is_nobodys_to_stop(
    site: Site, lease: WatchLease
) -> None:
    queued = site.look_up()
    site.will_block()
    started = site.start()
    watch(lease, queued, item_is(ItemState.BLOCKED))

    assert site.look_up().state is ItemState.BLOCKED
    assert site.judged().blocked
    assert not site.judged().completed

    try:
        assert leave(lease, keep_daemon=True)
        assert leave(lease, keep_daemon=True)
        kept = site.running()
        assert kept is not None
        assert (kept.pid, kept.owned, kept.kept) == (started.pid, False, True)

        assert not leave(site.millrace.supervisor.lease(wait()))
        still = site.running()
        assert still is not None
        assert still.pid == started.pid
        with site.millrace.supervisor.control(wait()) as control:
            assert control.end(still, wait()) is DaemonEnd.GONE
        assert site.running() is None
    finally:
        site.stop_any_daemon()


def test_a_foreign_daemon_is_recognized_and_left_running(site: Site, lease: WatchLease) -> None:
    queued = site.look_up()
    with site.foreign_daemon():
        running = site.running()
        assert running is not None
        assert (running.owned, running.booting, running.kept) == (False, False, False)
        with site.millrace.supervisor.control(wait()) as control:
            assert running.mode_id == control.resolve_mode("default_pi")
        (signs,) = watch(lease, queued, lambda _: True)
        assert (signs.daemon_alive, signs.daemon_owned) == (True, False)

        assert not leave(lease)

        assert site.running() == running
        with site.millrace.supervisor.control(wait()) as control:
            assert control.end(running, wait()) is DaemonEnd.GONE
        assert site.running() is None


def test_a_killed_daemon_is_seen_and_repair_puts_its_item_back_into_the_queue_once(
    site: Site, lease: WatchLease
) -> None:
    queued = site.look_up()
    site.will_hang()
    daemon = site.start()
    watch(lease, queued, stage_begins)

    (started,) = site.millrace.stage_reports([ITEM], wait())
    assert (started.stage, started.result, started.tokens, started.seconds) == ("builder",) + (
        None,
    ) * 3

    site.kill(daemon)
    seen = watch(lease, queued, lambda signs: not signs.daemon_alive)
    assert site.millrace.stage_reports([ITEM], wait()) == (started,)

    assert not seen[-1].poll_due
    assert not any(signs.stop_seen for signs in seen)
    assert site.look_up().state is ItemState.ACTIVE
    status = site.millrace.read_status(wait())
    assert (status.process_running, status.lock, status.stop_requested) == (False, "stale", False)
    with site.millrace.supervisor.control(wait()) as control:
        assert control.running(wait()) is None
        assert control.repair(wait())
        assert not control.repair(wait())
    assert site.look_up().state is ItemState.QUEUED
    assert not site.judged().completed


def test_a_daemon_stopped_by_another_command_reports_it_and_leaves_its_queue(
    site: Site, lease: WatchLease
) -> None:
    site.cancel_item()
    queued = site.look_up()
    site.start()
    watch(lease, queued, lambda signs: signs.daemon_alive)

    site.be_stopped()
    seen = watch(lease, queued, lambda signs: not signs.daemon_alive)

    assert any(signs.stop_seen for signs in seen)
    assert site.running() is None


def test_a_daemon_that_is_watched_is_ended_on_purpose_alone_and_who_watches_learns_of_it(
    site: Site, lease: WatchLease
) -> None:
    queued = site.look_up()
    site.will_hang()
    site.start()
    watch(lease, queued, stage_begins)

    with site.millrace.supervisor.control(wait()) as control:
        running = control.running(wait())
        assert running is not None
        assert control.end(running, wait()) is DaemonEnd.WATCHED
        assert control.running(wait()) == running
        assert control.end(running, wait(), despite_watchers=True) is DaemonEnd.GONE
    seen = watch(lease, queued, lambda signs: not signs.daemon_alive)

    assert seen[-1].stop_seen
    assert not any(signs.stop_seen for signs in seen if signs.daemon_alive)
    assert site.look_up().state is ItemState.QUEUED


def test_the_last_watcher_stops_an_owned_daemon_and_the_cut_item_is_back_in_the_queue(
    site: Site, lease: WatchLease
) -> None:
    queued = site.look_up()
    site.will_hang()
    site.start()
    watch(lease, queued, stage_begins)
    assert site.look_up().state is ItemState.ACTIVE
    quiet = watch(lease, queued, lambda signs: signs.poll_due, seconds=0.1)
    assert not quiet[-1].item_moved

    second = site.millrace.supervisor.lease(wait())
    assert leave(second)
    assert site.running() is not None
    assert not leave(lease)

    assert site.running() is None
    item_status = site.look_up()
    assert (item_status.state, item_status.request_hash) == (ItemState.QUEUED, HASH)
    with site.millrace.supervisor.control(wait()) as control:
        assert not control.repair(wait())


def test_a_cancelled_item_is_set_aside_and_proves_nothing(site: Site) -> None:
    site.cancel_item()

    item_status = site.look_up()
    assert (item_status.state, item_status.kind) == (ItemState.CANCELLED, IntakeKind.TASK)
    verdict = site.judged()
    assert (verdict.completed, verdict.blocked) == (False, False)
    assert verdict.missing[0].found.startswith("cancelled")
