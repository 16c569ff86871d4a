"""Many at once on PostgreSQL: exactly one of them wins."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import TypeVar

import psycopg
import pytest

from millracer.domain.fleet.hosts import OpenVerdict, TakeVerdict
from millracer.domain.fleet.items import CancelVerdict, FleetItemState, ItemFilter, SubmitVerdict
from millracer.domain.fleet.setup import FleetPlace, FleetRole
from millracer.domain.fleet.waiting import DispatchStatus
from millracer.fleet.store import PostgresFleet
from millracer.fleet.urls import tuned_url
from tests.conformance.fleet.scenes import (
    HostAt,
    PostgresScene,
    identity_of,
    item_of,
    new_uuid,
    result_of,
    submission,
)
from tests.support.fake_daemon import wait_until
from tests.support.postgres import connected

_THREADS = 16
_Result = TypeVar("_Result")


def _at_once(place: FleetPlace, work: Callable[[PostgresFleet, int], _Result]) -> list[_Result]:
    """Do the work in many threads, each with a connection of its own, all at one moment."""
    barrier = threading.Barrier(_THREADS)

    def one(number: int) -> _Result:
        store = PostgresFleet(place)
        try:
            store.now()
            barrier.wait(timeout=30)
            return work(store, number)
        finally:
            store.close()

    with ThreadPoolExecutor(_THREADS) as threads:
        return list(threads.map(one, range(_THREADS)))


@pytest.fixture
def host(postgres: PostgresScene) -> HostAt:
    opened = HostAt(postgres, "a")
    opened.announce("shop", "gpu")
    return opened


def test_one_key_with_two_bodies_is_stored_once(postgres: PostgresScene, host: HostAt) -> None:
    answers = _at_once(
        postgres.place,
        lambda store, number: (
            store.submit(submission("one", request_hash=f"body-{number % 2}")).verdict
        ),
    )

    counted = Counter(answers)
    assert counted[SubmitVerdict.NEW] == 1
    assert counted[SubmitVerdict.KNOWN] == _THREADS // 2 - 1
    assert counted[SubmitVerdict.CONFLICT] == _THREADS // 2
    (item,) = postgres.as_owner().list_items(ItemFilter()).items
    assert item.dispatch == 1


def test_one_key_for_a_workspace_and_a_label_is_stored_once(
    postgres: PostgresScene, host: HostAt
) -> None:
    answers = _at_once(
        postgres.place,
        lambda store, number: (
            store.submit(
                submission("one", label="gpu") if number % 2 else submission("one")
            ).verdict
        ),
    )

    assert Counter(answers)[SubmitVerdict.NEW] == 1
    assert Counter(answers)[SubmitVerdict.CONFLICT] == _THREADS // 2


def test_one_of_many_sessions_opens_a_new_name(postgres: PostgresScene, host: HostAt) -> None:
    answers = _at_once(
        postgres.place,
        lambda store, _: store.open(host.session_of(host="new", session=new_uuid())),
    )

    assert Counter(answers) == {OpenVerdict.OPEN: 1, OpenVerdict.HELD: _THREADS - 1}


def test_each_of_many_takes_has_an_epoch_of_its_own(postgres: PostgresScene, host: HostAt) -> None:
    postgres.as_owner().submit(submission("one"))
    place = postgres.place_of("role-a", FleetRole.HOST)

    taken = _at_once(
        place,
        lambda store, _: store.take(host.session, "one", identity_of("shop")).lease,
    )

    epochs = sorted(lease.epoch for lease in taken if lease is not None)
    assert epochs == list(range(1, _THREADS + 1))
    delivered = [host.store.deliver(lease, result_of(lease)) for lease in taken if lease]
    assert Counter(delivered) == {True: 1, False: _THREADS - 1}
    found = postgres.as_owner().find_item("one")
    assert found is not None
    assert len(found.refused) == _THREADS - 1


@pytest.mark.parametrize("attempt", range(4))
def test_a_cancel_that_races_a_take_ends_in_one_of_both(
    postgres: PostgresScene, host: HostAt, attempt: int
) -> None:
    postgres.as_owner().submit(submission("one"))
    place = postgres.place_of("role-a", FleetRole.HOST)

    def work(store: PostgresFleet, number: int) -> object:
        if number % 2:
            return store.cancel("one", "")
        return store.take(host.session, "one", identity_of("shop")).verdict

    answers = Counter(_at_once(place, work))

    item = item_of(postgres.as_owner(), "one")
    if item.state is FleetItemState.ENDED:
        assert answers[CancelVerdict.CANCELLED] == 1
        assert answers[TakeVerdict.TAKEN] == 0
    else:
        assert answers[TakeVerdict.TAKEN] == answers[CancelVerdict.REQUESTED] == _THREADS // 2
        beat = host.store.beat("a", host.session)
        assert beat is not None
        assert tuple(beat.cancel_requested) == ("one",)


def _beside(
    place: FleetPlace,
    statement: str,
    values: tuple[object, ...],
    work: Callable[[], _Result],
) -> _Result:
    """Do the work while another transaction has done a statement and not committed it.

    The other one commits once the work waits for it, or has ended without.
    """
    with psycopg.connect(tuned_url(place)) as other, ThreadPoolExecutor(1) as thread:
        other.execute(statement.encode(), values)
        started = thread.submit(work)
        wait_until(lambda: started.done() or _is_waited_for(place))
        other.commit()
        return started.result(timeout=30)


def _is_waited_for(place: FleetPlace) -> bool:
    with connected(place) as connection:
        row = connection.execute("select count(*) from pg_locks where not granted").fetchone()
    return row is not None and row[0] != 0


def test_a_submission_beside_a_pause_does_not_start(postgres: PostgresScene, host: HostAt) -> None:
    answer = _beside(
        postgres.place,
        "select fleet.pause('shop', true, '', null)",
        (),
        lambda: postgres.as_owner().submit(submission("one")),
    )

    assert answer.verdict is SubmitVerdict.NEW
    assert postgres.claim_next("a") is None
    assert postgres.as_owner().pause("shop", paused=False)
    assert postgres.claim_next("a") == "one"


def test_a_submission_beside_the_end_of_its_workspace_is_refused(
    postgres: PostgresScene, host: HostAt
) -> None:
    answer = _beside(
        postgres.place,
        "select fleet.forget_workspace('shop')",
        (),
        lambda: postgres.as_owner().submit(submission("one")),
    )

    assert answer.verdict is SubmitVerdict.WORKSPACE_UNKNOWN
    assert postgres.as_owner().find_item("one") is None


def test_a_cancel_beside_a_take_is_a_wish(postgres: PostgresScene, host: HostAt) -> None:
    postgres.as_owner().submit(submission("one"))

    verdict = _beside(
        postgres.place_of("role-a", FleetRole.HOST),
        "select fleet.take(%s, 'one', %s)",
        (host.session, identity_of("shop")),
        lambda: postgres.as_submitter().cancel("one", ""),
    )

    assert verdict is CancelVerdict.REQUESTED
    assert item_of(postgres.as_owner(), "one").state is not FleetItemState.ENDED


def test_a_take_beside_a_cancel_finds_the_item_ended(postgres: PostgresScene, host: HostAt) -> None:
    postgres.as_owner().submit(submission("one"))

    taken = _beside(
        postgres.place,
        "select fleet.cancel('one', '')",
        (),
        lambda: host.store.take(host.session, "one", identity_of("shop")),
    )

    assert taken.verdict is TakeVerdict.ENDED


def test_a_result_beside_a_later_take_is_refused(postgres: PostgresScene, host: HostAt) -> None:
    postgres.as_owner().submit(submission("one"))
    old = host.run_next()

    accepted = _beside(
        postgres.place_of("role-a", FleetRole.HOST),
        "select fleet.take(%s, 'one', %s)",
        (host.session, identity_of("shop")),
        lambda: host.store.deliver(old, result_of(old)),
    )

    assert not accepted


def test_a_label_is_bound_once_by_many_hosts(postgres: PostgresScene) -> None:
    hosts = [HostAt(postgres, f"h{number}", slots=1) for number in range(_THREADS)]
    for host in hosts:
        host.announce(f"w-{host.name}", "gpu")
    for number in range(4):
        postgres.as_owner().submit(submission(f"item-{number}", label="gpu"))
    barrier = threading.Barrier(_THREADS)

    def bind(host: HostAt) -> list[str]:
        barrier.wait(timeout=30)
        return list(host.store.bind(host.name, host.session))

    with ThreadPoolExecutor(_THREADS) as threads:
        bound = [item_id for found in threads.map(bind, hosts) for item_id in found]

    assert sorted(bound) == [f"item-{number}" for number in range(4)]


def test_what_another_host_claimed_is_dispatched_again(
    postgres: PostgresScene, host: HostAt
) -> None:
    """An operator resumes a dispatch in the engine, and the host that claims it dies at once."""
    postgres.as_owner().submit(submission("one"))
    postgres.claim_next("a")
    postgres.lose_claim("one")
    postgres.execute(
        "update dbos.workflow_status set executor_id = 'b', queue_name = '_dbos_internal_queue'"
    )

    assert host.store.reconcile("a", host.session, ()) == ("one",)
    assert postgres.claim_next("a") == "one"


def test_the_engines_rows_of_an_item_that_cannot_start_do_not_add_up(
    postgres: PostgresScene, host: HostAt
) -> None:
    """Such as that of a workspace which the worker does not announce any more."""
    postgres.as_owner().submit(submission("one"))
    for _ in range(5):
        postgres.claim_next("a")
        postgres.end_dispatch("one", DispatchStatus.SUCCESS)
        postgres.settle("one")
        assert host.store.reconcile("a", host.session, ()) == ("one",)

    with connected(postgres.place) as connection:
        rows = connection.execute("select workflow_uuid, status from dbos.workflow_status")
        assert rows.fetchall() == [("one~6", "ENQUEUED")]


@pytest.mark.parametrize(
    "values",
    [
        "'hash', '[]', 1, null",
        "'hash', '{}', 1, '-infinity'",
        "'hash', '{}', 1, '290000-01-01'",
    ],
)
def test_what_no_client_and_no_worker_could_read_is_not_stored(
    postgres: PostgresScene, host: HostAt, values: str
) -> None:
    """One such item would make every list of items fail."""
    place = postgres.place_of("joe", FleetRole.SUBMITTER)

    with connected(place) as connection, pytest.raises(psycopg.errors.CheckViolation):
        connection.execute(f"select fleet.submit('one', 'shop', null, {values})".encode())


def test_a_pause_ends_at_a_time_that_every_client_can_read(
    postgres: PostgresScene, host: HostAt
) -> None:
    place = postgres.place_of("role-a", FleetRole.HOST)

    with connected(place) as connection, pytest.raises(psycopg.errors.CheckViolation):
        connection.execute("select fleet.pause('shop', true, '', '290000-01-01')")


def test_a_request_that_is_nested_too_deeply_is_taken_as_an_empty_one(
    postgres: PostgresScene, host: HostAt
) -> None:
    """The item can be shown, and ends as failed on its host."""
    nested = '{"a":' * 5000 + "1" + "}" * 5000
    with connected(postgres.place_of("joe", FleetRole.SUBMITTER)) as connection:
        connection.execute(
            "select fleet.submit('one', 'shop', null, 'hash', %s, 1, null)", [nested]
        )

    found = postgres.as_owner().find_item("one")

    assert found is not None
    assert found.request == {}
    assert host.run_next().request == {}


def test_refused_results_of_unknown_items_are_pruned(postgres: PostgresScene, host: HostAt) -> None:
    postgres.as_owner().submit(submission("one"))
    lease = host.run_next()
    assert not host.store.deliver(replace(lease, item_id="no-such"), result_of(lease))

    postgres.as_owner().prune(timedelta(0))

    with connected(postgres.place) as connection:
        assert connection.execute("select item from fleet.refused").fetchall() == []
