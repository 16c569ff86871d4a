"""A fleet of real commands: `fleet worker` and the clients' commands as processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from millracer.domain.fleet.items import FleetItemDetail
from millracer.fleet.store import PostgresFleet
from tests.support.fleet_server import FleetServer

_LIMIT_SECONDS = 240


class RealFleet:
    """One database, and the hosts that the test starts."""

    def __init__(self, server: FleetServer, folder: Path, millrace: str) -> None:
        self.server = server
        self.folder = folder
        self.millrace = millrace
        self.database = server.new_database()
        self.store = PostgresFleet(server.place(self.database))
        self.hosts: list[RealHost] = []
        self.file = self._write_file(folder, None)

    def host(self, name: str, root: Path, *words: str, **environment: str) -> RealHost:
        """Return a host with one workspace of its own name, not started yet."""
        home = self.folder / name
        home.mkdir()
        role = self.server.new_role(f"host_{name}")
        host = RealHost(
            name=name,
            home=home,
            words=(
                *("--fleet", str(self._write_file(home, role)), "--host", name),
                *("--workspace", f"{name}={root}", "--millrace-command", self.millrace),
                *words,
            ),
            environment=environment,
        )
        self.hosts.append(host)
        return host

    def call(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a client command to its end."""
        command, *arguments = words
        return subprocess.run(
            (
                *(sys.executable, "-m", "millracer", "fleet", command),
                *("--fleet", str(self.file), *arguments),
            ),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_LIMIT_SECONDS,
            check=False,
        )

    def submit(self, workspace: str, key: str, task: str, *words: str) -> str:
        """Submit a task and return the item's id."""
        ran = self.call(
            *("submit", "--key", key, "--intake", "task", "--finalizer", "summary", *words),
            *(workspace, task),
        )
        assert ran.returncode == 0, ran.stderr
        return ran.stdout.strip()

    def detail(self, item: str) -> FleetItemDetail:
        """Return all about an item."""
        found = self.store.find_item(item)
        assert found is not None
        return found

    def stage_of(self, item: str) -> str:
        """Return the stage that the host reported last."""
        progress = self.detail(item).item.progress
        return "" if progress is None else progress.stage

    def close(self) -> None:
        """End all hosts and drop the database."""
        for host in self.hosts:
            host.kill()
        self.store.close()

    def _write_file(self, folder: Path, role: str | None) -> Path:
        place = self.server.place(self.database, role=role)
        path = folder / "fleet.toml"
        path.write_text(
            f"url = {json.dumps(place.url)}\npassfile = {json.dumps(place.passfile)}\n",
            encoding="utf-8",
        )
        return path


@dataclass
class RealHost:
    """A host and its worker."""

    name: str
    home: Path
    words: tuple[str, ...]
    environment: Mapping[str, str]
    process: subprocess.Popen[bytes] | None = None
    _starts: int = field(default=0)

    def start(self) -> RealHost:
        """Start the worker."""
        with (self.home / "log").open("ab") as log:
            self.process = subprocess.Popen(
                (sys.executable, "-m", "millracer", "fleet", "worker", *self.words),
                env={
                    **os.environ,
                    "MILLRACER_STATE_DIR": str(self.home / "state"),
                    **self.environment,
                },
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self._starts += 1
        return self

    @property
    def is_ready(self) -> bool:
        """Whether the worker started last is ready."""
        assert self.process is not None
        assert self.process.poll() is None, self.printed
        return self.printed.count(f"host {self.name} is ready") >= self._starts

    @property
    def printed(self) -> str:
        """What its workers printed."""
        return (self.home / "log").read_text(encoding="utf-8")

    def kill(self) -> None:
        """Kill the worker; repeatable."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Signal the worker and return its exit code."""
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(_LIMIT_SECONDS)


def gate(detail: FleetItemDetail) -> Mapping[str, Any]:
    """Return the completion of a result."""
    assert detail.result is not None
    completion: Mapping[str, Any] = detail.result["completion"]
    return completion
