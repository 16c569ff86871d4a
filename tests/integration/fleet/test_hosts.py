"""Workers as processes on a real PostgreSQL: what they take, refuse and leave."""

from __future__ import annotations

import signal

import pytest

from millracer.domain.fleet.items import (
    CancelVerdict,
    FleetItemState,
    FleetSchedule,
    FleetSubmission,
    WaitReason,
)
from tests.support.fleet_hosts import Fleet, wait_until


def test_items_of_a_workspace_run_one_after_another_and_of_two_side_by_side(fleet: Fleet) -> None:
    host = fleet.host("ci-1", "shop", "api").start().ready()
    for number in range(3):
        fleet.submit(f"shop-{number}", "shop", seconds=0.2)
        fleet.submit(f"api-{number}", "api", seconds=0.2)

    names = [f"{name}-{number}" for name in ("shop", "api") for number in range(3)]
    wait_until(lambda: fleet.ended(*names), "all end")

    assert all(fleet.item(name).completed for name in names)
    assert fleet.overlaps() == []
    assert len(fleet.events("started")) == 6
    assert host.stop() == 0


def test_a_result_has_the_lease_it_was_made_under(fleet: Fleet) -> None:
    fleet.host("ci-1", "shop").start().ready()
    fleet.submit("one")
    wait_until(lambda: fleet.ended("one"), "it ends")

    detail = fleet.detail("one")

    assert detail.result is not None
    block = detail.result["fleet"]
    assert (block["epoch"], block["attempt"], block["dispatch"]) == (detail.item.epoch, 1, 1)
    assert (block["host"], block["workspace"]) == ("ci-1", "shop")
    assert block["engine"].startswith("dbos 3.4.")


def test_a_killed_host_continues_its_item_before_anything_else(fleet: Fleet) -> None:
    host = fleet.host("ci-1", "shop").start().ready()
    fleet.submit("first", seconds=30)
    wait_until(lambda: fleet.is_started("first"), "it starts")
    fleet.submit("better", seconds=0.1)
    fleet.sql("update dbos.workflow_status set priority = 2 where workflow_uuid = 'better~1'")
    (host.roots["shop"] / ".millracer/fleet/played-first").touch()  # Millrace worked on meanwhile

    host.kill()
    host.start().ready(2)
    wait_until(lambda: fleet.ended("first", "better"), "both end")

    assert (fleet.item("first").attempts, fleet.item("first").completed) == (2, True)
    starts = [event["item"] for event in fleet.events("started")]
    assert starts == ["first", "first", "better"]
    assert host.stop() == 0


def test_sigterm_finishes_what_runs_and_takes_nothing_new(fleet: Fleet) -> None:
    host = fleet.host("ci-1", "shop", "api").start().ready()
    fleet.submit("runs", seconds=1.5)
    wait_until(lambda: fleet.is_started("runs"), "it starts")

    host.send(signal.SIGTERM)
    wait_until(lambda: "nothing new" in host.printed, "it stops")
    fleet.submit("waits", "api")

    assert host.wait() == 0
    assert fleet.item("runs").completed
    assert fleet.item("waits").state is FleetItemState.QUEUED
    assert fleet.item("waits").attempts == 0


@pytest.mark.parametrize(
    "signals",
    [(signal.SIGINT,), pytest.param((signal.SIGTERM, signal.SIGTERM), marks=pytest.mark.slow)],
)
def test_an_interrupted_run_is_continued_by_the_next_worker(
    fleet: Fleet, signals: tuple[signal.Signals, ...]
) -> None:
    host = fleet.host("ci-1", "shop").start().ready()
    fleet.submit("one", seconds=20)
    wait_until(lambda: fleet.is_started("one"), "it starts")

    for number, sent in enumerate(signals):
        host.send(sent)
        if number == 0 and len(signals) > 1:
            wait_until(lambda: "nothing new" in host.printed, "it stops")
    code = host.wait()

    assert code == 0
    assert not fleet.ended("one")
    (host.roots["shop"] / ".millracer/fleet/played-one").touch()
    host.start()
    wait_until(lambda: fleet.ended("one"), "it ends")
    assert (fleet.item("one").attempts, fleet.item("one").completed) == (2, True)


def test_a_second_worker_on_the_machine_is_refused(fleet: Fleet) -> None:
    host = fleet.host("ci-1", "shop").start().ready()
    fleet.submit("one", seconds=2)
    wait_until(lambda: fleet.is_started("one"), "it starts")
    second = fleet.host("second", "api", role="host_ci-1")
    second.home = host.home

    code = second.start(host="ci-1").wait()

    assert code == 2
    assert "runs on this machine already" in second.printed
    wait_until(lambda: fleet.ended("one"), "it ends")
    assert fleet.item("one").attempts == 1


def test_a_worker_on_another_machine_is_refused(fleet: Fleet) -> None:
    fleet.host("ci-1", "shop").start().ready()
    fleet.submit("one", seconds=2)
    wait_until(lambda: fleet.is_started("one"), "it starts")
    other = fleet.host("other", "api", role="host_ci-1")

    code = other.start(host="ci-1").wait()

    assert code == 2
    assert "runs on another machine" in other.printed
    wait_until(lambda: fleet.ended("one"), "it ends")
    assert fleet.item("one").attempts == 1


def test_the_same_workspace_of_another_checkout_or_host_is_refused(fleet: Fleet) -> None:
    first = fleet.host("ci-1", "shop").start().ready()
    other_host = fleet.host("ci-2", "shop")

    assert other_host.start().wait() == 2
    assert "belongs to another host" in other_host.printed
    assert first.stop() == 0
    first.roots["shop"].rename(first.home / "former")
    first.roots["shop"].mkdir()
    assert first.start().wait() == 2
    assert "is not the checkout" in first.printed


@pytest.mark.slow
def test_a_moved_checkout_is_the_same_workspace(fleet: Fleet) -> None:
    host = fleet.host("ci-1", "shop").start().ready()
    assert host.stop() == 0
    moved = host.home / "moved"
    host.roots["shop"].rename(moved)
    host.roots["shop"] = moved

    host.start().ready(2)
    fleet.submit("one")
    wait_until(lambda: fleet.ended("one"), "it ends")

    assert {event["root"] for event in fleet.events("started")} == {str(moved)}


def test_a_drained_host_starts_nothing_also_after_its_restart(fleet: Fleet) -> None:
    host = fleet.host("ci-1", "shop").start().ready()
    fleet.store.drain("ci-1", draining=True, note="for a test")
    wait_until(lambda: "draining" in host.printed, "it drains")
    assert host.stop() == 0
    host.start().ready(2)
    fleet.submit("one")
    beaten(fleet, times=2)

    assert (fleet.item("one").attempts, fleet.item("one").reason) == (0, WaitReason.HOST_DRAINS)
    fleet.store.drain("ci-1", draining=False)
    wait_until(lambda: fleet.ended("one"), "it ends")
    wait_until(lambda: "the drain has ended" in host.printed, "it reports the end of the drain")


def beaten(fleet: Fleet, times: int) -> None:
    """Wait for some heartbeats of the host."""
    for _ in range(times):
        (former,) = fleet.store.list_hosts()
        wait_until(lambda former=former: fleet.store.list_hosts()[0] != former, "a heartbeat")


def test_a_label_is_bound_to_a_free_workspace(fleet: Fleet) -> None:
    fleet.host("ci-1", "shop", "api", labels=["python"]).start().ready()
    for number in range(4):
        name = f"item-{number}"
        request = {"request_id": name, "idempotency_key": name, "play": {"seconds": 0.3}}
        fleet.store.submit(
            FleetSubmission(item_id=name, request_hash="h", label="python", request=request)
        )

    wait_until(lambda: fleet.ended(*(f"item-{number}" for number in range(4))), "all end")

    assert {fleet.item(f"item-{number}").workspace_id for number in range(4)} == {"shop", "api"}
    assert fleet.overlaps() == []


def test_progress_reaches_the_database(fleet: Fleet) -> None:
    fleet.host("ci-1", "shop").start().ready()
    fleet.submit("one", seconds=3)

    wait_until(lambda: fleet.item("one").progress is not None, "progress")
    wait_until(lambda: fleet.item("one").progress.stage == "builder", "the stage")

    assert fleet.item("one").progress.message == "builder began"


def test_a_worker_refuses_an_older_schema_of_the_engine(fleet: Fleet) -> None:
    fleet.sql("update dbos.dbos_migrations set version = version - 1")
    host = fleet.host("ci-1", "shop").start()

    assert host.wait() == 8
    assert "millracer fleet up" in host.printed


class TestCancel:
    def test_a_queued_item_ends_at_once(self, fleet: Fleet) -> None:
        fleet.host("ci-1", "shop").start().ready()
        fleet.submit("first", seconds=1)
        fleet.submit("second")
        wait_until(lambda: fleet.is_started("first"), "it starts")

        assert fleet.store.cancel("second", "") is CancelVerdict.CANCELLED

        wait_until(lambda: fleet.ended("first"), "the first ends")
        assert not fleet.is_started("second")

    def test_a_running_item_is_cancelled_on_its_host(self, fleet: Fleet) -> None:
        fleet.host("ci-1", "shop").start().ready()
        fleet.submit("one", seconds=30)
        wait_until(lambda: fleet.is_started("one"), "it starts")

        assert fleet.store.cancel("one", "") is CancelVerdict.REQUESTED

        wait_until(lambda: fleet.ended("one"), "it ends")
        assert fleet.item("one").outcome == "cancelled"
        assert len(fleet.events("cancelled", "one")) == 1

    def test_an_item_of_a_dead_host_is_cancelled_when_it_is_back(self, fleet: Fleet) -> None:
        host = fleet.host("ci-1", "shop").start().ready()
        fleet.submit("one", seconds=30)
        wait_until(lambda: fleet.is_started("one"), "it starts")
        host.kill()

        assert fleet.store.cancel("one", "") is CancelVerdict.REQUESTED
        host.start()

        wait_until(lambda: fleet.ended("one"), "it ends")
        assert fleet.item("one").outcome == "cancelled"
        assert len(fleet.events("cancelled", "one")) == 1

    def test_of_claim_and_cancel_one_wins(self, fleet: Fleet) -> None:
        fleet.host("ci-1", *(f"w{number}" for number in range(8)), slots=8).start().ready()
        verdicts = {}
        for number in range(24):
            name = f"item-{number}"
            fleet.submit(name, f"w{number % 8}", seconds=0.3)
            for _ in range(number % 4):  # so that some are claimed, and others are not
                fleet.item(name)
            verdicts[name] = fleet.store.cancel(name, "")

        wait_until(lambda: fleet.ended(*verdicts), "all end")

        for name, verdict in verdicts.items():
            item = fleet.item(name)
            if verdict is CancelVerdict.CANCELLED:
                assert item.outcome == "cancelled"
                assert not fleet.is_started(name)
            else:
                assert item.outcome in {"cancelled", "completed"}


@pytest.mark.slow
def test_a_schedule_submits_each_tick_once(fleet: Fleet) -> None:
    for number in (1, 2):
        fleet.host(f"ci-{number}", f"shop-{number}").start().ready()
    request = {
        "schema_version": "millracer.ops.v0.3",
        "request_id": "r",
        "action": "enqueue",
        "workspace_ref": {},
        "source": {"kind": "fleet"},
        "input": {"text": "Tidy up"},
    }
    schedule = FleetSchedule(
        name="often", workspace_id="shop-1", cron="*/2 * * * * *", request=request
    )
    fleet.store.put_schedule(schedule)

    wait_until(lambda: len(fleet.events("finished")) >= 2, "two ticks")
    fleet.store.remove_schedule("often")

    completed = "select count(*) as n from fleet.items where completed"
    wait_until(lambda: fleet.sql(completed)[0]["n"] >= 2, "they are completed")
    keys = [each["item"] for each in fleet.events("finished")]
    assert len(set(keys)) == len(keys)
    assert all(key.startswith("often@") for key in keys)
