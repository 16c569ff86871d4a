from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from millracer.domain.fleet.setup import FleetPlace
from tests.support.fleet_folder import fleet_data_folder
from tests.support.forked_command import start_command
from tests.support.postgres import PostgresServer, new_fleet_database

_SECONDS = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """How a command ended.

    Attributes:
        document: what it printed to standard output, as JSON.
    """

    code: int
    document: dict[str, Any]
    stderr: str

    @property
    def error(self) -> str:
        """The code of its one error."""
        (error,) = self.document["errors"]
        return str(error["code"])


FleetCommand = Callable[..., Ran]


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """The configuration folder; it does not exist."""
    return tmp_path / "config"


@pytest.fixture
def data() -> Iterator[Path]:
    """A folder for private servers, which their user can enter; the servers are ended."""
    with fleet_data_folder() as folder:
        yield folder


@pytest.fixture
def fleet(config: Path, data: Path, tmp_path: Path) -> FleetCommand:
    """Run `millracer fleet ... --json` as a user with these folders."""

    def run(*arguments: str, folder: Path = config) -> Ran:
        environment = {
            **os.environ,
            "MILLRACER_CONFIG_DIR": str(folder),
            "MILLRACER_STATE_DIR": str(tmp_path / "state"),
            "MILLRACER_FLEET_DATA_DIR": str(data),
        }
        process = start_command(
            ("fleet", arguments[0], "--json", *arguments[1:]),
            cwd=tmp_path,
            env=environment,
            forks=True,
        )
        out, err = process.communicate(timeout=_SECONDS)
        return Ran(
            code=process.returncode, document=json.loads(out), stderr=err.decode(errors="replace")
        )

    return run


@pytest.fixture(scope="module")
def database(
    postgres_server: PostgresServer, request: pytest.FixtureRequest
) -> Iterator[FleetPlace]:
    """A database with the fleet's schema, for the tests of one module."""
    name = f"integration_{request.module.__name__.rpartition('.')[2]}"
    yield new_fleet_database(postgres_server, name)
    postgres_server.drop_database(name)
