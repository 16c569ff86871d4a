"""What must hold when hosts, the database and the network fail; see docs/fleet.md."""

from __future__ import annotations

import base64
import pickle
import signal
from pathlib import Path

import pytest

from millracer.domain.fleet.items import FleetItemState
from tests.support.fleet_hosts import Fleet, Host, wait_until
from tests.support.tcp_proxy import TcpProxy, Traffic


def copy_identity(source: Host, target: Host, workspace: str = "shop") -> None:
    """Make the second host a clone of the first one, with its identity file."""
    folder = Path(".millracer/fleet")
    (target.roots[workspace] / folder).mkdir(parents=True)
    # The clone of a machine has its checkouts at the same paths; here they differ.
    text = (source.roots[workspace] / folder / "identity").read_text()
    changed = text.replace(str(source.home), str(target.home))
    (target.roots[workspace] / folder / "identity").write_text(changed)


def test_results_are_delivered_after_the_database_was_away(crash_fleet: Fleet) -> None:
    fleet = crash_fleet
    host = fleet.host("ci-1", "shop", "api").start().ready()
    fleet.submit("one", "shop", seconds=1)
    fleet.submit("two", "api", seconds=1)
    wait_until(lambda: fleet.is_started("one") and fleet.is_started("two"), "they start")

    fleet.server.stop()
    wait_until(lambda: len(fleet.events("finished")) == 2, "they end")
    wait_until(lambda: "cannot be reached" in host.printed, "it reports the database")
    fleet.server.start()

    wait_until(lambda: fleet.ended("one", "two"), "they are delivered")
    assert [fleet.item(name).attempts for name in ("one", "two")] == [1, 1]
    fleet.submit("three")
    wait_until(lambda: fleet.ended("three"), "the engine works again")


def test_a_host_that_dies_while_the_database_is_away_judges_again(crash_fleet: Fleet) -> None:
    fleet = crash_fleet
    host = fleet.host("ci-1", "shop").start().ready()
    fleet.submit("one", seconds=0.5)
    wait_until(lambda: fleet.is_started("one"), "it starts")
    fleet.server.stop()
    wait_until(lambda: fleet.events("finished"), "it ends")
    host.kill()
    host.start()
    wait_until(lambda: "cannot be reached" in host.printed.rpartition("ready")[2], "it waits")
    fleet.server.start()

    wait_until(lambda: fleet.ended("one"), "it ends")

    assert (fleet.item("one").attempts, fleet.item("one").completed) == (2, True)


def test_a_partition_that_closes_connections(fleet: Fleet) -> None:
    with TcpProxy(fleet.server.port) as proxy:
        host = fleet.host("ci-1", "shop", port=proxy.port).start().ready()
        fleet.submit("one", seconds=1)
        wait_until(lambda: fleet.is_started("one"), "it starts")
        proxy.set(Traffic.CUT)
        wait_until(lambda: fleet.events("finished"), "it ends in the dark")
        wait_until(lambda: "cannot be reached" in host.printed, "it reports the database")
        proxy.set(Traffic.PASS)

        wait_until(lambda: fleet.ended("one"), "it is delivered")

        assert fleet.item("one").attempts == 1
        host.kill()


def test_a_partition_that_swallows_everything(fleet: Fleet) -> None:
    with TcpProxy(fleet.server.port) as proxy:
        host = fleet.host("ci-1", "shop", port=proxy.port).start().ready()
        fleet.submit("one", seconds=1)
        wait_until(lambda: fleet.is_started("one"), "it starts")
        proxy.set(Traffic.STALL)
        wait_until(lambda: fleet.events("finished"), "it ends in the dark")
        fleet.fall_silent("ci-1")
        assert fleet.item("one").host_away
        proxy.set(Traffic.PASS)

        wait_until(lambda: fleet.ended("one"), "it is delivered")

        assert fleet.item("one").attempts == 1
        host.kill()


def test_the_result_of_a_superseded_host_is_refused_and_kept(fleet: Fleet) -> None:
    """A clone takes the name of a host over that is cut off, and runs the item as epoch 2."""
    with TcpProxy(fleet.server.port) as proxy:
        first = fleet.host("ci-1", "shop", port=proxy.port).start().ready()
        fleet.submit("one", seconds=1)
        wait_until(lambda: fleet.is_started("one"), "it starts")
        proxy.set(Traffic.CUT)
        clone = fleet.host("clone", "shop", role="host_ci-1", take_over=True)
        copy_identity(first, clone)
        fleet.fall_silent("ci-1")
        clone.start(host="ci-1")
        wait_until(lambda: fleet.ended("one"), "the clone ends it")

        proxy.set(Traffic.PASS)

        assert first.wait() == 8
        assert "took over the name" in first.printed
        item = fleet.detail("one")
        assert (item.item.epoch, item.item.completed) == (2, True)
        assert item.result is not None
        assert item.result["fleet"]["epoch"] == 2
        assert [refused.epoch for refused in item.refused] == [1]
        clone.kill()


def test_the_fence_alone_refuses_a_late_result(fleet: Fleet) -> None:
    """Without any heartbeat: the lease that the zombie holds is older than the present one."""
    host = fleet.host("ci-1", "shop").start().ready()
    fleet.submit("one", seconds=2)
    wait_until(lambda: fleet.is_started("one"), "it starts")

    fleet.sql("update fleet.workspaces set epoch = epoch + 1")

    wait_until(lambda: fleet.detail("one").refused, "the result is refused")
    assert fleet.detail("one").refused[0].epoch == 1
    assert fleet.item("one").state is not FleetItemState.ENDED
    host.kill()


@pytest.mark.parametrize(
    ("at_take", "later"),
    [
        (3600, 0),
        pytest.param(0, 3600, marks=pytest.mark.slow),
        pytest.param(0, -3600, marks=pytest.mark.slow),
    ],
)
def test_a_clock_that_jumps_by_an_hour_during_a_run_changes_nothing(
    fleet: Fleet, at_take: int, later: int
) -> None:
    clock = fleet.folder / "clock"
    clock.write_text(str(at_take))
    fleet.host("ci-1", "shop", clock=str(clock)).start().ready()
    fleet.submit("one", seconds=1)
    wait_until(lambda: fleet.is_started("one"), "it starts")

    clock.write_text(str(later))

    wait_until(lambda: fleet.ended("one"), "it ends")
    assert (fleet.item("one").attempts, fleet.item("one").completed) == (1, True)
    assert not fleet.item("one").host_away


def test_a_full_disk_of_the_host_ends_no_item(fleet: Fleet) -> None:
    """Its checkout cannot be locked; the item waits until it can."""
    host = fleet.host("ci-1", "shop", reconcile_seconds=1).start().ready()
    folder = host.roots["shop"] / ".millracer/fleet"
    folder.rename(folder.with_name("away"))
    folder.touch()  # no folder can be there: as with a full disk, nothing can be written
    fleet.submit("one")

    wait_until(lambda: "not started, and tried again" in host.printed, "it is tried")

    assert (fleet.item("one").attempts, fleet.ended("one")) == (0, False)
    folder.unlink()
    folder.with_name("away").rename(folder)
    wait_until(lambda: fleet.ended("one"), "it ends")
    assert fleet.item("one").completed


def test_without_take_over_a_silent_name_is_left_to_its_machine(fleet: Fleet) -> None:
    host = fleet.host("ci-1", "shop").start().ready()
    host.kill()
    fleet.fall_silent("ci-1")
    other = fleet.host("other", "api", role="host_ci-1")

    assert other.start(host="ci-1").wait() == 2

    assert "--take-over" in other.printed


def test_what_was_cancelled_in_the_engine_ends_truthfully(fleet: Fleet) -> None:
    """`dbos workflow cancel` opens the workspace at once; the checkout's lock stays closed."""
    fleet.host("ci-1", "shop", reconcile_seconds=1).start().ready()
    fleet.submit("one", seconds=2)
    wait_until(lambda: fleet.is_started("one"), "it starts")
    fleet.submit("two", seconds=0.1)

    fleet.sql("update dbos.workflow_status set status = 'CANCELLED' where workflow_uuid = 'one~1'")

    wait_until(lambda: fleet.ended("one", "two"), "both end")
    assert fleet.item("one").completed
    assert fleet.item("one").attempts == 1
    assert fleet.overlaps() == []


@pytest.mark.slow
def test_what_was_cancelled_in_the_queue_of_the_engine_is_dispatched_again(fleet: Fleet) -> None:
    fleet.host("ci-1", "shop", reconcile_seconds=1).start().ready()
    fleet.submit("one", seconds=1)
    wait_until(lambda: fleet.is_started("one"), "it starts")
    fleet.submit("two", seconds=0.1)
    fleet.sql("update dbos.workflow_status set status = 'CANCELLED' where workflow_uuid = 'two~1'")

    wait_until(lambda: fleet.ended("two"), "it ends")

    assert (fleet.item("two").dispatch, fleet.item("two").completed) == (2, True)


def test_what_was_resumed_in_the_engine_never_runs_on_another_host(fleet: Fleet) -> None:
    """A resumed row goes to a queue of all hosts; the wrong one leaves it to its owner."""
    first = fleet.host("ci-1", "shop", reconcile_seconds=1).start().ready()
    fleet.submit("one", seconds=30)
    wait_until(lambda: fleet.is_started("one"), "it starts")
    first.kill()
    (first.roots["shop"] / ".millracer/fleet/played-one").touch()
    fleet.host("ci-2", "api", reconcile_seconds=1).start().ready()

    fleet.sql(
        "update dbos.workflow_status set status = 'ENQUEUED', recovery_attempts = 0, "
        "queue_name = '_dbos_internal_queue', queue_partition_key = null, completed_at = null, "
        "started_at_epoch_ms = null, executor_id = null where workflow_uuid = 'one~1'"
    )
    wait_until(lambda: _status(fleet, "one~1") == "SUCCESS", "the other host answers")
    assert not fleet.ended("one")
    first.start()

    wait_until(lambda: fleet.ended("one"), "its own host ends it")
    assert (fleet.item("one").dispatch, fleet.item("one").completed) == (2, True)
    assert {Path(event["root"]).parent.name for event in fleet.events("started")} == {"ci-1"}


@pytest.mark.slow
def test_a_claim_whose_answer_was_lost_is_dispatched_again(fleet: Fleet) -> None:
    """The engine has claimed it for this host, and no thread of the host performs it."""
    fleet.host("ci-1", "shop", reconcile_seconds=1).start().ready()
    fleet.submit("one", seconds=1.5)
    wait_until(lambda: fleet.is_started("one"), "it starts")
    fleet.submit("two", seconds=0.1)
    fleet.sql("update fleet.hosts set started_at = started_at - interval '1 minute'")
    fleet.sql(
        "update dbos.workflow_status set status = 'PENDING', executor_id = 'ci-1', "
        "started_at_epoch_ms = 1, updated_at = 1 where workflow_uuid = 'two~1'"
    )

    wait_until(lambda: fleet.ended("one", "two"), "both end")

    assert (fleet.item("two").dispatch, fleet.item("two").completed) == (2, True)
    assert fleet.item("one").dispatch == 1


def test_an_item_under_which_its_host_always_dies_is_set_aside(fleet: Fleet) -> None:
    host = fleet.host("ci-1", "shop", most_recoveries=2).start().ready()
    fleet.submit("poison", poison=99)
    wait_until(lambda: fleet.is_started("poison"), "it starts")
    fleet.submit("next")
    for _ in range(3):
        assert host.wait() == -signal.SIGKILL
        host.start()

    wait_until(lambda: fleet.ended("next"), "the next item ends")
    assert fleet.item("poison").state is FleetItemState.SET_ASIDE
    assert fleet.item("poison").attempts == 3


_STEPS = (
    *("open", "register", "identity", "beat", "launch", "take", "write_lease", "run"),
    *("report_progress", "deliver", "clear_lease", "reconcile"),
)
_QUICK = {("take", "after"), ("deliver", "before"), ("deliver", "after")}


@pytest.mark.parametrize(
    ("step", "when"),
    [
        pytest.param(step, when, marks=() if (step, when) in _QUICK else pytest.mark.slow)
        for step in _STEPS
        for when in ("before", "after")
    ],
)
def test_a_worker_that_dies_at_any_step_ends_its_item_once(
    fleet: Fleet, step: str, when: str
) -> None:
    mark = fleet.folder / "died"
    host = fleet.host("ci-1", "shop", reconcile_seconds=1)
    host.start(dies_at=[step, when, str(mark)])
    wait_until(lambda: fleet.store.list_workspaces() or mark.exists(), "it begins")
    if not fleet.store.list_workspaces():
        assert host.wait() == -signal.SIGKILL
        host.start().ready()
    fleet.submit("one", seconds=1.5)
    wait_until(lambda: mark.exists() or fleet.ended("one"), "it dies")
    if host.process is not None and mark.exists() and not fleet.ended("one"):
        host.kill()
        host.start()

    wait_until(lambda: fleet.ended("one"), "the item ends")

    assert mark.exists()
    assert fleet.item("one").completed
    assert fleet.detail("one").refused == ()
    assert [event["outcome"] for event in fleet.events("finished")][-1] == "completed"


class _Planted:
    """Writes a file as it is unpickled."""

    def __init__(self, path: str) -> None:
        self._path = path

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return (exec, (f"open({self._path!r}, 'w').close()",))


def test_a_planted_pickle_does_not_run(fleet: Fleet) -> None:
    fleet.host("ci-1", "shop", reconcile_seconds=1).start().ready()
    mark = fleet.folder / "unpickled"
    text = base64.b64encode(pickle.dumps(_Planted(str(mark)))).decode()
    fleet.submit("busy", seconds=1)
    wait_until(lambda: fleet.is_started("busy"), "it starts")
    fleet.submit("one")

    fleet.sql("update dbos.workflow_input set inputs = %s where workflow_uuid = 'one~1'", text)
    fleet.sql(
        "update dbos.workflow_status set serialization = 'py_pickle' where workflow_uuid = 'one~1'"
    )

    wait_until(
        lambda: mark.exists() or _status(fleet, "one~1") == "ERROR", "the engine reads the row"
    )
    assert not mark.exists()
    wait_until(lambda: fleet.ended("one"), "it is dispatched again")


def _status(fleet: Fleet, dispatch: str) -> str:
    statement = "select status from dbos.workflow_status where workflow_uuid = %s"
    return str(fleet.sql(statement, dispatch)[0]["status"])
