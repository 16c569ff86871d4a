"""Another database takes the place of the fleet's: a replica, or a restored backup."""

from __future__ import annotations

from pathlib import Path

import pytest

from millracer.fleet.store import PostgresFleet
from tests.support.fleet_hosts import open_fleet_of, wait_until
from tests.support.fleet_server import fleet_server
from tests.support.postgres import replica_of

pytestmark = pytest.mark.slow

_READ_WRITE = '?target_session_attrs=read-write"\npass'


def test_a_synchronous_replica_takes_over(tmp_path: Path) -> None:
    """The URL of the host names both servers, as libpq does it."""
    with (
        fleet_server() as server,
        replica_of(server.server) as replica,
        open_fleet_of(server, tmp_path) as fleet,
    ):
        host = fleet.host("ci-1", "shop")
        file = host.home / "fleet.toml"
        one, both = f":{server.port}/", f":{server.port},127.0.0.1:{replica.port}/"
        file.write_text(file.read_text().replace(one, both).replace('"\npass', _READ_WRITE))
        host.start().ready()
        fleet.submit("one", seconds=2)
        wait_until(lambda: fleet.is_started("one"), "it starts")
        fleet.submit("two")

        server.stop()
        wait_until(lambda: "cannot be reached" in host.printed, "it reports the database")
        replica.promote()
        fleet.store.close()
        server.server = replica
        fleet.store = PostgresFleet(server.place(fleet.database))

        wait_until(lambda: fleet.ended("one", "two"), "they end")
        assert [fleet.item(name).attempts for name in ("one", "two")] == [1, 1]
        assert fleet.overlaps() == []
        host.kill()


@pytest.mark.parametrize("worker", ["stopped", "running"])
def test_a_restored_backup_loses_no_item_that_is_submitted_again(
    tmp_path: Path, worker: str
) -> None:
    """Items submitted after the backup are missing; the host finds their work in Millrace."""
    with fleet_server() as server, open_fleet_of(server, tmp_path) as fleet:
        host = fleet.host("ci-1", "shop", reconcile_seconds=1).start().ready()
        fleet.submit("one")
        wait_until(lambda: fleet.ended("one"), "it ends")
        fleet.submit("two", seconds=3)
        wait_until(lambda: fleet.is_started("two"), "it starts")
        server.server.stop()
        server.server.save()
        server.start()
        wait_until(lambda: fleet.ended("two"), "it ends")
        fleet.submit("three")
        wait_until(lambda: fleet.ended("three"), "it ends")
        fleet.submit("four", seconds=4)
        wait_until(lambda: fleet.is_started("four"), "it starts")

        server.stop()
        server.server.restore()
        if worker == "stopped":
            host.kill()
        server.start()
        assert fleet.store.find_item("three") is None
        fleet.store.void_leases()
        if worker == "running":
            assert host.wait() == 8, "its session is void"
        host.start()
        for name in ("three", "four"):
            fleet.submit(name)

        names = ("one", "two", "three", "four")
        wait_until(lambda: fleet.ended(*names), "all end")
        assert all(fleet.item(name).completed for name in names)
        assert len(fleet.events("started", "one")) == 1
        assert fleet.overlaps() == []
        host.kill()
