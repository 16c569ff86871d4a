"""What clients and hosts may rely on, whether the fleet is in memory or on PostgreSQL."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from millracer.domain.fleet.hosts import (
    AnnouncedWorkspace,
    OpenVerdict,
    RegisterVerdict,
    TakeVerdict,
)
from millracer.domain.fleet.items import (
    CancelVerdict,
    FleetItemState,
    FleetSchedule,
    ItemFilter,
    SubmitVerdict,
    WaitReason,
)
from millracer.domain.fleet.waiting import DispatchStatus
from millracer.errors import FleetDenied, FleetError
from millracer.fleet import store as store_module
from tests.conformance.fleet.scenes import (
    HostAt,
    PostgresScene,
    Scene,
    identity_of,
    item_of,
    new_uuid,
    result_of,
    secret_of,
    submission,
)

_HOUR = timedelta(hours=1)


def _later() -> datetime:
    return datetime.now(UTC) + _HOUR


# -- submit ---------------------------------------------------------------------------------------


def test_a_submission_is_stored_and_dispatched_once_for_each_key(
    scene: Scene, host: HostAt
) -> None:
    submitter = scene.as_submitter()
    new = submitter.submit(submission("one", priority=7))
    known = submitter.submit(submission("one"))

    assert (new.verdict, known.verdict) == (SubmitVerdict.NEW, SubmitVerdict.KNOWN)
    assert new.item is not None
    assert (new.item.state, new.item.reason) == (FleetItemState.QUEUED, WaitReason.NEXT)
    assert (new.item.priority, new.item.dispatch, new.item.attempts) == (7, 1, 0)
    assert (new.item.workspace_id, new.item.host) == ("shop", "a")
    assert scene.claim_next("a") == "one"
    assert scene.claim_next("a") is None


@pytest.mark.parametrize(
    "changes", [{"request_hash": "other"}, {"workspace_id": "api"}, {"label": "gpu"}]
)
def test_a_known_key_with_another_body_or_target_conflicts(
    scene: Scene, host: HostAt, changes: dict[str, str]
) -> None:
    host.announce("api", "gpu")
    scene.as_submitter().submit(submission("one"))

    answer = scene.as_submitter().submit(submission("one", **changes))

    assert (answer.verdict, answer.item) == (SubmitVerdict.CONFLICT, None)
    assert item_of(scene.as_owner(), "one").workspace_id == "shop"


def test_an_unknown_target_stores_nothing(scene: Scene, host: HostAt) -> None:
    store = scene.as_submitter()

    assert store.submit(submission("one", workspace_id="no")).verdict == "workspace_unknown"
    assert store.submit(submission("two", label="no")).verdict == "label_unknown"
    assert store.list_items(ItemFilter(open_only=False)).total == 0


def test_a_repeated_submission_is_known_after_its_end_and_without_its_workspace(
    scene: Scene, host: HostAt
) -> None:
    scene.as_submitter().submit(submission("one"))
    lease = host.run_next()
    assert host.store.deliver(lease, result_of(lease))
    assert host.store.forget_workspace("shop")

    answer = scene.as_submitter().submit(submission("one"))

    assert answer.verdict is SubmitVerdict.KNOWN
    assert answer.item is not None
    assert (answer.item.state, answer.item.completed) == (FleetItemState.ENDED, True)


def test_a_submission_whose_item_cannot_be_returned_stores_nothing(
    postgres: PostgresScene, monkeypatch: pytest.MonkeyPatch
) -> None:
    HostAt(postgres, "a").announce("shop")
    with monkeypatch.context() as patch:
        patch.setattr(store_module, "_ITEM", "select 1 / 0 where %s is not null")
        with pytest.raises(FleetError):
            postgres.as_submitter().submit(submission("one"))

    assert postgres.as_submitter().find_item("one") is None


def test_the_request_is_kept_word_for_word(scene: Scene, host: HostAt) -> None:
    request = {"task": "a\0b \ud800 ü 😀", "nested": [1, 2.5, None, {"x": ""}]}
    scene.as_submitter().submit(submission("one", request=request))

    found = scene.as_submitter().find_item("one")

    assert found is not None
    assert found.request == request
    assert host.run_next().request == request


def test_items_start_by_priority_then_in_the_order_of_submission(
    scene: Scene, host: HostAt
) -> None:
    for name, priority in (("c", 100), ("d", 100), ("b", 50), ("a", 1)):
        scene.as_submitter().submit(submission(name, priority=priority))

    started = []
    for _ in range(4):
        lease = host.run_next()
        started.append(lease.item_id)
        assert host.store.deliver(lease, result_of(lease))
        scene.end_dispatch(lease.item_id, DispatchStatus.SUCCESS)

    assert started == ["a", "b", "c", "d"]


def test_an_item_with_a_later_start_waits_for_it(scene: Scene, host: HostAt) -> None:
    later = _later()
    answer = scene.as_submitter().submit(submission("one", not_before=later))

    assert answer.item is not None
    assert (answer.item.reason, answer.item.not_before) == (WaitReason.NOT_BEFORE, later)
    assert scene.claim_next("a") is None
    past = scene.as_submitter().submit(submission("two", not_before=datetime.now(UTC) - _HOUR))
    assert past.item is not None
    assert past.item.reason is WaitReason.NEXT
    assert scene.claim_next("a") == "two"


# -- the host's name ------------------------------------------------------------------------------


def test_a_name_that_is_held_is_not_given_to_another_session(scene: Scene, host: HostAt) -> None:
    again = host.session_of(session=new_uuid())

    assert host.opened is OpenVerdict.OPEN
    assert host.store.open(host.session_of()) is OpenVerdict.OPEN  # the same call again
    assert host.store.open(again) is OpenVerdict.HELD
    assert host.store.open(host.session_of(session=new_uuid(), take_over=True)) is OpenVerdict.HELD
    assert host.store.beat("a", host.session) is not None


def test_an_ended_session_leaves_the_name_free_and_its_items_waiting_for_the_host(
    scene: Scene, host: HostAt
) -> None:
    scene.as_submitter().submit(submission("one"))
    host.store.end_session(host.name, new_uuid())
    assert not scene.as_owner().list_hosts()[0].away

    host.store.end_session(host.name, host.session)

    assert scene.as_owner().list_hosts()[0].away
    assert item_of(scene.as_owner(), "one").reason is WaitReason.HOST_AWAY
    assert host.store.beat(host.name, host.session) is None
    assert host.store.open(host.session_of(session=new_uuid())) is OpenVerdict.OPEN


def test_a_restart_on_the_same_machine_need_not_wait(scene: Scene, host: HostAt) -> None:
    proof = {"session": new_uuid(), "holder_is_dead": True}

    assert host.store.open(host.session_of(**proof, boot="other")) is OpenVerdict.HELD
    assert host.store.open(host.session_of(**proof, machine="other")) is OpenVerdict.HELD
    assert host.store.open(host.session_of(**proof)) is OpenVerdict.OPEN
    assert host.store.beat("a", host.session) is None


def test_a_silent_name_goes_to_its_machine_and_to_another_one_only_by_a_take_over(
    scene: Scene, host: HostAt
) -> None:
    scene.fall_silent("a")
    other = host.session_of(session=new_uuid(), machine="other")

    assert host.store.open(other) is OpenVerdict.OTHER_MACHINE
    assert host.store.open(host.session_of(session=new_uuid())) is OpenVerdict.OPEN
    scene.fall_silent("a")
    taken = host.session_of(session=new_uuid(), machine="other", take_over=True)
    assert host.store.open(taken) is OpenVerdict.OPEN


def test_a_name_belongs_to_the_role_that_opened_it_first(scene: Scene, host: HostAt) -> None:
    scene.fall_silent("a")
    other = scene.as_host("role-b")

    assert other.open(host.session_of(session=new_uuid(), take_over=True)) == "other_role"
    assert other.open(host.session_of(take_over=True)) is OpenVerdict.OTHER_ROLE


# -- workspaces -----------------------------------------------------------------------------------


def _announced(workspace_id: str, identity: str, root: str = "/new") -> AnnouncedWorkspace:
    return AnnouncedWorkspace(
        workspace_id=workspace_id, root=root, identity=identity, secret=secret_of(workspace_id)
    )


def test_a_workspace_belongs_to_one_checkout_of_one_host(scene: Scene, host: HostAt) -> None:
    other = HostAt(scene, "b")
    same, clone = _announced("shop", identity_of("shop")), _announced("shop", new_uuid())

    assert host.store.register(host.session, same) is RegisterVerdict.REGISTERED
    assert host.store.register(host.session, clone) is RegisterVerdict.OTHER_CHECKOUT
    assert other.store.register(other.session, clone) is RegisterVerdict.OTHER_HOST
    assert other.store.register(other.session, same) is RegisterVerdict.OTHER_HOST
    assert other.store.register(host.session, same) is RegisterVerdict.SUPERSEDED
    (known,) = scene.as_submitter().list_workspaces()
    assert (known.workspace_id, known.host, known.root) == ("shop", "a", "/new")


def test_a_moved_checkout_takes_its_open_items_along_and_voids_their_lease(
    scene: Scene, host: HostAt
) -> None:
    for name in ("one", "two"):
        scene.as_submitter().submit(submission(name))
    old = host.run_next()
    scene.fall_silent("a")
    other = HostAt(scene, "b")
    moved = _announced("shop", identity_of("shop"))

    assert other.store.register(other.session, moved) is RegisterVerdict.REGISTERED

    assert not host.store.deliver(old, result_of(old))
    lease = other.run_next()
    assert (lease.item_id, lease.epoch > old.epoch, lease.attempt) == ("one", True, 2)
    assert other.store.deliver(lease, result_of(lease))
    scene.end_dispatch("one", DispatchStatus.SUCCESS)
    assert other.run_next().item_id == "two"
    assert scene.claim_next("a") is None


def test_what_waits_in_a_moved_checkout_leaves_the_queue_of_its_former_host(
    scene: Scene, host: HostAt
) -> None:
    scene.as_submitter().submit(submission("one"))
    scene.fall_silent("a")
    other = HostAt(scene, "b")
    other.store.register(other.session, _announced("shop", identity_of("shop")))

    assert scene.claim_next("a") is None
    assert scene.claim_next("b") == "one"
    hosts = {each.host: (each.queued, len(each.running)) for each in other.store.list_hosts()}
    assert hosts == {"a": (0, 0), "b": (0, 1)}


def test_a_workspace_is_forgotten_only_without_open_items(scene: Scene, host: HostAt) -> None:
    scene.as_submitter().submit(submission("one"))

    assert not host.store.forget_workspace("shop")
    scene.as_submitter().cancel("one", "")
    assert host.store.forget_workspace("shop")
    assert not host.store.forget_workspace("shop")
    assert scene.as_submitter().list_workspaces() == ()


# -- leases ---------------------------------------------------------------------------------------


def test_each_take_begins_a_later_lease(scene: Scene, host: HostAt) -> None:
    scene.as_submitter().submit(submission("one"))

    first = host.run_next()
    second = host.take("one")

    assert (first.epoch, first.attempt, first.dispatch) == (1, 1, 1)
    assert (second.epoch, second.attempt) == (2, 2)
    assert (second.workspace_id, second.host, second.session) == ("shop", "a", host.session)
    assert abs((second.claimed_at - datetime.now(UTC)).total_seconds()) < 60
    (workspace,) = scene.as_submitter().list_workspaces()
    assert (workspace.epoch, workspace.running, workspace.queued) == (2, "one", 0)


def test_only_the_session_of_the_host_with_the_right_checkout_takes(
    scene: Scene, host: HostAt
) -> None:
    scene.as_submitter().submit(submission("one"))
    other = HostAt(scene, "b")
    right = identity_of("shop")

    for store, session, identity in (
        (host.store, host.session, new_uuid()),
        (host.store, new_uuid(), right),
        (other.store, other.session, right),
        (other.store, host.session, right),
    ):
        assert store.take(session, "one", identity).verdict is TakeVerdict.SUPERSEDED
    assert item_of(scene.as_owner(), "one").attempts == 0
    assert host.store.take(host.session, "no-such", right).verdict is TakeVerdict.ENDED


def test_interrupted_work_is_not_overtaken(scene: Scene, host: HostAt) -> None:
    scene.as_submitter().submit(submission("one"))
    host.run_next()
    scene.as_submitter().submit(submission("urgent", priority=1))

    scene.end_dispatch("one", DispatchStatus.ENQUEUED)  # the engine recovers it
    assert scene.claim_next("a") == "one"
    scene.end_dispatch("one", DispatchStatus.ERROR)
    scene.settle("one")
    assert host.store.reconcile("a", host.session, ()) == ("one",)
    assert scene.claim_next("a") == "one"


def test_a_result_ends_the_item_once(scene: Scene, host: HostAt) -> None:
    scene.as_submitter().submit(submission("one"))
    lease = host.run_next()
    result = result_of(lease, extra="nul \0 here")

    assert host.store.deliver(lease, result)
    assert host.store.deliver(lease, result)  # its answer was lost
    assert not host.store.deliver(lease, result_of(lease, completed=False))

    found = scene.as_submitter().find_item("one")
    assert found is not None
    assert (found.item.state, found.item.outcome) == (FleetItemState.ENDED, "completed")
    assert (found.item.completed, found.item.epoch) == (True, lease.epoch)
    assert found.result is not None
    assert found.result["fleet"]["epoch"] == lease.epoch
    assert [each.why for each in found.refused] == ["item_ended"]
    assert host.store.take(host.session, "one", lease.identity).verdict is TakeVerdict.ENDED


def test_a_result_without_proof_is_not_completed(scene: Scene, host: HostAt) -> None:
    scene.as_submitter().submit(submission("one"))
    lease = host.run_next()

    assert host.store.deliver(lease, result_of(lease, completed=False))

    item = item_of(scene.as_submitter(), "one")
    assert (item.outcome, item.completed) == ("failed", False)


@pytest.mark.parametrize("field", ["epoch", "identity", "item"])
def test_a_result_with_the_certificate_of_another_lease_is_refused_and_kept(
    scene: Scene, host: HostAt, field: str
) -> None:
    scene.as_submitter().submit(submission("one"))
    lease = host.run_next()
    forged = result_of(lease, **{field: 99 if field == "epoch" else new_uuid()})

    assert not host.store.deliver(lease, forged)
    assert not host.store.deliver(lease, forged)

    found = scene.as_submitter().find_item("one")
    assert found is not None
    assert found.item.state is not FleetItemState.ENDED
    assert [(each.why, each.epoch) for each in found.refused] == [("lease_not_in_result", 1)]
    assert found.refused[0].result == forged
    assert found.refused[0].session == host.session


def test_a_result_under_a_former_lease_is_refused_and_kept(scene: Scene, host: HostAt) -> None:
    scene.as_submitter().submit(submission("one"))
    old = host.run_next()
    scene.fall_silent("a")
    clone = scene.as_host("role-a")
    session = new_uuid()
    assert clone.open(host.session_of(session=session)) is OpenVerdict.OPEN
    taken = clone.take(session, "one", identity_of("shop"))
    assert taken.lease is not None

    assert not host.store.deliver(old, result_of(old))
    assert clone.deliver(taken.lease, result_of(taken.lease))

    found = scene.as_submitter().find_item("one")
    assert found is not None
    assert found.item.epoch == taken.lease.epoch == old.epoch + 1
    assert [(each.why, each.epoch) for each in found.refused] == [("session_superseded", old.epoch)]


def test_an_item_of_a_superseded_lease_in_the_same_session_is_refused(
    scene: Scene, host: HostAt
) -> None:
    for name in ("one", "two"):
        scene.as_submitter().submit(submission(name))
    old = host.run_next()
    host.take("two")

    assert not host.store.deliver(old, result_of(old))

    found = scene.as_submitter().find_item("one")
    assert found is not None
    assert [each.why for each in found.refused] == ["lease_superseded"]


@pytest.mark.parametrize(
    ("field", "why"),
    [
        ("identity", "other_checkout"),
        ("session", "session_superseded"),
        ("epoch", "lease_superseded"),
        ("item_id", "lease_superseded"),
    ],
)
def test_a_lease_counts_only_whole(scene: Scene, host: HostAt, field: str, why: str) -> None:
    for name in ("other", "one"):
        scene.as_submitter().submit(submission(name))
    host.take("other")
    lease = host.take("one")
    changed = {"epoch": lease.epoch - 1, "item_id": "other"}.get(field, new_uuid())
    forged = replace(lease, **{field: changed})  # type: ignore[arg-type] # one field at a time

    assert not host.store.deliver(forged, result_of(forged))

    found = scene.as_submitter().find_item(forged.item_id)
    assert found is not None
    assert [each.why for each in found.refused] == [why]
    assert host.store.deliver(lease, result_of(lease))


# -- heartbeat and progress -----------------------------------------------------------------------


def test_progress_is_of_the_present_lease_alone(scene: Scene, host: HostAt) -> None:
    scene.as_submitter().submit(submission("one"))
    old = host.run_next()
    host.store.report_progress(old, "builder", "builds \0", 3)
    first = item_of(scene.as_submitter(), "one").progress
    new = host.take("one")
    host.store.report_progress(old, "checker", "late", 9)

    assert first is not None
    assert (first.stage, first.sequence) == ("builder", 3)
    assert item_of(scene.as_submitter(), "one").progress == first
    host.store.report_progress(new, "checker", "checks", 4)
    last = item_of(scene.as_submitter(), "one").progress
    assert last is not None
    assert (last.stage, last.message, last.sequence) == ("checker", "checks", 4)


def test_a_beat_returns_the_wishes_of_the_sessions_own_items(scene: Scene, host: HostAt) -> None:
    host.announce("api")
    scene.as_submitter().submit(submission("one"))
    scene.as_submitter().submit(submission("two", workspace_id="api"))
    host.take("one")
    host.take("two", "api")

    assert scene.as_submitter().cancel("one", "not needed") is CancelVerdict.REQUESTED
    beat = host.store.beat("a", host.session)

    assert beat is not None
    assert (beat.draining, tuple(beat.cancel_requested)) == (False, ("one",))
    assert host.store.beat("a", new_uuid()) is None
    assert scene.as_host("role-b").beat("a", host.session) is None


# -- cancel and retry -----------------------------------------------------------------------------


def test_an_item_that_no_host_took_is_cancelled_at_once(scene: Scene, host: HostAt) -> None:
    for name in ("queued", "claimed"):
        scene.as_submitter().submit(submission(name))
    scene.as_submitter().submit(submission("later", not_before=_later()))
    assert scene.claim_next("a") == "queued"

    for name in ("queued", "claimed", "later"):
        assert scene.as_submitter().cancel(name, "") is CancelVerdict.CANCELLED
        item = item_of(scene.as_submitter(), name)
        assert (item.state, item.outcome, item.completed) == ("ended", "cancelled", False)
        assert scene.as_submitter().cancel(name, "") is CancelVerdict.ENDED
    assert scene.as_submitter().cancel("no-such", "") is CancelVerdict.UNKNOWN
    # What the engine had claimed is found ended as it is taken.
    taken = host.store.take(host.session, "queued", identity_of("shop"))
    assert taken.verdict is TakeVerdict.ENDED
    scene.end_dispatch("queued", DispatchStatus.SUCCESS)
    assert scene.claim_next("a") is None


def test_a_cancelled_item_that_ran_is_taken_once_more_by_its_host(
    scene: Scene, host: HostAt
) -> None:
    scene.as_submitter().submit(submission("one"))
    host.run_next()
    scene.end_dispatch("one", DispatchStatus.SET_ASIDE)

    assert scene.as_submitter().cancel("one", "") is CancelVerdict.REQUESTED

    lease = host.run_next()
    assert (lease.item_id, lease.cancel_requested, lease.dispatch) == ("one", True, 2)


def test_a_pause_does_not_hold_back_the_cancel_of_interrupted_work(
    scene: Scene, host: HostAt
) -> None:
    scene.as_submitter().submit(submission("one"))
    host.run_next()
    scene.end_dispatch("one", DispatchStatus.ENQUEUED)
    assert host.store.pause("shop", paused=True)
    assert scene.claim_next("a") is None

    assert scene.as_submitter().cancel("one", "") is CancelVerdict.REQUESTED
    assert scene.claim_next("a") == "one"


def test_a_retry_dispatches_what_was_set_aside(scene: Scene, host: HostAt) -> None:
    scene.as_submitter().submit(submission("one"))
    host.run_next()
    assert not host.store.retry("one")
    scene.end_dispatch("one", DispatchStatus.SET_ASIDE)
    assert item_of(scene.as_submitter(), "one").state is FleetItemState.SET_ASIDE

    assert host.store.retry("one")
    assert not host.store.retry("one")
    assert not host.store.retry("no-such")
    lease = host.run_next()
    assert (lease.item_id, lease.dispatch) == ("one", 2)


# -- reconcile ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "status",
    [DispatchStatus.SUCCESS, DispatchStatus.ERROR, DispatchStatus.CANCELLED, None],
)
def test_an_open_item_whose_dispatch_ended_is_dispatched_again(
    scene: Scene, host: HostAt, status: DispatchStatus | None
) -> None:
    scene.as_submitter().submit(submission("one"))
    assert scene.claim_next("a") == "one"
    scene.end_dispatch("one", status)

    assert item_of(scene.as_submitter(), "one").state is FleetItemState.RELEASED
    assert host.store.reconcile("a", host.session, ()) == ()  # it may be on its way
    scene.settle("one")
    assert host.store.reconcile("a", host.session, ("one",)) == ()
    assert host.store.reconcile("a", new_uuid(), ()) == ()
    assert host.store.reconcile("a", host.session, ()) == ("one",)
    assert host.store.reconcile("a", host.session, ()) == ()
    assert item_of(scene.as_submitter(), "one").dispatch == 2
    assert scene.claim_next("a") == "one"


@pytest.mark.parametrize("status", [DispatchStatus.PENDING, DispatchStatus.SET_ASIDE])
def test_an_item_that_runs_or_was_set_aside_is_left_alone(
    scene: Scene, host: HostAt, status: DispatchStatus
) -> None:
    scene.as_submitter().submit(submission("one"))
    scene.end_dispatch("one", status)
    scene.settle("one")

    assert host.store.reconcile("a", host.session, ()) == ()


def test_a_claim_that_no_worker_performs_is_dispatched_again(scene: Scene, host: HostAt) -> None:
    """The answer of the claim was lost, so that no thread of the host has it."""
    scene.as_submitter().submit(submission("one"))
    assert scene.claim_next("a") == "one"
    scene.settle("one")
    assert host.store.reconcile("a", host.session, ()) == ()

    scene.lose_claim("one")

    assert host.store.reconcile("a", host.session, ("one",)) == ()
    assert host.store.reconcile("a", host.session, ()) == ("one",)
    assert item_of(scene.as_submitter(), "one").dispatch == 2
    assert scene.claim_next("a") == "one"


def test_an_item_that_fails_outside_its_run_again_and_again_is_set_aside(
    scene: Scene, host: HostAt
) -> None:
    scene.as_submitter().submit(submission("one"))
    for _ in range(10):
        host.run_next()
        scene.end_dispatch("one", DispatchStatus.ERROR)
        scene.settle("one")
        assert host.store.reconcile("a", host.session, ()) == ("one",)
    host.run_next()
    scene.end_dispatch("one", DispatchStatus.ERROR)
    scene.settle("one")

    assert host.store.reconcile("a", host.session, ()) == ()
    assert item_of(scene.as_submitter(), "one").state is FleetItemState.SET_ASIDE
    assert scene.as_owner().retry("one")
    assert scene.claim_next("a") == "one"


def test_an_item_cancelled_in_the_engine_runs_until_its_session_ends(
    scene: Scene, host: HostAt
) -> None:
    scene.as_submitter().submit(submission("one"))
    lease = host.run_next()
    scene.end_dispatch("one", DispatchStatus.CANCELLED)

    assert item_of(scene.as_submitter(), "one").state is FleetItemState.RUNNING
    assert host.store.deliver(lease, result_of(lease))
    assert item_of(scene.as_submitter(), "one").completed


# -- lost checkouts -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a", "b"])
def test_the_items_of_a_lost_checkout_are_done_in_the_next_one(
    scene: Scene, host: HostAt, name: str
) -> None:
    """The disk of a host is lost while an item runs: nothing there can end the item."""
    owner = scene.as_owner()
    owner.submit(submission("one"))
    lost = host.run_next()
    assert not owner.release_workspace("shop")  # the host is there
    scene.fall_silent("a")
    assert owner.release_workspace("shop")

    new = HostAt(scene, name)
    fresh = AnnouncedWorkspace(
        workspace_id="shop", root="/new", identity=identity_of("new"), secret="new"
    )
    assert new.store.register(new.session, fresh) is RegisterVerdict.REGISTERED
    assert scene.claim_next(name) == "one"
    lease = new.take("one", "new")
    assert not host.store.deliver(lost, result_of(lost))
    assert new.store.deliver(lease, result_of(lease))


def test_a_checkout_is_given_up_by_an_operator_alone_and_replaced_once(
    scene: Scene, host: HostAt
) -> None:
    other = HostAt(scene, "b")
    scene.fall_silent("a")
    with pytest.raises(FleetDenied):
        other.store.release_workspace("shop")
    assert not scene.as_owner().release_workspace("no-such")
    assert scene.as_owner().release_workspace("shop")

    new, again = (_announced("shop", identity_of(each)) for each in ("new", "again"))
    assert other.store.register(other.session, new) is RegisterVerdict.REGISTERED
    assert other.store.register(other.session, again) is RegisterVerdict.OTHER_CHECKOUT


# -- what the engine starts too early -------------------------------------------------------------


def test_an_item_is_not_taken_before_its_earliest_start(scene: Scene, host: HostAt) -> None:
    """The engine goes by the clock of any host, and one may be fast."""
    scene.as_submitter().submit(submission("later", not_before=_later()))
    scene.as_submitter().submit(submission("now"))

    early = host.store.take(host.session, "later", identity_of("shop"))

    assert early.verdict is TakeVerdict.HELD
    assert item_of(scene.as_submitter(), "later").attempts == 0
    assert host.take("now").epoch == 1


def test_an_item_is_not_taken_in_a_paused_workspace_unless_it_was_before(
    scene: Scene, host: HostAt
) -> None:
    for name in ("one", "two"):
        scene.as_submitter().submit(submission(name))
    host.take("one")
    host.store.pause("shop", paused=True)

    assert host.take("one").attempt == 2
    held = host.store.take(host.session, "two", identity_of("shop"))
    assert held.verdict is TakeVerdict.HELD
    host.store.pause("shop", paused=False)
    assert host.take("two").attempt == 1


# -- labels ---------------------------------------------------------------------------------------


def test_a_label_is_bound_to_the_first_free_workspace_that_has_it(
    scene: Scene, host: HostAt
) -> None:
    host.announce("api", "gpu")
    host.announce("web", "gpu")
    waiting = scene.as_submitter().submit(submission("one", label="gpu"))
    for name in ("two", "three"):
        scene.as_submitter().submit(submission(name, label="gpu"))

    assert waiting.item is not None
    assert (waiting.item.workspace_id, waiting.item.host) == (None, None)
    assert (waiting.item.reason, waiting.item.reason_subject) == ("no_free_workspace", "gpu")
    assert scene.claim_next("a") is None
    assert host.store.bind("a", host.session) == ("one", "two")
    assert host.store.bind("a", host.session) == ()
    places = [item_of(scene.as_submitter(), name).workspace_id for name in ("one", "two", "three")]
    assert places == ["api", "web", None]
    assert scene.as_submitter().submit(submission("one", label="gpu")).verdict == "known"
    lease = host.run_next("api")
    assert host.store.deliver(lease, result_of(lease))
    assert host.store.bind("a", host.session) == ("three",)


def test_nothing_is_bound_to_what_is_paused_drains_is_full_or_is_not_the_sessions(
    scene: Scene, host: HostAt
) -> None:
    host.announce("api", "gpu")
    scene.as_submitter().submit(submission("later", label="gpu", not_before=_later()))
    scene.as_submitter().submit(submission("one", label="gpu"))
    other = HostAt(scene, "b", slots=1)
    other.announce("lib", "gpu")
    other.announce("doc")
    scene.as_submitter().submit(submission("full", workspace_id="doc"))

    assert other.store.bind("b", other.session) == ()
    assert host.store.bind("a", new_uuid()) == ()
    assert other.store.bind("a", host.session) == ()
    host.store.pause("api", paused=True)
    assert host.store.bind("a", host.session) == ()
    host.store.pause("api", paused=False)
    host.store.drain("a", draining=True)
    assert host.store.bind("a", host.session) == ()
    host.store.drain("a", draining=False)
    assert host.store.bind("a", host.session) == ("one",)


def test_a_waiting_label_is_cancelled_at_once(scene: Scene, host: HostAt) -> None:
    host.announce("api", "gpu")
    scene.as_submitter().submit(submission("one", label="gpu"))

    assert scene.as_submitter().cancel("one", "") is CancelVerdict.CANCELLED
    assert host.store.bind("a", host.session) == ()


# -- pause and drain ------------------------------------------------------------------------------


def test_nothing_starts_in_a_paused_workspace(scene: Scene, host: HostAt) -> None:
    scene.as_submitter().submit(submission("before"))
    assert host.store.pause("shop", paused=True, note="release")
    scene.as_submitter().submit(submission("while"))

    assert scene.claim_next("a") is None
    item = item_of(scene.as_submitter(), "before")
    assert (item.reason, item.reason_subject) == (WaitReason.WORKSPACE_PAUSED, "release")
    (workspace,) = scene.as_submitter().list_workspaces()
    assert (workspace.paused, workspace.note, workspace.paused_until) == (True, "release", None)
    assert host.store.pause("shop", paused=False)
    assert scene.claim_next("a") == "before"
    assert not host.store.pause("no-such", paused=True)


def test_a_pause_ends_by_itself_and_keeps_a_later_start(scene: Scene, host: HostAt) -> None:
    later = _later()
    scene.as_submitter().submit(submission("later", not_before=later))
    scene.as_submitter().submit(submission("one"))
    host.store.pause("shop", paused=True, until=datetime.now(UTC) + 2 * _HOUR)
    assert scene.claim_next("a") is None

    host.store.pause("shop", paused=True, until=datetime.now(UTC) - _HOUR)

    (workspace,) = scene.as_submitter().list_workspaces()
    assert (workspace.paused, workspace.paused_until) == (False, None)
    assert scene.claim_next("a") == "one"
    assert item_of(scene.as_submitter(), "later").reason is WaitReason.NOT_BEFORE


def test_a_draining_host_starts_nothing(scene: Scene, host: HostAt) -> None:
    scene.as_submitter().submit(submission("one"))
    assert host.store.drain("a", draining=True, note="reboot")

    beat = host.store.beat("a", host.session)
    assert beat is not None
    assert beat.draining
    assert scene.claim_next("a") is None
    item = item_of(scene.as_submitter(), "one")
    assert (item.reason, item.reason_subject) == (WaitReason.HOST_DRAINS, "reboot")
    restarted = host.session_of(session=new_uuid(), holder_is_dead=True)
    assert host.store.open(restarted) is OpenVerdict.OPEN
    (known,) = scene.as_submitter().list_hosts()
    assert (known.draining, known.note) == (True, "reboot")
    assert host.store.drain("a", draining=False)
    assert scene.claim_next("a") == "one"
    assert not host.store.drain("no-such", draining=True)


# -- lists ----------------------------------------------------------------------------------------


def test_items_are_found_by_their_beginnings(scene: Scene, host: HostAt) -> None:
    store = scene.as_submitter()
    for name in ("fix-a", "fix-b", "fix-c", "sort%"):
        store.submit(submission(name))

    assert store.find_ids("fix-b") == ("fix-b",)
    assert store.find_ids("so") == store.find_ids("sort%") == ("sort%",)
    assert len(store.find_ids("fix-")) == 2
    assert store.find_ids("fix_") == store.find_ids("%") == ()


def test_the_reason_names_what_an_item_waits_for(scene: Scene) -> None:
    host = HostAt(scene, "a", slots=1)
    for name in ("shop", "api"):
        host.announce(name)
    for name in ("one", "two"):
        scene.as_submitter().submit(submission(name))
    scene.as_submitter().submit(submission("other", workspace_id="api"))
    reasons = {}

    def note(when: str) -> None:
        items = scene.as_submitter().list_items(ItemFilter()).items
        reasons[when] = [(each.item_id, each.state, each.reason) for each in items]

    note("queued")
    host.run_next()
    note("running")
    scene.fall_silent("a")
    note("silent")

    assert reasons["queued"] == [
        ("one", "queued", "next"),
        ("two", "queued", "workspace_busy"),
        ("other", "queued", "next"),
    ]
    assert reasons["running"] == [
        ("one", "running", None),
        ("two", "queued", "workspace_busy"),
        ("other", "queued", "host_full"),
    ]
    assert reasons["silent"] == [
        ("one", "running", None),
        ("two", "queued", "host_away"),
        ("other", "queued", "host_away"),
    ]
    two = item_of(scene.as_submitter(), "two")
    assert two.host_away
    (known,) = scene.as_submitter().list_hosts()
    assert (known.away, tuple(known.running), known.queued, known.slots) == (True, ("one",), 2, 1)


def test_a_list_is_filtered_and_keeps_the_first_of_its_order(scene: Scene, host: HostAt) -> None:
    other = HostAt(scene, "b")
    other.announce("api")
    for number in range(4):
        scene.as_submitter().submit(submission(f"shop-{number}"))
    scene.as_submitter().submit(submission("api-0", workspace_id="api", priority=1))
    host.run_next()
    for name in ("shop-3", "shop-1"):
        scene.as_submitter().cancel(name, "")

    def listed(**wanted: object) -> tuple[list[str], int]:
        found = scene.as_submitter().list_items(ItemFilter(**wanted))
        return [each.item_id for each in found.items], found.total

    everything = ["shop-0", "api-0", "shop-2", "shop-1", "shop-3"]
    assert listed() == (everything[:3], 3)
    assert listed(open_only=False) == (everything, 5)
    for limit in (1, 2):
        assert listed(limit=limit) == (everything[:limit], 3)
        assert listed(open_only=False, limit=2 + limit) == (everything[: 2 + limit], 5)
    assert listed(workspace_id="api") == listed(host="b") == (["api-0"], 1)
    assert listed(workspace_id="shop", limit=1) == (["shop-0"], 2)
    assert listed(state=FleetItemState.RUNNING) == (["shop-0"], 1)
    assert listed(state=FleetItemState.ENDED) == (["shop-1", "shop-3"], 2)
    assert listed(state=FleetItemState.ENDED, open_only=False, limit=1) == (["shop-1"], 2)
    assert listed(state=FleetItemState.QUEUED, limit=1) == (["api-0"], 2)
    assert listed(state=FleetItemState.SET_ASIDE) == ([], 0)
    newest = ["api-0", "shop-3", "shop-2", "shop-1", "shop-0"]
    assert listed(newest_first=True, open_only=False) == (newest, 5)
    assert listed(newest_first=True, open_only=False, limit=2) == (newest[:2], 5)
    assert listed(newest_first=True) == (["api-0", "shop-2", "shop-0"], 3)
    assert scene.as_submitter().find_item("no-such") is None


@pytest.mark.parametrize("status", [*DispatchStatus, None])
@pytest.mark.parametrize("keeps_lease", [True, False])
def test_an_item_is_in_the_list_of_its_state_and_in_no_other(
    scene: Scene, host: HostAt, status: DispatchStatus | None, *, keeps_lease: bool
) -> None:
    host.announce("api", "gpu")
    scene.as_submitter().submit(submission("one"))
    scene.as_submitter().submit(submission("unbound", workspace_id=None, label="gpu"))
    if keeps_lease:
        host.run_next()
    scene.end_dispatch("one", status)
    expected: dict[FleetItemState, list[str]] = {each: [] for each in FleetItemState}
    for name in ("one", "unbound"):
        expected[item_of(scene.as_submitter(), name).state].append(name)

    for state, names in expected.items():
        found = scene.as_submitter().list_items(ItemFilter(state=state))
        assert ([each.item_id for each in found.items], found.total) == (names, len(names))


# -- upkeep ---------------------------------------------------------------------------------------


def test_ended_items_are_pruned_and_open_ones_stay(scene: Scene, host: HostAt) -> None:
    for name in ("ended", "open"):
        scene.as_submitter().submit(submission(name))
    lease = host.run_next()
    assert host.store.deliver(lease, result_of(lease))
    assert not host.store.deliver(lease, result_of(lease, completed=False))

    assert scene.as_owner().prune(_HOUR) == 0
    assert scene.as_owner().prune(timedelta(0)) == 1

    assert scene.as_submitter().find_item("ended") is None
    assert item_of(scene.as_submitter(), "open").state is FleetItemState.QUEUED
    assert scene.as_submitter().submit(submission("ended")).verdict is SubmitVerdict.NEW
    found = scene.as_submitter().find_item("ended")
    assert found is not None
    assert found.refused == ()


def test_after_a_restore_no_former_lease_counts_and_everything_open_is_dispatched(
    scene: Scene, host: HostAt
) -> None:
    for name in ("one", "two"):
        scene.as_submitter().submit(submission(name))
    old = host.run_next()

    assert scene.as_owner().void_leases() == 2

    assert host.store.beat("a", host.session) is None
    assert not host.store.deliver(old, result_of(old))
    again = HostAt(scene, "a")
    lease = again.run_next()
    assert (lease.item_id, lease.epoch, lease.dispatch) == ("one", old.epoch + 1_000_001, 2)
    assert again.store.deliver(lease, result_of(lease))


def test_schedules_are_put_listed_and_removed(scene: Scene, host: HostAt) -> None:
    schedule = FleetSchedule(
        name="nightly",
        workspace_id="shop",
        cron="0 2 * * 1-5",
        request={"task": "check"},
        timezone="Europe/Berlin",
    )
    paused = FleetSchedule(name="nightly", workspace_id="shop", cron="* * * * *", paused=True)

    assert host.store.put_schedule(schedule)
    assert scene.as_submitter().list_schedules() == (schedule,)
    assert not host.store.put_schedule(paused)
    assert scene.as_submitter().list_schedules() == (paused,)
    assert host.store.remove_schedule("nightly")
    assert not host.store.remove_schedule("nightly")
    assert scene.as_submitter().list_schedules() == ()
