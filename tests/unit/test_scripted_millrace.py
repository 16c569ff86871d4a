import pytest

from millracer.cancellation import Wait
from millracer.domain.requests import IntakeKind, RequestBody
from millracer.domain.work.items import ItemState, WorkItem
from millracer.errors import ToolTimeout
from millracer.millrace.wire.text_output import AddReceipt
from millracer.testing.backend import ScriptedBackend
from millracer.testing.steps import daemon_dies, item_ends, nothing_new, stage_runs


def wait() -> Wait:
    return Wait.for_seconds(5)


def add(millrace: ScriptedBackend, item_id: str = "one") -> AddReceipt:
    item = WorkItem(item_id=item_id, request_hash="ab" * 32, named=True)
    path = millrace.store_request(item, IntakeKind.TASK, RequestBody(task="x"))
    with millrace.lock_item(item_id, wait()) as lock:
        return millrace.add(path, IntakeKind.TASK, lock, wait())


def test_a_watch_that_reads_once_too_often_fails_the_test() -> None:
    millrace = ScriptedBackend()
    item = millrace.holds("one", ItemState.QUEUED)
    item_status = millrace.look_up(item.item_id, wait())
    lease = millrace.supervisor.lease(wait())
    lease.next_hints(item_status, wait())  # the first reading returns at once

    with pytest.raises(AssertionError, match="once more than the script foresees"):
        lease.next_hints(item_status, wait())


def test_a_watch_is_shown_one_step_per_reading_and_leaves_none_behind() -> None:
    millrace = ScriptedBackend()
    millrace.has_daemon(owned=True)
    millrace.holds("one", ItemState.QUEUED)
    millrace.will_show(stage_runs("builder"), nothing_new(), item_ends())
    lease = millrace.supervisor.lease(wait())
    item_status = millrace.look_up("one", wait())

    signs = [lease.next_hints(item_status, wait()) for _ in range(4)]

    assert [sign.item_hint for sign in signs] == [
        ItemState.QUEUED,
        ItemState.ACTIVE,
        ItemState.ACTIVE,
        ItemState.DONE,
    ]
    assert [sign.item_moved for sign in signs] == [False, True, False, True]
    assert [event.stage for event in signs[1].events] == ["builder"]
    assert millrace.unused_steps == 0


def test_a_failure_strikes_before_or_after_the_effect() -> None:
    millrace = ScriptedBackend()
    error = ToolTimeout("millrace", "too slow")
    millrace.will_fail("add", error)
    with pytest.raises(ToolTimeout):
        add(millrace)
    assert millrace.enqueued == []

    millrace.will_fail("add", error, after=True)
    with pytest.raises(ToolTimeout):
        add(millrace)
    assert millrace.enqueued == ["one"]
    assert add(millrace) == AddReceipt(duplicate=True)


def test_a_dead_daemon_leaves_its_item_active_until_repair() -> None:
    millrace = ScriptedBackend()
    millrace.has_daemon()
    millrace.holds("one", ItemState.ACTIVE)
    millrace.will_show(daemon_dies())
    lease = millrace.supervisor.lease(wait())
    item_status = millrace.look_up("one", wait())
    lease.next_hints(item_status, wait())
    lease.next_hints(item_status, wait())
    assert millrace.look_up("one", wait()).state is ItemState.ACTIVE

    with millrace.supervisor.control(wait()) as control:
        assert control.repair(wait())
        assert not control.repair(wait())
    assert millrace.look_up("one", wait()).state is ItemState.QUEUED


def test_validating_beside_a_daemon_fails_the_test() -> None:
    millrace = ScriptedBackend()
    millrace.has_daemon()

    with (
        millrace.supervisor.control(wait()) as control,
        pytest.raises(AssertionError, match="writes the daemon's plan"),
    ):
        control.validate_mode("lad_pi", wait())
    assert millrace.validated == []


def test_the_last_watcher_stops_only_an_owned_daemon() -> None:
    millrace = ScriptedBackend()
    owned = millrace.has_daemon(owned=True)
    first, last = millrace.supervisor.lease(wait()), millrace.supervisor.lease(wait())

    assert first.leave(wait(), keep_daemon=False)
    assert millrace.stopped == []
    assert not last.leave(wait(), keep_daemon=False)
    assert millrace.stopped == [owned.pid]

    foreign = millrace.has_daemon(owned=False)
    assert not millrace.supervisor.lease(wait()).leave(wait(), keep_daemon=False)
    assert millrace.daemon == foreign
