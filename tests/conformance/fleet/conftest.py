from __future__ import annotations

from collections.abc import Iterator

import pytest

from millracer.domain.fleet.setup import FleetPlace
from tests.conformance.fleet.scenes import HostAt, MemoryScene, PostgresScene, Scene
from tests.support.postgres import PostgresServer, new_fleet_database


@pytest.fixture(scope="module")
def fleet_database(
    postgres_server: PostgresServer, request: pytest.FixtureRequest
) -> Iterator[FleetPlace]:
    """A database with the fleet's schema, for the tests of one module."""
    name = f"fleet_{request.module.__name__.rpartition('.')[2]}"
    yield new_fleet_database(postgres_server, name)
    postgres_server.drop_database(name)


@pytest.fixture
def postgres(
    postgres_server: PostgresServer, fleet_database: FleetPlace
) -> Iterator[PostgresScene]:
    """An empty fleet on PostgreSQL."""
    scene = PostgresScene(postgres_server, fleet_database)
    yield scene
    scene.close()


@pytest.fixture(params=["memory", "postgres"])
def scene(request: pytest.FixtureRequest) -> Scene:
    """An empty fleet, of both kinds in turn."""
    if request.param == "memory":
        return MemoryScene()
    found: PostgresScene = request.getfixturevalue("postgres")
    return found


@pytest.fixture
def host(scene: Scene) -> HostAt:
    """The host `a` with the workspace `shop`."""
    opened = HostAt(scene, "a")
    opened.announce("shop")
    return opened
