"""What wakes a watcher and what does not, on real files and processes."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest

from millracer.cancellation import Cancellation, Cancelled, CancelReason, Wait
from millracer.domain.requests import IntakeKind
from millracer.domain.run.observation import ChangeHints
from millracer.domain.work.items import ItemState, ItemStatus
from millracer.domain.work.runtime import RuntimeEventKind
from millracer.ports import WatchLease
from millracer.system.files import write_atomically
from tests.support.fake_daemon import FakeDaemonSite, watched

pytestmark = pytest.mark.portable

_TASK = watched("t-1")
_SOON = 0.3


@pytest.fixture
def lease(site: FakeDaemonSite) -> Iterator[WatchLease]:
    """A watcher who has seen the queued task `t-1` once."""
    site.queue_task("t-1")
    lease = site.daemon().lease(Wait.for_seconds(10))
    lease.next_hints(_TASK, Wait.for_seconds(10))
    yield lease
    lease.leave(Wait.for_seconds(18), keep_daemon=False)


@contextmanager
def _soon(act: Callable[[], object]) -> Iterator[None]:
    """Let something happen while the watcher waits."""
    timer = threading.Timer(_SOON, act)
    timer.start()
    try:
        yield
    finally:
        timer.join()


def _next(lease: WatchLease, item: ItemStatus = _TASK, *, seconds: float = 20.0) -> ChangeHints:
    return lease.next_hints(item, Wait.for_seconds(seconds))


def _quiet(lease: WatchLease, item: ItemStatus = _TASK) -> ChangeHints:
    """Return the signs of a time in which nothing should wake the watcher."""
    return _next(lease, item, seconds=0.7)


def _event(event_type: str, **data: object) -> str:
    occurred_at = datetime.now(UTC).isoformat()
    return json.dumps({"data": data, "event_type": event_type, "occurred_at": occurred_at}) + "\n"


def _append(path: Path, text: str) -> None:
    with path.open("a", encoding="utf-8") as log:
        log.write(text)


def _move(site: FakeDaemonSite, item_id: str, source: str, target: str) -> None:
    name = f"{item_id}.md"
    site.paths.items("tasks", source).joinpath(name).rename(
        site.paths.items("tasks", target).joinpath(name)
    )


def _arbiter(event_type: str, run_id: str, item_id: str | None = None) -> str:
    """Return an event of a closure run as Millrace writes it: only the end names the item."""
    kind = None if item_id is None else "spec"
    return _event(
        event_type, stage="arbiter", run_id=run_id, work_item_kind=kind, work_item_id=item_id
    )


def _named(signs: ChangeHints) -> list[tuple[bool, str | None, str | None]]:
    return [(event.begins_stage, event.run_id, event.item_id) for event in signs.events]


def test_the_start_of_a_closure_run_has_the_item_that_the_snapshot_names(
    site: FakeDaemonSite, lease: WatchLease
) -> None:
    run = {"run_id": "run-1", "stage": "arbiter", "closure_target_root_spec_id": "s-1"}
    site.write_snapshot(active_runs_by_plane={"planning": run})
    _append(site.paths.event_log, _arbiter("stage_started", "run-1"))

    signs = _next(lease)

    assert _named(signs) == [(True, "run-1", "s-1")]
    assert signs.events[0].item_kind == "spec"


def test_the_start_of_a_closure_run_is_completed_by_its_end(
    site: FakeDaemonSite, lease: WatchLease
) -> None:
    _append(site.paths.event_log, _arbiter("stage_started", "run-1"))
    assert _named(_next(lease)) == [(True, "run-1", None)]
    started = _arbiter("stage_started", "run-2")
    ended = (_arbiter("stage_completed", run_id, "s-1") for run_id in ("run-1", "run-2"))
    _append(site.paths.event_log, "".join((started, *ended)))

    assert _named(_next(lease)) == [
        (True, "run-2", "s-1"),
        (True, "run-1", "s-1"),
        (False, "run-1", "s-1"),
        (False, "run-2", "s-1"),
    ]


def test_the_first_reading_returns_at_once_and_says_where_the_item_is(site: FakeDaemonSite) -> None:
    site.queue_task("t-1")
    lease = site.daemon().lease(Wait.for_seconds(10))

    signs = _next(lease, seconds=3600)

    assert signs == ChangeHints(daemon_alive=False, item_hint=ItemState.QUEUED)
    lease.leave(Wait.for_seconds(18), keep_daemon=False)


def test_the_first_reading_reports_that_the_item_is_not_where_the_look_up_saw_it(
    site: FakeDaemonSite,
) -> None:
    site.queue_task("t-1")
    lease = site.daemon().lease(Wait.for_seconds(10))

    signs = _next(lease, watched("t-1", ItemState.MAILBOX), seconds=3600)

    assert signs.item_moved
    lease.leave(Wait.for_seconds(18), keep_daemon=False)


def test_an_item_that_moves_wakes_the_watcher(site: FakeDaemonSite, lease: WatchLease) -> None:
    with _soon(lambda: _move(site, "t-1", "queue", "active")):
        signs = _next(lease)

    assert (signs.item_moved, signs.item_hint, signs.poll_due) == (True, ItemState.ACTIVE, False)


def test_another_item_that_moves_does_not_wake_the_watcher(
    site: FakeDaemonSite, lease: WatchLease
) -> None:
    site.queue_task("t-12")

    with _soon(lambda: _move(site, "t-12", "queue", "done")):
        signs = _quiet(lease)

    assert signs.poll_due
    assert not signs.item_moved


@pytest.mark.parametrize(
    ("place", "state"),
    [
        ("millrace-agents/probes/done/t-1.md", ItemState.DONE),
        ("millrace-agents/specs/blocked/t-1.md", ItemState.BLOCKED),
        ("millrace-agents/tasks/queue/t-1.md.invalid", ItemState.INVALID),
        ("millrace-agents/intake/ideas/inbox/t-1.md", ItemState.INBOX),
        ("millrace-agents/intake/ideas/inbox/idea-t-1.md", ItemState.INBOX),
        ("millrace-agents/intake/ideas/invalid/t-1.md", ItemState.INVALID),
        ("ideas/inbox/t-1.md", ItemState.INBOX),
        ("millrace-agents/specs/active/idea-t-1.md", ItemState.ACTIVE),
        ("millrace-agents/specs/active/spec-9.md", ItemState.ACTIVE),
        (
            "millrace-agents/tasks/queue/cancelled/t-1.20261122T160657Z.92425f25.queue.md",
            ItemState.CANCELLED,
        ),
        (
            "millrace-agents/tasks/blocked/superseded/t-1.20261122T160657Z.92425f25.blocked.md",
            ItemState.SUPERSEDED,
        ),
    ],
)
def test_every_folder_an_item_may_lie_in_is_watched(
    site: FakeDaemonSite, place: str, state: ItemState
) -> None:
    item = watched("t-1", ItemState.MAILBOX, kind=IntakeKind.IDEA, millrace_id="spec-9")
    lease = site.daemon().lease(Wait.for_seconds(10))
    assert _next(lease, item).item_hint is None

    def appear() -> None:
        path = site.root / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("# x\n", encoding="utf-8")

    with _soon(appear):
        signs = _next(lease, item)

    assert (signs.item_moved, signs.item_hint) == (True, state)
    lease.leave(Wait.for_seconds(18), keep_daemon=False)


def test_an_archived_item_with_a_longer_id_is_another_one(
    site: FakeDaemonSite, lease: WatchLease
) -> None:
    archive = site.paths.items("tasks", "queue") / "cancelled"
    archive.mkdir()
    (archive / "t-12.20261122T160657Z.92425f25.queue.md").write_text("# x\n", encoding="utf-8")
    site.paths.items("tasks", "queue").joinpath("t-1.md").unlink()

    assert _next(lease).item_hint is None


def test_a_spec_goes_before_the_inbox_file_that_stays_behind(site: FakeDaemonSite) -> None:
    inbox = site.root / "ideas" / "inbox"
    inbox.mkdir(parents=True)
    (inbox / "t-1.md").write_text("# x\n", encoding="utf-8")
    spec = site.paths.items("specs", "done") / "idea-t-1.md"
    spec.parent.mkdir(parents=True)
    spec.write_text("# x\n", encoding="utf-8")
    lease = site.daemon().lease(Wait.for_seconds(10))

    assert _next(lease, watched("t-1", kind=IntakeKind.IDEA)).item_hint is ItemState.DONE
    lease.leave(Wait.for_seconds(18), keep_daemon=False)


def test_another_id_of_the_item_is_looked_for_at_once(
    site: FakeDaemonSite, lease: WatchLease
) -> None:
    _move(site, "t-1", "queue", "active")
    _next(lease)

    signs = _next(lease, watched("t-1", millrace_id="spec-9"), seconds=3600)

    assert signs.item_hint is ItemState.ACTIVE


def test_an_event_wakes_the_watcher_with_all_it_says(
    site: FakeDaemonSite, lease: WatchLease
) -> None:
    line = _event(
        "router_decision",
        plane="execution",
        stage="updater",
        run_id="run-1",
        work_item_kind="task",
        work_item_id="t-1",
        terminal_result="UPDATE_COMPLETE",
        action="idle",
        reason="updater_complete",
        failure_class=None,
    )

    with _soon(lambda: _append(site.paths.event_log, line)):
        signs = _next(lease)

    (event,) = signs.events
    assert (event.kind, event.stage, event.item_id, event.item_state, event.reason) == (
        RuntimeEventKind.OTHER,
        "updater",
        "t-1",
        ItemState.DONE,
        "updater_complete",
    )
    assert (event.plane, event.run_id, event.item_kind) == ("execution", "run-1", "task")
    assert (event.terminal_result, event.failure_class) == ("UPDATE_COMPLETE", None)


def test_an_idea_that_became_a_spec_is_reported_by_the_specs_id(
    site: FakeDaemonSite, lease: WatchLease
) -> None:
    _append(site.paths.event_log, _event("idea_normalized_to_spec", spec_id="idea-x"))

    (event,) = _next(lease).events
    assert (event.item_kind, event.item_id) == ("spec", "idea-x")


def test_events_from_before_the_watch_are_not_reported(site: FakeDaemonSite) -> None:
    _append(site.paths.event_log, _event("stage_started"))
    lease = site.daemon().lease(Wait.for_seconds(10))
    _append(site.paths.event_log, _event("stage_completed"))

    signs = _next(lease)

    assert [event.kind for event in signs.events] == [RuntimeEventKind.STAGE_ENDED]
    lease.leave(Wait.for_seconds(18), keep_daemon=False)


def test_a_line_still_being_written_is_reported_when_it_is_complete(
    site: FakeDaemonSite, lease: WatchLease
) -> None:
    line = _event("stage_started")
    _append(site.paths.event_log, line[:20])
    assert _quiet(lease).events == ()

    with _soon(lambda: _append(site.paths.event_log, line[20:])):
        signs = _next(lease)

    assert [event.kind for event in signs.events] == [RuntimeEventKind.STAGE_STARTED]


def test_lines_that_are_not_events_are_passed_over(site: FakeDaemonSite, lease: WatchLease) -> None:
    noise = 'no json\n[1]\n{"event_type": 5}\n\n'
    _append(site.paths.event_log, noise + _event("stage_started") + noise)

    signs = _next(lease)

    assert [event.kind for event in signs.events] == [RuntimeEventKind.STAGE_STARTED]


def test_a_replaced_log_is_read_from_its_start(site: FakeDaemonSite, lease: WatchLease) -> None:
    _append(site.paths.event_log, _event("stage_started") * 3)
    _next(lease)

    write_atomically(site.paths.event_log, _event("stage_completed") * 5)

    assert [event.kind for event in _next(lease).events] == [RuntimeEventKind.STAGE_ENDED] * 5


def test_a_cut_log_is_read_from_its_start(site: FakeDaemonSite, lease: WatchLease) -> None:
    _append(site.paths.event_log, _event("stage_started") * 3)
    _next(lease)

    site.paths.event_log.write_text(_event("stage_completed"), encoding="utf-8")

    assert [event.kind for event in _next(lease).events] == [RuntimeEventKind.STAGE_ENDED]


def test_an_idle_daemon_that_ticks_every_second_does_not_wake_the_watcher(
    site: FakeDaemonSite, lease: WatchLease
) -> None:
    _append(site.paths.event_log, _event("runtime_tick_idle"))
    assert [event.kind for event in _next(lease).events] == [RuntimeEventKind.DAEMON_IDLE]

    def tick() -> None:
        site.write_snapshot()
        _append(site.paths.event_log, _event("runtime_tick_idle"))

    with _soon(tick):
        signs = _quiet(lease)

    assert signs == ChangeHints(daemon_alive=False, item_hint=ItemState.QUEUED, poll_due=True)


def test_a_pause_wakes_the_watcher_although_it_writes_no_event(
    site: FakeDaemonSite, lease: WatchLease
) -> None:
    with _soon(lambda: site.write_snapshot(paused=True, pause_sources=["operator"])):
        signs = _next(lease)

    assert (signs.state_changed, signs.poll_due) == (True, False)


@pytest.mark.parametrize("box", ["incoming", "processed", "failed"])
def test_a_mailbox_command_wakes_the_watcher(
    site: FakeDaemonSite, lease: WatchLease, box: str
) -> None:
    command = site.paths.mailbox / box / "add-1.json"

    with _soon(lambda: command.write_text("{}", encoding="utf-8")):
        signs = _next(lease)

    assert (signs.state_changed, signs.poll_due) == (True, False)


def test_the_daemons_death_wakes_the_watcher_although_no_file_changes(
    site: FakeDaemonSite, lease: WatchLease
) -> None:
    wait = Wait.for_seconds(30)
    with site.daemon().control(wait) as control:
        started = control.start("default_pi", wait)
    seen = _next(lease)
    while not seen.poll_due:
        last, seen = seen, _quiet(lease)
    assert last.daemon_alive

    with _soon(lambda: psutil.Process(started.pid).kill()):
        signs = _next(lease)

    assert signs == ChangeHints(daemon_alive=False, item_hint=ItemState.QUEUED)


def test_a_daemon_that_appears_wakes_the_watcher_and_is_reported_as_owned(
    site: FakeDaemonSite, lease: WatchLease
) -> None:
    wait = Wait.for_seconds(30)

    with (
        site.daemon().control(wait) as control,
        _soon(lambda: control.start("default_pi", wait)),
    ):
        signs = _next(lease)

    assert (signs.daemon_alive, signs.daemon_owned, signs.poll_due) == (True, True, False)


def test_a_foreign_daemon_is_watched_and_not_reported_as_owned(
    site: FakeDaemonSite, lease: WatchLease
) -> None:
    foreign = site.start_foreign()

    signs = _next(lease)

    assert (signs.daemon_alive, signs.daemon_owned) == (True, False)
    foreign.kill()
    foreign.wait()


def test_when_nothing_happens_the_safety_interval_ends_the_wait(site: FakeDaemonSite) -> None:
    lease = site.daemon(safety_seconds=0.3).lease(Wait.for_seconds(10))
    _next(lease)

    signs = _next(lease, seconds=3600)

    assert signs.poll_due
    lease.leave(Wait.for_seconds(18), keep_daemon=False)


def test_a_busy_log_does_not_put_the_due_poll_off_for_ever(site: FakeDaemonSite) -> None:
    lease = site.daemon(safety_seconds=0.5).lease(Wait.for_seconds(10))
    _next(lease)

    for _ in range(100):
        _append(site.paths.event_log, _event("stage_started"))
        signs = _next(lease, seconds=3600)
        assert signs.events
        if signs.poll_due:
            break

    assert signs.poll_due
    lease.leave(Wait.for_seconds(18), keep_daemon=False)


def test_a_passed_deadline_returns_signs_instead_of_an_error(lease: WatchLease) -> None:
    assert _next(lease, seconds=0).poll_due


def test_a_cancelled_wait_ends_at_once(lease: WatchLease) -> None:
    cancellation = Cancellation()

    with (
        _soon(lambda: cancellation.cancel(CancelReason.INTERRUPTED)),
        pytest.raises(Cancelled),
    ):
        lease.next_hints(_TASK, Wait.for_seconds(3600, cancellation))
