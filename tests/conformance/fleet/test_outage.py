"""The database goes away, restarts, stalls: a call fails with its code, and the next one works."""

from __future__ import annotations

import pickle
from base64 import b64encode
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from millracer.domain.failures import exit_code_of_failure
from millracer.domain.fleet.items import SubmitVerdict
from millracer.domain.fleet.setup import FleetPlace, FleetRole
from millracer.errors import (
    ExitCode,
    FleetDenied,
    FleetError,
    FleetOutdated,
    FleetUnreachable,
)
from millracer.fleet.store import PostgresFleet
from tests.conformance.fleet.scenes import HostAt, PostgresScene, result_of, submission
from tests.support.postgres import PostgresServer, connected, new_fleet_database, private_server


@pytest.fixture(scope="module")
def own_server() -> Iterator[PostgresServer]:
    """A server that only these tests use, and may stop."""
    with private_server() as server:
        yield server


@pytest.fixture(scope="module")
def own_database(own_server: PostgresServer) -> FleetPlace:
    return new_fleet_database(own_server, "outage")


@pytest.fixture
def scene(own_server: PostgresServer, own_database: FleetPlace) -> Iterator[PostgresScene]:
    scene = PostgresScene(own_server, own_database)
    yield scene
    scene.close()


def test_a_store_works_again_after_a_restart_without_an_error(
    scene: PostgresScene, own_server: PostgresServer
) -> None:
    host = HostAt(scene, "a")
    host.announce("shop")
    assert host.store.submit(submission("one")).verdict is SubmitVerdict.NEW

    own_server.stop("immediate")
    own_server.start()

    assert host.store.submit(submission("one")).verdict is SubmitVerdict.KNOWN
    lease = host.run_next()
    assert host.store.deliver(lease, result_of(lease))


def test_a_stopped_database_is_unreachable_and_nothing_is_done(
    scene: PostgresScene, own_server: PostgresServer
) -> None:
    host = HostAt(scene, "a")
    host.announce("shop")
    own_server.stop()
    try:
        with pytest.raises(FleetUnreachable) as caught:
            host.store.submit(submission("two"))
    finally:
        own_server.start()

    assert (caught.value.code, exit_code_of_failure(caught.value)) == ("fleet_unreachable", 8)
    assert caught.value.suggested_action
    assert host.store.submit(submission("two")).verdict is SubmitVerdict.NEW


def test_a_call_to_a_stalled_server_ends(scene: PostgresScene, own_server: PostgresServer) -> None:
    HostAt(scene, "a").announce("shop")
    with closing(PostgresFleet(scene.place, call_seconds=0.5)) as store:
        store.now()
        own_server.freeze(frozen=True)
        try:
            with pytest.raises(FleetUnreachable):
                store.submit(submission("three"))
        finally:
            own_server.freeze(frozen=False)

        assert store.submit(submission("three")).item is not None


def test_a_wrong_password_is_denied(scene: PostgresScene, tmp_path: Path) -> None:
    wrong = tmp_path / "pass"
    wrong.touch(mode=0o600)
    wrong.write_text("*:*:*:*:wrong\n")
    place = FleetPlace(url=scene.place.url, passfile=str(wrong))

    with closing(PostgresFleet(place)) as store, pytest.raises(FleetDenied):
        store.now()


def test_a_database_without_the_schema_is_outdated(own_server: PostgresServer) -> None:
    place = FleetPlace(url=own_server.url, passfile=str(own_server.passfile))
    nowhere = FleetPlace(url=own_server.url_of("nowhere"), passfile=str(own_server.passfile))

    for each in (place, nowhere):
        with closing(PostgresFleet(each)) as store, pytest.raises(FleetOutdated) as caught:
            store.list_hosts()
        assert "fleet up" in (caught.value.suggested_action or "")
    assert exit_code_of_failure(caught.value) is ExitCode.FAILED


def test_a_server_that_cannot_write_is_unreachable(scene: PostgresScene) -> None:
    HostAt(scene, "a").announce("shop")
    place = scene.place_of("joe", FleetRole.SUBMITTER)
    scene.execute("alter role joe set default_transaction_read_only = on")
    try:
        with closing(PostgresFleet(place)) as store, pytest.raises(FleetUnreachable):
            store.submit(submission("one"))
    finally:
        scene.execute("alter role joe reset default_transaction_read_only")


class _Planted:
    """A pickle that makes a file when it is read."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return (Path.touch, (self._path,))


def test_a_planted_pickle_in_a_schedule_does_not_run(scene: PostgresScene, tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    planted = b64encode(pickle.dumps(_Planted(mark))).decode()
    with connected(scene.place) as connection:
        connection.execute(
            "insert into dbos.workflow_schedules (schedule_id, schedule_name, workflow_name, "
            "schedule, context, application_name) "
            "values ('1', 'evil', 'millracer.tick', '* * * * *', %s, 'millracer')",
            (planted,),
        )
    owner = scene.as_owner()

    (shown,) = owner.list_schedules()
    assert (shown.name, shown.request) == ("evil", {})
    assert owner.remove_schedule("evil")
    assert not mark.exists()


def test_other_errors_of_the_database_keep_its_words(scene: PostgresScene) -> None:
    with (
        closing(PostgresFleet(scene.place)) as store,
        pytest.raises(FleetError, match="invalid input syntax"),
    ):
        store.take("not-a-uuid", "one", "not-a-uuid")
