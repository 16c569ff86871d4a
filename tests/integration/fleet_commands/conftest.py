"""A fleet on PostgreSQL with one host, and a caller of the commands on it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from millracer.domain.fleet.hosts import Lease
from millracer.domain.fleet.setup import FleetPlace
from millracer.domain.fleet.waiting import DispatchStatus
from millracer.fleet.place import write_place
from tests.conformance.fleet.scenes import HostAt, PostgresScene, result_of
from tests.support.ops_cli import OpsCaller, Printed
from tests.support.postgres import PostgresServer, new_fleet_database


@dataclass
class FleetCaller:
    """Calls the commands of a fleet whose host `a` has the workspaces `shop` and `api`.

    Attributes:
        file: the fleet's file, which `MILLRACER_FLEET` names.
    """

    scene: PostgresScene
    host: HostAt
    caller: OpsCaller
    file: Path

    def run(self, *words: str, stdin: bytes = b"") -> Printed:
        """Run `millracer fleet …` to its end."""
        return self.caller.run("fleet", *words, stdin=stdin)

    def submit(self, *words: str) -> str:
        """Submit a task and return the item's id."""
        printed = self.run("submit", *(words or ("shop", "Fix the header")))
        assert printed.exit_code == 0, printed.stderr
        return printed.stdout.strip()

    def end(self, lease: Lease, *, completed: bool = True, **more: object) -> None:
        """Let the host deliver a result."""
        result = {**result_of(lease, completed=completed), **more}
        assert self.host.store.deliver(lease, result)
        self.scene.end_dispatch(lease.item_id, DispatchStatus.SUCCESS)


@pytest.fixture(scope="session")
def commands_database(postgres_server: PostgresServer) -> FleetPlace:
    """A database with the fleet's schema, for the tests of this folder."""
    return new_fleet_database(postgres_server, "fleet_commands")


@pytest.fixture
def called(
    postgres_server: PostgresServer, commands_database: FleetPlace, tmp_path: Path
) -> Iterator[FleetCaller]:
    """A fleet with one host, and a caller."""
    scene = PostgresScene(postgres_server, commands_database)
    file = tmp_path / "config" / "fleet.toml"
    write_place(file, commands_database)
    host = HostAt(scene, "a")
    host.announce("shop", "python")
    host.announce("api")
    caller = OpsCaller(
        cwd=tmp_path,
        state=tmp_path / "state",
        environment={
            "MILLRACER_FLEET": str(file),
            "MILLRACER_MILLRACE_COMMAND": "no-such-millrace",
        },
        forks=True,
    )
    yield FleetCaller(scene, host, caller, file)
    scene.close()
