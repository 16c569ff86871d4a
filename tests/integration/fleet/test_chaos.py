"""Hosts, database and network fail at random; every item still ends once, with proof."""

from __future__ import annotations

import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

import pytest

from millracer.domain.fleet.items import FleetSubmission
from millracer.errors import FleetUnreachable
from millracer.fleet.store import PostgresFleet
from tests.support.fleet_hosts import Fleet, Host, wait_until
from tests.support.tcp_proxy import TcpProxy, Traffic

_HOSTS = 3
_WORKSPACES = 3
_DRAIN_SECONDS = 240.0


@dataclass
class Chaos:
    """One storm over a fleet, drawn from a seed."""

    fleet: Fleet
    seed: int
    seconds: float
    items: int
    counts: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._draw = random.Random(self.seed)  # noqa: S311 - a test
        self._acknowledged: list[str] = []
        self._proxies: list[TcpProxy] = []
        self._hosts: list[Host] = []
        self._ended = threading.Event()

    def run(self) -> dict[str, object]:
        """Let it rage, then wait until every acknowledged item has ended; return what happened."""
        with ExitStack() as held:
            for number in range(1, _HOSTS + 1):
                proxy = held.enter_context(TcpProxy(self.fleet.server.port))
                names = [f"w{number}{place}" for place in range(_WORKSPACES)]
                host = self.fleet.host(
                    f"ci-{number}",
                    *names,
                    port=proxy.port,
                    slots=2,
                    reconcile_seconds=2,
                    most_recoveries=1000,
                )
                self._proxies.append(proxy)
                self._hosts.append(host.start())
            for host in self._hosts:
                host.ready()
            held.enter_context(self._submitting())
            began = time.monotonic()
            while time.monotonic() - began < self.seconds:
                time.sleep(self._draw.uniform(0.5, 2.0))
                self._strike()
            self._calm()
            self._ended.set()
            calmed = time.monotonic()
            wait_until(self._all_ended, "all items end", _DRAIN_SECONDS)
            drained = time.monotonic() - calmed
            for host in self._hosts:
                host.kill()
        return {**self.counts, "items": len(self._acknowledged), "drained": round(drained, 1)}

    def _strike(self) -> None:
        index = self._draw.randrange(_HOSTS)
        kind = self._draw.choices(
            ("kill", "interrupt", "database", "cut", "stall"), (50, 10, 22, 10, 8)
        )[0]
        self.counts[kind] += 1
        pause = self._draw.uniform(0.0, 2.0)
        match kind:
            case "kill":
                self._hosts[index].kill()
                time.sleep(pause / 2)
                self._hosts[index].start()
            case "interrupt":
                self._revive(index)
                self._hosts[index].stop(signal.SIGINT)
                self._hosts[index].start()
            case "database":
                self.fleet.server.stop()
                time.sleep(pause)
                self.fleet.server.start()
            case _:
                proxy = self._proxies[index]
                proxy.set(Traffic.CUT if kind == "cut" else Traffic.STALL)
                time.sleep(pause)
                proxy.set(Traffic.PASS)

    def _revive(self, index: int) -> None:
        process = self._hosts[index].process
        if process is not None and process.poll() is not None:
            self._hosts[index].start()

    def _calm(self) -> None:
        for index in range(_HOSTS):
            self._revive(index)

    @contextmanager
    def _submitting(self) -> Iterator[None]:
        thread = threading.Thread(target=self._submit, daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._ended.set()
            thread.join(60)

    def _submit(self) -> None:
        draw = random.Random(self.seed)  # noqa: S311 - a test
        store = PostgresFleet(self.fleet.server.place(self.fleet.database))
        workspaces = [name for host in self._hosts for name in host.roots]
        for number in range(self.items):
            item = f"item-{number}"
            submission = FleetSubmission(
                item_id=item,
                request_hash="h",
                workspace_id=draw.choice(workspaces),
                request={
                    "request_id": item,
                    "idempotency_key": item,
                    "play": {"seconds": draw.uniform(0.1, 1.5)},
                },
            )
            while True:
                try:
                    store.submit(submission)
                    break
                except FleetUnreachable:
                    time.sleep(0.2)
            self._acknowledged.append(item)
            self._ended.wait(self.seconds / self.items * draw.uniform(0, 1.5))
        store.close()

    def _all_ended(self) -> bool:
        if len(self._acknowledged) < self.items:
            return False
        (row,) = self.fleet.sql("select count(*) as n from fleet.items where ended_at is null")
        return not row["n"]


def play(fleet: Fleet, seed: int, seconds: float, items: int) -> None:
    chaos = Chaos(fleet=fleet, seed=seed, seconds=seconds, items=items)

    happened = chaos.run()

    rows = fleet.sql(
        "select item, completed, epoch, attempts, dispatch, (result #>> '{fleet,epoch}')::bigint "
        "as result_epoch from fleet.items"
    )
    (refused,) = fleet.sql("select count(*) as n from fleet.refused")
    starts = len(fleet.events("started"))
    print(  # noqa: T201 - the chaos table of a release
        f"seed {seed}: {happened}, runs {starts}, most attempts "
        f"{max(row['attempts'] for row in rows)}, dispatched again "
        f"{sum(row['dispatch'] - 1 for row in rows)}, refused {refused['n']}, overlaps "
        f"{len(fleet.overlaps())}"
    )
    assert len(rows) == items
    assert [row["item"] for row in rows if not row["completed"]] == []
    assert [row["item"] for row in rows if row["epoch"] != row["result_epoch"]] == []
    assert fleet.overlaps() == []


def test_a_short_storm(crash_fleet: Fleet) -> None:
    play(crash_fleet, seed=7, seconds=8, items=24)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 3, 4])
@pytest.mark.timeout(600)
def test_a_long_storm(crash_fleet: Fleet, seed: int) -> None:
    play(crash_fleet, seed=seed, seconds=45, items=120)
