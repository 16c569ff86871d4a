"""Hosts of a fleet in tests: worker processes whose runs are played, and what became of items."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import dict_row

from millracer.domain.fleet.hosts import AWAY_AFTER_SECONDS
from millracer.domain.fleet.items import (
    FleetItem,
    FleetItemDetail,
    FleetItemState,
    FleetSubmission,
    SubmitVerdict,
)
from millracer.fleet.store import PostgresFleet
from millracer.fleet.urls import tuned_url
from tests.support.fleet_server import FleetServer
from tests.support.forked_command import ForkedCommand

_PROGRAM = "tests.children.fleet_worker:main"
_ROOT = Path(__file__).parents[2]
LIMIT_SECONDS = 60.0


@dataclass
class Fleet:
    """One fleet: its database, as its owner sees it, and the folder of its hosts."""

    server: FleetServer
    database: str
    folder: Path
    hosts: list[Host] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.store = PostgresFleet(self.server.place(self.database))
        self.journal = self.folder / "journal.jsonl"

    def host(self, name: str, *workspaces: str, port: int | None = None, **choice: Any) -> Host:
        """Return a host with these workspaces, not started yet."""
        host = Host(fleet=self, name=name, home=self.folder / name, port=port, choice=choice)
        host.prepare(workspaces)
        self.hosts.append(host)
        return host

    def submit(self, item: str, workspace: str = "shop", **play: Any) -> None:
        """Submit an item whose run is played so."""
        verdict = self.store.submit(
            FleetSubmission(
                item_id=item,
                request_hash="hash",
                workspace_id=workspace,
                request={"request_id": item, "idempotency_key": item, "play": play},
            )
        ).verdict
        assert verdict is SubmitVerdict.NEW

    def detail(self, item: str) -> FleetItemDetail:
        """Return all about an item."""
        found = self.store.find_item(item)
        assert found is not None
        return found

    def item(self, item: str) -> FleetItem:
        """Return an item."""
        return self.detail(item).item

    def ended(self, *items: str) -> bool:
        """Whether all of these items have ended."""
        return all(self.item(each).state is FleetItemState.ENDED for each in items)

    def sql(self, statement: str, *values: object) -> list[dict[str, Any]]:
        """Execute a statement as the owner."""
        url = tuned_url(self.server.place(self.database))
        with psycopg.connect(url, autocommit=True, row_factory=dict_row) as connection:
            cursor = connection.execute(statement.encode(), values)
            return cursor.fetchall() if cursor.description else []

    def fall_silent(self, host: str) -> None:
        """Let the database believe that a host, which is down or cut off, is silent for long."""
        self.sql(
            "update fleet.hosts set seen_at = seen_at - make_interval(secs => %s) where host = %s",
            AWAY_AFTER_SECONDS,
            host,
        )

    def events(self, what: str, item: str | None = None) -> list[dict[str, Any]]:
        """Return the played events of a kind, oldest first."""
        if not self.journal.exists():
            return []
        lines = self.journal.read_text(encoding="utf-8").splitlines()
        found = [json.loads(line) for line in lines]
        return [each for each in found if each["what"] == what and item in {None, each["item"]}]

    def is_started(self, item: str, times: int = 1) -> bool:
        """Whether the run of an item was started so often."""
        return len(self.events("started", item)) >= times

    def overlaps(self) -> list[tuple[str, str]]:
        """Return the pairs of runs that were in one checkout at the same time."""
        found, current = [], dict[str, dict[str, Any]]()
        lines = self.journal.read_text(encoding="utf-8").splitlines()
        for event in map(json.loads, lines):
            root = event.get("root")
            if event["what"] == "started":
                other = current.get(root)
                if other is not None and _lived_at(self, other["pid"], event["at"]):
                    found.append((other["item"], event["item"]))
                current[root] = event
            elif event["what"] == "finished":
                current.pop(root, None)
        return found

    def close(self) -> None:
        """End all hosts and the connection."""
        for host in self.hosts:
            host.kill()
        self.store.close()


def _lived_at(fleet: Fleet, pid: int, at: float) -> bool:
    ends = {each[0]: each[1] for host in fleet.hosts for each in host.ends}
    return pid not in ends or ends[pid] > at


@dataclass
class Host:
    """One host: its state folder, its checkouts and its worker process."""

    fleet: Fleet
    name: str
    home: Path
    port: int | None
    choice: dict[str, Any]
    roots: dict[str, Path] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None
    ends: list[tuple[int, float]] = field(default_factory=list)

    def prepare(self, workspaces: Sequence[str]) -> None:
        """Create its folders and its role."""
        self.home.mkdir()
        role = self.fleet.server.new_role(self.choice.pop("role", f"host_{self.name}"))
        place = self.fleet.server.place(self.fleet.database, role=role, port=self.port)
        text = f"url = {json.dumps(place.url)}\npassfile = {json.dumps(place.passfile)}\n"
        (self.home / "fleet.toml").write_text(text)
        for workspace in workspaces:
            self.roots[workspace] = self.home / workspace
            self.roots[workspace].mkdir()

    def start(self, **choice: Any) -> Host:
        """Start the worker, with further choices."""
        assert self.process is None or self.process.poll() is not None
        given = {
            "fleet": str(self.home / "fleet.toml"),
            "host": self.name,
            "workspaces": [[name, str(root)] for name, root in self.roots.items()],
            "labels": [],
            **self.choice,
            **choice,
        }
        output = os.open(self.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        self.process = ForkedCommand(
            (json.dumps(given),),
            cwd=_ROOT,
            env={
                **os.environ,
                "FLEET_JOURNAL": str(self.fleet.journal),
                "MILLRACER_STATE_DIR": str(self.home / "state"),
                "MILLRACER_CONFIG_DIR": str(self.home / "configuration"),
            },
            program=_PROGRAM,
            output=output,
        )
        assert self.process.stdin is not None
        self.process.stdin.close()
        return self

    @property
    def log(self) -> Path:
        """What its workers printed."""
        return self.home / "log"

    @property
    def printed(self) -> str:
        """What its workers printed so far."""
        return self.log.read_text(encoding="utf-8") if self.log.exists() else ""

    def ready(self, times: int = 1) -> Host:
        """Wait until the worker is ready."""
        wait_until(
            lambda: self.printed.count(f"host {self.name} is ") >= times or self._has_ended(),
            f"{self.name} is ready",
        )
        assert not self._has_ended(), self.printed
        return self

    def send(self, number: signal.Signals) -> None:
        """Signal the worker."""
        assert self.process is not None
        self.process.send_signal(number)

    def kill(self) -> None:
        """Kill the worker and wait for its end; repeatable."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.wait()

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Signal the worker and return its exit code."""
        self.send(number)
        return self.wait()

    def wait(self) -> int:
        """Return the exit code of the worker."""
        assert self.process is not None
        try:
            code = self.process.wait(LIMIT_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"it did not end:\n{self.printed}") from None
        self.ends.append((self.process.pid, time.time()))
        return code

    def _has_ended(self) -> bool:
        return self.process is not None and self.process.poll() is not None


@contextmanager
def open_fleet_of(server: FleetServer, folder: Path) -> Iterator[Fleet]:
    """Yield a fleet with a new database; its hosts end with the block."""
    fleet = Fleet(server=server, database=server.new_database(), folder=folder)
    try:
        yield fleet
    finally:
        fleet.close()
        with suppress(psycopg.Error):
            server.drop_database(fleet.database)


def wait_until(condition: Callable[[], object], what: str, seconds: float = LIMIT_SECONDS) -> None:
    """Wait for something that happens by itself, within a limit."""
    limit = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < limit, f"it never happened: {what}"
        time.sleep(0.03)
