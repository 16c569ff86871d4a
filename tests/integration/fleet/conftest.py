"""The database servers of the fleet's tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.fleet_hosts import Fleet, open_fleet_of
from tests.support.fleet_server import FleetServer, fleet_server, with_template
from tests.support.postgres import PostgresServer


@pytest.fixture(scope="session")
def shared_server(postgres_server: PostgresServer) -> FleetServer:
    """The server of all tests of this process."""
    return with_template(postgres_server)


@pytest.fixture(scope="module")
def crash_server() -> Iterator[FleetServer]:
    """A server that tests may stop and start."""
    with fleet_server() as server:
        yield server


@pytest.fixture
def fleet(shared_server: FleetServer, tmp_path: Path) -> Iterator[Fleet]:
    """A fleet without hosts."""
    with open_fleet_of(shared_server, tmp_path) as opened:
        yield opened


@pytest.fixture
def crash_fleet(crash_server: FleetServer, tmp_path: Path) -> Iterator[Fleet]:
    """A fleet whose server the test may stop and start."""
    with open_fleet_of(crash_server, tmp_path) as opened:
        yield opened
