"""A fleet whose hosts run the real programs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.fleet_server import fleet_server
from tests.support.real_fleet import RealFleet


@pytest.fixture
def real_fleet(tmp_path: Path, millrace_command: str) -> Iterator[RealFleet]:
    """A fleet without hosts."""
    with fleet_server() as server:
        fleet = RealFleet(server, tmp_path, millrace_command)
        try:
            yield fleet
        finally:
            fleet.close()
