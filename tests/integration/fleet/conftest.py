"""The database server of the fleet's tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.fleet_hosts import Fleet, open_fleet_of
from tests.support.fleet_server import FleetServer, fleet_server


@pytest.fixture(scope="module")
def crash_server() -> Iterator[FleetServer]:
    """A server that tests may stop and start."""
    with fleet_server() as server:
        yield server


@pytest.fixture
def fleet(crash_server: FleetServer, tmp_path: Path) -> Iterator[Fleet]:
    """A fleet of the module's server."""
    with open_fleet_of(crash_server, tmp_path) as opened:
        yield opened
