"""Stand-ins for the workers of many hosts: the same statements, without a process for each.

Each host is a thread with a connection of its own: it beats once a second, polls its queue with the
engine's own code every half second, and takes and delivers what it claims at once.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import dbos._serialization as serialization
from dbos._sys_db import SystemDatabase

from millracer.domain.fleet.hosts import AnnouncedWorkspace, HostSession, TakeVerdict
from millracer.domain.fleet.items import FleetSubmission
from millracer.domain.fleet.setup import FleetPlace
from millracer.fleet.store import PostgresFleet
from millracer.fleet.urls import tuned_url
from tests.bench.figures import percentile
from tests.bench.running import Failed

_POLL_SECONDS = 0.5
_ITEMS_A_SECOND = 10
_POOL = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """How many hosts, for how long, and how long the last claims may take."""

    hosts: int
    workspaces: int = 10
    seconds: float = 20.0
    claim_seconds: float = 60.0

    def __str__(self) -> str:
        return (
            f"stand-ins of {self.hosts} hosts of {self.workspaces} workspaces, "
            f"{_ITEMS_A_SECOND} items/s"
        )


@dataclass(slots=True)
class Seen:
    """What was measured; seconds."""

    claims: list[float] = field(default_factory=list)
    beats: list[float] = field(default_factory=list)
    submitted: int = 0
    postgres_cpu: float = 0.0

    @property
    def claim_p50(self) -> float:
        """The median from submission to claim."""
        return percentile(self.claims, 50)

    @property
    def claim_p99(self) -> float:
        """The 99th percentile from submission to claim."""
        return percentile(self.claims, 99)

    @property
    def beat_p99(self) -> float:
        """The 99th percentile of a heartbeat."""
        return percentile(self.beats, 99)


def simulate(place: FleetPlace, load: Load, postgres_cpu: Callable[[], float]) -> Seen:
    """Let the hosts work for a while, under a steady stream of submissions.

    Raises:
        Failed: an item was not claimed.
        Exception: a host failed.
    """
    seen, ended = Seen(), threading.Event()
    engine = SystemDatabase.create(
        system_database_url=tuned_url(place),
        engine_kwargs={"pool_size": _POOL, "max_overflow": 0, "pool_timeout": 30},
        engine=None,
        schema="dbos",
        serializer=serialization.DBOSPortableJSON,
        executor_id=None,
        app_name="millracer",
    )
    hosts = [
        _Host(place, engine, f"h{number}", load.workspaces, seen) for number in range(load.hosts)
    ]
    try:
        with ThreadPoolExecutor(_POOL) as pool:
            list(pool.map(_Host.open, hosts))
        with ThreadPoolExecutor(len(hosts)) as pool:
            working = [pool.submit(host.work, ended) for host in hosts]
            try:
                _measure(place, load, hosts, postgres_cpu, seen)
            finally:
                ended.set()
            for each in working:
                each.result()
    finally:
        for host in hosts:
            host.store.close()
        engine.destroy()
    if len(seen.claims) != seen.submitted:
        raise Failed(f"{len(seen.claims)} of {seen.submitted} items were claimed")
    return seen


def _measure(
    place: FleetPlace,
    load: Load,
    hosts: Sequence[_Host],
    postgres_cpu: Callable[[], float],
    seen: Seen,
) -> None:
    """Submit for a while, and wait until the hosts have claimed all items, or for a limit."""
    time.sleep(2)  # the hosts' first heartbeats come together; the load counts only later ones
    seen.beats.clear()
    before, began = postgres_cpu(), time.monotonic()
    workspaces = [name for host in hosts for name in host.workspaces]
    seen.submitted = _submit(place, workspaces, load.seconds)
    seen.postgres_cpu = (postgres_cpu() - before) / (time.monotonic() - began)
    limit = time.monotonic() + load.claim_seconds
    while len(seen.claims) < seen.submitted and time.monotonic() < limit:
        time.sleep(_POLL_SECONDS)  # until the limit


class _Host:
    def __init__(
        self, place: FleetPlace, engine: SystemDatabase, name: str, workspaces: int, seen: Seen
    ) -> None:
        self.store = PostgresFleet(place)
        self.workspaces = [f"{name}w{number}" for number in range(workspaces)]
        self._engine = engine
        self._name = name
        self._session = str(uuid.uuid4())
        self._identity = str(uuid.uuid4())
        self._seen = seen

    def open(self) -> None:
        self.store.open(
            HostSession(
                host=self._name,
                session=self._session,
                machine="m",
                boot="b",
                pid=1,
                version="1",
                slots=10,
            )
        )
        for name in self.workspaces:
            self.store.register(
                self._session,
                AnnouncedWorkspace(
                    workspace_id=name, root=f"/{name}", identity=self._identity, secret=""
                ),
            )
        self._queue = self._make_queue()

    def work(self, ended: threading.Event) -> None:
        next_beat = 0.0
        while not ended.wait(_POLL_SECONDS):
            if time.monotonic() >= next_beat:
                next_beat = time.monotonic() + 1.0
                began = time.perf_counter()
                self.store.beat(self._name, self._session)
                self._seen.beats.append(time.perf_counter() - began)
            self._engine.get_queue(self._queue.name)
            owner = str(uuid.uuid4())
            for dispatch in self._engine.start_queued_partitioned_workflows(
                self._queue, self._name, "fleet", 10, owner_xid=owner
            ):
                self._perform(dispatch, owner)

    def _perform(self, dispatch: str, owner: str) -> None:
        item = dispatch.partition("~")[0]
        taken = self.store.take(self._session, item, self._identity)
        if taken.verdict is not TakeVerdict.TAKEN or taken.lease is None:
            return
        lease = taken.lease
        self._seen.claims.append(time.time() - float(lease.request["at"]))
        result = {
            "status": "succeeded",
            "completion": {"outcome": "completed", "scoped_completion": True},
            "fleet": {"item": item, "epoch": lease.epoch, "identity": lease.identity},
        }
        self.store.deliver(lease, result)
        self._engine.update_workflow_outcome(
            dispatch, "SUCCESS", output='"succeeded"', owner_xid=owner
        )

    def _make_queue(self) -> Any:
        from dbos._queue import _INTERNAL_QUEUE_CONSTRUCTION, Queue  # noqa: PLC0415 - private

        return Queue(
            f"host:{self._name}",
            worker_concurrency=10,
            partition_concurrency=1,
            token=_INTERNAL_QUEUE_CONSTRUCTION,
        )


def _submit(place: FleetPlace, workspaces: Sequence[str], seconds: float) -> int:
    """Submit items at a steady rate, and return how many."""
    store = PostgresFleet(place)
    began, number = time.monotonic(), 0
    while time.monotonic() - began < seconds:
        item = f"item-{number}"
        store.submit(
            FleetSubmission(
                item_id=item,
                request_hash="h",
                workspace_id=workspaces[(number * 7919) % len(workspaces)],
                request={"request_id": item, "at": time.time()},
            )
        )
        number += 1
        # The load is a fixed number of items a second.
        time.sleep(max(0.0, began + number / _ITEMS_A_SECOND - time.monotonic()))
    store.close()
    return number
