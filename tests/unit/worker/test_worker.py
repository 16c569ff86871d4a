"""The order of a worker's steps, and that nothing is lost wherever the database fails."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, ClassVar

import pytest

from millracer.domain.fleet.hosts import HostSession, OpenVerdict, RegisterVerdict
from millracer.errors import FleetDenied, FleetError, FleetOutdated, MillracerError, UsageError
from millracer.schemas.certificate.statement import read_lease
from millracer.worker import heartbeat, patience
from millracer.worker.runner import CancelEffect
from millracer.worker.worker import Worker, WorkerEnd, WorkerSettings
from tests.fakes.fleet_worker import (
    Clock,
    Database,
    Engine,
    FakeCheckout,
    Runner,
    denied,
    document,
    earlier,
    stage,
    wait_for,
)

ITEM = "item-1"


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heartbeat, "BEAT_SECONDS", 0.005)
    monkeypatch.setattr(patience, "_FIRST_SECONDS", 0.001)


@dataclass
class Scene:
    """One worker with all that it uses."""

    calls: list[str] = field(default_factory=list)
    settings: dict[str, Any] = field(default_factory=dict)
    draining: bool = False

    def __post_init__(self) -> None:
        self.database = Database()
        self.database.calls = self.calls
        self.engine = Engine(self.calls)
        self.checkout = FakeCheckout(self.calls)
        self.clock = Clock()
        self.runner = Runner(self.clock, self.calls)
        self.said: list[str] = []
        self.error: Exception | None = None
        self.end: WorkerEnd | None = None
        session = HostSession(
            host="ci-1", session="", machine="m", boot="b", pid=1, version="1", slots=2
        )
        self.worker = Worker(
            settings=WorkerSettings(session=session, **self.settings),
            store=self.database,
            beat_store=self.database,
            client=self.database,  # type: ignore[arg-type] # submissions alone
            engine=self.engine,
            checkouts=[self.checkout],
            runner=self.runner,
            clock=self.clock,
            say=self.said.append,
        )
        self.thread = threading.Thread(target=self._work, daemon=True)

    def _work(self) -> None:
        try:
            self.end = self.worker.work()
        except MillracerError as error:
            self.error = error

    @contextmanager
    def working(self) -> Iterator[None]:
        """Run the worker; at the end of the block it is stopped, and awaited."""
        self.thread.start()
        try:
            assert self.engine.launched.wait(30)
            yield
        finally:
            self.worker.stop()
            self.thread.join(30)
            assert not self.thread.is_alive()

    def result(self) -> Any:
        """Return the one result of the item."""
        (result,) = self.database.ended[ITEM]
        return result


def own(calls: list[str]) -> list[str]:
    """Return the calls without those of the heartbeat's thread."""
    return [call for call in calls if call not in {"beat", "reconcile", "report_progress", "bind"}]


def test_the_order_of_the_steps() -> None:
    scene = Scene()
    scene.database.add(ITEM)

    with scene.working():
        scene.engine.dispatch(ITEM).join(30)

    assert own(scene.calls) == [
        *("open", "register", "launch"),
        *("lock", "take", "lease", "run", "deliver", "no lease", "unlock"),
    ]
    assert scene.calls.index("beat") < scene.calls.index("launch")
    assert scene.engine.words == {ITEM: "succeeded"}
    assert scene.end is WorkerEnd.FINISHED


def test_a_result_carries_its_lease() -> None:
    scene = Scene()
    scene.database.add(ITEM)

    with scene.working():
        scene.engine.dispatch(ITEM).join(30)

    assert scene.result()["fleet"] == {
        "item": ITEM,
        "dispatch": 1,
        "workspace": "shop",
        "identity": "identity",
        "host": "ci-1",
        "session": scene.database.holder,
        "epoch": 1,
        "attempt": 1,
        "claimed_at": "2026-05-01T12:00:00+00:00",
        "engine": "fake 1.0",
    }


@pytest.mark.parametrize("outcome", ["completed", "blocked"])
def test_a_completed_item_is_certified_with_the_lease_of_its_result(outcome: str) -> None:
    scene = Scene()
    scene.database.add(ITEM)
    if outcome == "blocked":
        scene.runner.plays.append(scene.runner.blocked)

    with scene.working():
        scene.engine.dispatch(ITEM).join(30)

    result = scene.result()
    if outcome == "blocked":
        assert "certificate" not in result
        assert scene.runner.certified == []
        return
    ((root, lease),) = scene.runner.certified
    assert result["certificate"] == {"payload": ITEM}
    assert root == scene.checkout.root
    assert read_lease(result["fleet"]) == lease


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(
    "call",
    ["open", "register", "beat", "take", "deliver", "report_progress", "reconcile"],
)
def test_wherever_the_database_fails_the_item_runs_and_ends_once(call: str, when: str) -> None:
    scene = Scene()
    scene.database.add(ITEM)
    scene.database.fails(call, when, times=3)

    with scene.working():
        scene.engine.dispatch(ITEM).join(30)
        assert wait_for(lambda: scene.database.reconciled)

    assert scene.result()["completion"]["outcome"] == "completed"
    assert len(scene.runner.runs) == 1
    assert scene.database.refused == []


@pytest.mark.parametrize("error", [FleetDenied, FleetOutdated])
def test_a_result_is_kept_while_the_database_refuses_the_worker(error: type[FleetError]) -> None:
    """A password that is replaced, a changed pg_hba.conf, or a schema of another version."""
    scene = Scene()
    scene.database.add(ITEM)
    scene.database.fails("deliver", "before", 3, lambda: error("no", suggested_action="wait"))

    with scene.working():
        scene.engine.dispatch(ITEM).join(30)

    assert scene.result()["completion"]["outcome"] == "completed"
    assert len(scene.runner.runs) == 1


def test_the_engine_is_launched_again_until_the_database_answers() -> None:
    scene = Scene()
    scene.engine.launch_fails = 3

    with scene.working():
        pass

    assert scene.calls.count("launch") == 4


@pytest.mark.parametrize("verdict", [each for each in OpenVerdict if each is not OpenVerdict.OPEN])
def test_a_held_name_is_refused_before_anything_is_launched(verdict: OpenVerdict) -> None:
    scene = Scene()
    scene.database.open_verdict = verdict

    with pytest.raises(UsageError) as refused:
        scene.worker.work()

    assert refused.value.code == "fleet_host_held"
    assert scene.calls == ["open"]


def test_a_session_that_may_still_live_is_awaited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("millracer.worker.worker._REOPEN_SECONDS", 0.001)
    scene = Scene(settings={"holder_seconds": 17.0})
    scene.database.open_verdict = OpenVerdict.HELD
    scene.thread.start()
    assert wait_for(lambda: scene.calls.count("open") > 2)

    scene.database.open_verdict = OpenVerdict.OPEN

    assert scene.engine.launched.wait(30)
    scene.worker.stop()
    scene.thread.join(30)
    assert scene.end is WorkerEnd.FINISHED


@pytest.mark.parametrize("verdict", [RegisterVerdict.OTHER_HOST, RegisterVerdict.OTHER_CHECKOUT])
def test_a_held_workspace_is_refused_before_anything_is_launched(verdict: RegisterVerdict) -> None:
    scene = Scene()
    scene.database.register_verdict = verdict

    with pytest.raises(UsageError) as refused:
        scene.worker.work()

    assert refused.value.code == "fleet_workspace_held"
    assert "launch" not in scene.calls


def test_another_workspace_is_left_to_its_host() -> None:
    scene = Scene()
    scene.database.add(ITEM)

    with scene.working():
        scene.engine.dispatch(ITEM, "other").join(30)

    assert "take" not in scene.calls
    assert scene.engine.words == {ITEM: "not of this host"}


def test_of_two_dispatches_of_one_item_one_runs() -> None:
    """The engine may execute an item twice at once; the checkout's lock keeps them apart."""
    scene = Scene()
    scene.database.add(ITEM)
    superseded: list[bool] = []

    def run_while_the_other_waits(*_: Any) -> dict[str, Any]:
        waiting = scene.engine.dispatch(ITEM)
        waiting.join(0.2)
        superseded.append(scene.calls.count("take") > 1)
        return document("succeeded", "completed")

    scene.runner.plays = [run_while_the_other_waits]
    with scene.working():
        scene.engine.dispatch(ITEM).join(30)
        assert wait_for(lambda: scene.calls.count("take") == 2)

    assert superseded == [False]
    assert len(scene.runner.runs) == 1
    assert scene.calls.count("take") == 2
    scene.result()


def test_a_moved_identity_is_not_taken() -> None:
    scene = Scene()
    scene.database.add(ITEM)
    scene.checkout.current = "of a copy"

    with scene.working():
        scene.engine.dispatch(ITEM).join(30)

    assert scene.engine.words == {ITEM: "superseded"}
    assert scene.runner.runs == []


def test_an_item_that_the_engine_starts_too_early_is_not_run() -> None:
    scene = Scene()
    scene.database.add(ITEM)
    scene.database.held.add(ITEM)

    with scene.working():
        scene.engine.dispatch(ITEM).join(30)

    assert scene.engine.words == {ITEM: "held"}
    assert scene.runner.runs == []


def test_a_superseded_worker_stops_its_runs_and_fails() -> None:
    scene = Scene()
    scene.database.add(ITEM)
    scene.runner.plays = [scene.runner.until_cancelled]

    with scene.working():
        scene.engine.dispatch(ITEM)
        assert scene.runner.started.wait(30)
        scene.database.holder = "another"
        scene.thread.join(30)

    assert isinstance(scene.error, MillracerError)
    assert scene.error.code == "fleet_superseded"
    assert wait_for(lambda: scene.engine.kept == [ITEM])
    assert scene.database.ended == {}
    assert scene.database.refused == []


def test_the_result_of_a_superseded_worker_is_offered_and_refused() -> None:
    scene = Scene()
    scene.database.add(ITEM)
    go = threading.Event()

    def finish_late(*_: Any) -> dict[str, Any]:
        go.wait(30)
        return document("succeeded", "completed")

    scene.runner.plays = [finish_late]
    with scene.working():
        scene.engine.dispatch(ITEM)
        assert scene.runner.started.wait(30)
        scene.database.holder = "another"
        assert wait_for(lambda: any("at once" in line for line in scene.said))
        go.set()
        scene.thread.join(30)

    (refused,) = scene.database.refused
    assert refused["fleet"]["epoch"] == 1
    assert scene.database.ended == {}


def test_a_stopped_worker_finishes_what_runs_and_takes_nothing_new() -> None:
    scene = Scene()
    scene.database.add(ITEM)
    scene.database.add("item-2")
    go = threading.Event()

    def finish_late(*_: Any) -> dict[str, Any]:
        go.wait(30)
        return document("succeeded", "completed")

    scene.runner.plays = [finish_late]
    with scene.working():
        scene.engine.dispatch(ITEM)
        assert scene.runner.started.wait(30)
        waiting = scene.engine.dispatch("item-2")  # for the lock
        scene.worker.stop()
        waiting.join(30)
        scene.engine.dispatch("item-3").join(30)
        assert scene.thread.is_alive()
        go.set()

    assert scene.result()["completion"]["outcome"] == "completed"
    assert sorted(scene.engine.kept) == ["item-2", "item-3"]
    assert scene.end is WorkerEnd.FINISHED
    assert scene.engine.is_stopped


def test_an_interrupted_worker_leaves_its_item_to_the_next_session() -> None:
    scene = Scene()
    scene.database.add(ITEM)
    scene.runner.plays = [scene.runner.until_cancelled]

    with scene.working():
        scene.engine.dispatch(ITEM)
        assert scene.runner.started.wait(30)
        scene.worker.interrupt()

    assert wait_for(lambda: scene.engine.kept == [ITEM])
    assert (scene.end, scene.database.ended) == (WorkerEnd.INTERRUPTED, {})
    assert "cancel" not in scene.calls


def test_an_interrupted_worker_gives_up_a_delivery_that_cannot_be_made() -> None:
    scene = Scene()
    scene.database.add(ITEM)
    scene.database.fails("deliver", "before", times=10**6)

    with scene.working():
        scene.engine.dispatch(ITEM)
        assert wait_for(lambda: "deliver" in scene.calls)
        scene.worker.interrupt()

    assert wait_for(lambda: scene.engine.kept == [ITEM])
    assert scene.end is WorkerEnd.INTERRUPTED


def test_a_worker_that_waits_for_the_database_can_be_stopped() -> None:
    scene = Scene()
    scene.database.fails("open", "before", times=10**6)
    scene.thread.start()
    assert wait_for(lambda: "open" in scene.calls)

    scene.worker.stop()
    scene.thread.join(30)

    assert scene.end is WorkerEnd.INTERRUPTED


def test_once_ends_after_one_item() -> None:
    scene = Scene(settings={"once": True})
    scene.database.add(ITEM)
    scene.database.add("item-2")

    with scene.working():
        scene.engine.dispatch(ITEM).join(30)
        scene.engine.dispatch("item-2").join(30)
        scene.thread.join(30)

    assert scene.engine.kept == ["item-2"]
    assert scene.end is WorkerEnd.FINISHED


def test_a_worker_ends_after_a_time_without_items() -> None:
    scene = Scene(settings={"idle_seconds": 0.05})

    scene.thread.start()
    scene.thread.join(30)

    assert scene.end is WorkerEnd.FINISHED


class TestSchedules:
    CONTEXT: ClassVar[dict[str, Any]] = {
        "name": "nightly",
        "workspace": "shop",
        "request": {
            "schema_version": "millracer.ops.v0.3",
            "request_id": "r",
            "action": "enqueue",
            "workspace_ref": {},
            "source": {"kind": "fleet"},
            "input": {"text": "Tidy up"},
        },
    }

    def test_a_tick_is_submitted_once_also_if_the_answer_is_lost(self) -> None:
        scene = Scene()
        scene.database.fails("submit", "after", times=2)

        with scene.working():
            scene.engine.tick("2026-05-01T02:00:00+00:00", self.CONTEXT)

        (item,) = scene.database.items.values()
        request = item["submission"].request
        assert request["idempotency_key"] == "nightly@2026-05-01T02:00:00+00:00"
        assert item["submission"].workspace_id == "shop"

    def test_a_schedule_that_cannot_be_used_is_reported(self) -> None:
        scene = Scene()

        with scene.working():
            scene.engine.tick("2026-05-01T02:00:00+00:00", {"name": "nightly"})

        assert scene.database.items == {}
        assert any("schedule" in line for line in scene.said)


class TestCancel:
    def test_a_wish_at_the_first_take_touches_nothing(self) -> None:
        scene = Scene()
        scene.database.add(ITEM)
        scene.database.wishes.add(ITEM)

        with scene.working():
            scene.engine.dispatch(ITEM).join(30)

        assert scene.result()["completion"]["outcome"] == "cancelled"
        assert (scene.runner.runs, scene.runner.cancelled) == ([], [])

    def test_a_running_item_is_stopped_and_taken_out_of_millrace(self) -> None:
        scene = Scene()
        scene.database.add(ITEM)
        scene.runner.plays = [scene.runner.until_cancelled]

        with scene.working():
            thread = scene.engine.dispatch(ITEM)
            assert scene.runner.started.wait(30)
            scene.database.wishes.add(ITEM)
            thread.join(30)

        assert scene.result()["status"] == "cancelled"
        assert scene.result()["completion"]["outcome"] == "cancelled"
        assert scene.runner.cancelled == [ITEM]

    def test_after_an_interruption_the_run_takes_the_item_over_first(self) -> None:
        scene = Scene()
        scene.database.add(ITEM, attempts=1)
        scene.database.wishes.add(ITEM)
        scene.runner.plays = [scene.runner.until_cancelled]

        with scene.working():
            scene.engine.dispatch(ITEM).join(30)

        assert own(scene.calls)[3:] == [
            *("lock", "take", "lease", "run", "cancel", "deliver", "no lease", "unlock"),
        ]
        assert scene.result()["completion"]["outcome"] == "cancelled"

    def test_a_completed_item_stays_completed(self) -> None:
        scene = Scene()
        scene.database.add(ITEM, attempts=1)
        scene.database.wishes.add(ITEM)

        with scene.working():
            scene.engine.dispatch(ITEM).join(30)

        assert scene.result()["completion"]["outcome"] == "completed"
        assert scene.runner.cancelled == []

    def test_what_ended_during_its_cancellation_is_judged_again(self) -> None:
        scene = Scene()
        scene.database.add(ITEM)
        scene.runner.plays = [scene.runner.until_cancelled]
        scene.runner.effects = [CancelEffect.TOO_LATE]

        with scene.working():
            thread = scene.engine.dispatch(ITEM)
            assert scene.runner.started.wait(30)
            scene.database.wishes.add(ITEM)
            thread.join(30)

        assert scene.result()["completion"]["outcome"] == "completed"
        assert len(scene.runner.runs) == 2

    def test_an_item_that_was_blocked_is_cancelled(self) -> None:
        scene = Scene()
        scene.database.add(ITEM, attempts=1)
        scene.database.wishes.add(ITEM)
        scene.runner.plays = [scene.runner.blocked]

        with scene.working():
            scene.engine.dispatch(ITEM).join(30)

        assert scene.result()["completion"]["outcome"] == "cancelled"

    def test_what_millrace_does_not_confirm_is_reported(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("millracer.worker.dispatches._CANCEL_SECONDS", 0.001)
        scene = Scene()
        scene.database.add(ITEM, attempts=1)
        scene.database.wishes.add(ITEM)
        scene.runner.plays = [scene.runner.until_cancelled]
        scene.runner.effects = [CancelEffect.OPEN] * 100

        with scene.working():
            scene.engine.dispatch(ITEM).join(30)

        (warning,) = scene.result()["warnings"]
        assert warning["code"] == "fleet_cancel_unconfirmed"


class TestProof:
    def test_an_older_proof_is_read_again(self) -> None:
        scene = Scene()
        scene.database.add(ITEM)
        scene.runner.plays = [lambda *_: document("succeeded", "completed", at=earlier())]

        with scene.working():
            scene.engine.dispatch(ITEM).join(30)

        assert len(scene.runner.runs) == 2
        assert scene.result()["completion"]["scoped_completion"] is True

    def test_a_proof_that_stays_older_completes_nothing(self) -> None:
        scene = Scene()
        scene.database.add(ITEM)
        scene.runner.plays = [lambda *_: document("succeeded", "completed", at=earlier())] * 2

        with scene.working():
            scene.engine.dispatch(ITEM).join(30)

        assert scene.result()["completion"]["scoped_completion"] is False
        assert [error["code"] for error in scene.result()["errors"]] == ["fleet_proof_outdated"]

    def test_a_proof_about_another_item_completes_nothing(self) -> None:
        scene = Scene()
        scene.database.add(ITEM)
        scene.runner.plays = [lambda *_: document("succeeded", "completed", item="another")]

        with scene.working():
            scene.engine.dispatch(ITEM).join(30)

        assert scene.result()["completion"]["scoped_completion"] is False
        assert [error["code"] for error in scene.result()["errors"]] == ["fleet_item_differs"]

    def test_a_bug_ends_the_item_as_failed(self) -> None:
        scene = Scene()
        scene.database.add(ITEM)

        def fail(*_: Any) -> dict[str, Any]:
            raise RuntimeError("a bug")

        scene.runner.plays = [fail]
        with scene.working():
            scene.engine.dispatch(ITEM).join(30)

        assert scene.result()["completion"]["outcome"] == "failed"
        assert [error["code"] for error in scene.result()["errors"]] == ["internal_error"]


class TestHeartbeat:
    def test_progress_follows_the_stages(self) -> None:
        scene = Scene()
        scene.database.add(ITEM)

        def in_stages(_cancellation: Any, on_event: Any) -> dict[str, Any]:
            for number, name in enumerate(("builder", "checker"), 3):
                on_event(stage(name), number)
                assert wait_for(
                    lambda name=name: (
                        scene.database.progress[-1:] and scene.database.progress[-1][1] == name
                    )
                )
            return document("succeeded", "completed")

        scene.runner.plays = [in_stages]
        with scene.working():
            scene.engine.dispatch(ITEM).join(30)

        assert scene.database.progress[-2:] == [
            (ITEM, "builder", "builder began", 3),
            (ITEM, "checker", "checker began", 4),
        ]

    def test_progress_has_no_secrets(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SHOP_API_KEY", "not-for-others-4711")
        scene = Scene()
        scene.database.add(ITEM)

        def report(_cancellation: Any, on_event: Any) -> dict[str, Any]:
            on_event(stage("not-for-others-4711"), 3)
            assert wait_for(lambda: scene.database.progress)
            return document("succeeded", "completed")

        scene.runner.plays = [report]
        with scene.working():
            scene.engine.dispatch(ITEM).join(30)

        assert "4711" not in scene.database.progress[-1][2]

    def test_a_refused_login_is_reported_once_and_without_a_traceback(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        scene = Scene()

        with scene.working():
            scene.database.fails("beat", "before", 3, denied)
            before = scene.calls.count("beat")
            assert wait_for(lambda: scene.calls.count("beat") >= before + 4)

        assert len([line for line in scene.said if "refused the login" in line]) == 1
        assert [each for each in caplog.records if each.exc_info] == []

    def test_progress_is_repeated(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(heartbeat, "PROGRESS_SECONDS", 0.001)
        scene = Scene()
        scene.database.add(ITEM)
        scene.runner.plays = [
            lambda *_: (
                wait_for(lambda: len(scene.database.progress) > 2)
                and document("succeeded", "completed")
            )
        ]

        with scene.working():
            scene.engine.dispatch(ITEM).join(30)

        assert scene.result()

    def test_a_drain_takes_the_slots_away_and_its_end_gives_them_back(self) -> None:
        scene = Scene()
        scene.database.draining = True

        with scene.working():
            scene.database.draining = False
            assert wait_for(lambda: len(scene.engine.slots) == 2)
            scene.database.draining = True
            assert wait_for(lambda: len(scene.engine.slots) == 3)

        assert scene.engine.slots == [0, 2, 0]

    def test_reconcile_leaves_out_what_runs(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(heartbeat, "RECONCILE_SECONDS", 0.001)
        scene = Scene()
        scene.database.add(ITEM)
        scene.runner.plays = [
            lambda *_: (
                wait_for(lambda: (ITEM,) in scene.database.reconciled)
                and document("succeeded", "completed")
            )
        ]

        with scene.working():
            scene.engine.dispatch(ITEM).join(30)

        assert scene.result()

    def test_labels_bind_items_unless_the_host_drains(self) -> None:
        scene = Scene(settings={"labels": {"shop": ("python",)}})
        scene.database.labelled = ["item-9"]

        with scene.working():
            assert wait_for(lambda: scene.database.labelled == [])

        assert any("item-9" in line for line in scene.said)
