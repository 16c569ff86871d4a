"""The fleet: submitting, dispatching, waiting, beside `millracer run`, and where PostgreSQL ends.

The workers are real processes whose runs are played (`tests/children/fleet_worker.py`), except
where the row says real. The database server is private and does not sync to disk.
"""

from __future__ import annotations

import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from millracer.domain.fleet.items import ItemFilter
from millracer.fleet.store import PostgresFleet
from tests.bench.figures import Figure, percentile
from tests.bench.fleet_stand_ins import Load, simulate
from tests.bench.processes import cpu_seconds_of, resident_bytes
from tests.bench.running import Failed, run
from tests.bench.scene import Scene, Tools, scene
from tests.support.fleet_hosts import Fleet, wait_until
from tests.support.fleet_server import FleetServer, fleet_server
from tests.support.real_fleet import RealFleet
from tests.support.scenario import Scenario

SUBMIT = "fleet: 1,000 submissions over one connection"
SUBMIT_P99 = "fleet: a submission, 99th percentile"
SUBMITTERS = "fleet: 2,000 submissions by 4 processes, their start included"
DISPATCH_P50 = "fleet: submission → claimed, idle worker: median"
DISPATCH_P99 = "fleet: submission → claimed, idle worker: 99th percentile"
DELIVER = "fleet: claimed → delivered, empty item: median"
DRAIN = "fleet: 1,000 items of 0.1 s, 3 hosts of 10 workspaces"
DRAIN_CPU = "fleet: CPU of the workers for one of those"
BACKLOG = "fleet: 500 items of 0 s out of 10,000 queued, 1 host of 20 workspaces"
BACKLOG_PS = "fleet: the query of `ps`, 10,000 queued: median"
IDLE = "fleet: idle worker: CPU a second"
IDLE_MEMORY = "fleet: idle worker: memory (RSS)"
IDLE_POSTGRES = "fleet: PostgreSQL, one idle worker: CPU a second"
START = "fleet: start of a worker → its first claim"
PS = "`fleet ps` as a process"
OVER_RUN = "fleet: `submit --wait` over `run`, real Millrace, stages of 0 s"
LOADS = (Load(hosts=10), Load(hosts=30), Load(hosts=100))

_WORKSPACES = 10
_SUBMISSIONS = 1000
_DISPATCHES = 60
_IDLE_SECONDS = 15.0
_RUNS = 3
_MIB = 1 << 20
_LIMIT_SECONDS = 300.0


def _p50(load: Load) -> str:
    return f"{load}: submission → claimed, median"


def _p99(load: Load) -> str:
    return f"{load}: submission → claimed, 99th percentile"


def _beat(load: Load) -> str:
    return f"{load}: a heartbeat, 99th percentile"


def _cpu(load: Load) -> str:
    return f"{load}: CPU of PostgreSQL a second"


def fleet_figures() -> list[Figure]:
    """Return the rows that `measure_fleet` fills."""
    return [
        Figure(name=SUBMIT, unit="s", reach="≤ 5 s", limit=5.0),
        Figure(name=SUBMIT_P99, unit="ms"),
        Figure(name=SUBMITTERS, unit="s"),
        Figure(name=DISPATCH_P50, unit="s"),
        Figure(name=DISPATCH_P99, unit="s", reach="≤ 0.5 s", limit=0.5),
        Figure(name=DELIVER, unit="ms", reach="≤ 50 ms", limit=50.0),
        Figure(name=DRAIN, unit="s", reach="≤ 50 s", limit=50.0),
        Figure(name=DRAIN_CPU, unit="ms"),
        Figure(name=BACKLOG, unit="s", reach="≤ 25 s", limit=25.0),
        Figure(name=BACKLOG_PS, unit="ms"),
        Figure(name=IDLE, unit="ms", reach="≤ 50 ms", limit=50.0),
        Figure(name=IDLE_MEMORY, unit="MiB"),
        Figure(name=IDLE_POSTGRES, unit="ms"),
        Figure(name=START, unit="s"),
        Figure(name=PS, unit="s", reach="≤ 0.4 s", limit=0.4),
        Figure(name=OVER_RUN, unit="s", reach="≤ +0.5 s", limit=0.5),
    ]


def stand_in_figures() -> list[Figure]:
    """Return the rows that `measure_stand_ins` fills."""
    return [
        Figure(name=name(load), unit=unit)
        for load in LOADS
        for name, unit in ((_p50, "s"), (_p99, "s"), (_beat, "ms"), (_cpu, "s"))
    ]


def measure_fleet(tools: Tools, figures: dict[str, Figure]) -> None:
    """Measure the fleet once and add a sample to each row.

    Raises:
        Failed: something did not happen.
    """
    with fleet_server() as server:
        for measure in (_submits, _submitters, _dispatches, _drain, _backlog, _idle, _beside_run):
            try:
                measure(server, tools, figures)
            except AssertionError as error:
                raise Failed(f"{measure.__name__}: {error}") from error


def measure_stand_ins(_tools: Tools, figures: dict[str, Figure]) -> None:
    """Simulate many hosts and add a sample to each row."""
    with fleet_server() as server:
        for load in LOADS:
            with _fleet(server) as fleet:
                seen = simulate(server.place(fleet.database), load, _postgres_cpu(server))
            for name, value in (
                (_p50(load), seen.claim_p50),
                (_p99(load), seen.claim_p99),
                (_beat(load), 1000 * seen.beat_p99),
                (_cpu(load), seen.postgres_cpu),
            ):
                figures[name].millracer.values.append(value)


def _submits(server: FleetServer, _tools: Tools, figures: dict[str, Figure]) -> None:
    with _fleet(server, "w0") as fleet:
        spent = []
        began = time.perf_counter()
        for number in range(_SUBMISSIONS):
            before = time.perf_counter()
            fleet.submit(f"item-{number}", "w0")
            spent.append(time.perf_counter() - before)
        _add(figures, SUBMIT, time.perf_counter() - began)
        _add(figures, SUBMIT_P99, 1000 * percentile(spent, 99))


def _submitters(server: FleetServer, _tools: Tools, figures: dict[str, Figure]) -> None:
    with _fleet(server, "w0") as fleet:
        place = server.place(fleet.database)
        began = time.perf_counter()
        started = [
            subprocess.Popen(
                (sys.executable, "-c", _SUBMITTER, place.url, place.passfile or "", str(first))
            )
            for first in range(0, 2000, 500)
        ]
        codes = [each.wait(_LIMIT_SECONDS) for each in started]
        _add(figures, SUBMITTERS, time.perf_counter() - began)
        if any(codes):
            raise Failed("a submitter failed")


_SUBMITTER = """
import sys
from millracer.domain.fleet.items import FleetSubmission
from millracer.domain.fleet.setup import FleetPlace
from millracer.fleet.store import PostgresFleet
store = PostgresFleet(FleetPlace(url=sys.argv[1], passfile=sys.argv[2]))
for number in range(int(sys.argv[3]), int(sys.argv[3]) + 500):
    item = f"item-{number}"
    store.submit(FleetSubmission(item_id=item, request_hash="h", workspace_id="w0",
        request={"request_id": item, "idempotency_key": item}))
"""


def _dispatches(server: FleetServer, _tools: Tools, figures: dict[str, Figure]) -> None:
    with _fleet(server) as fleet:
        began = time.time()
        host = fleet.host("ci-1", "w0")
        host.start().ready()
        fleet.submit("first", "w0", seconds=0)
        wait_until(lambda: fleet.ended("first"), "the first item ends")
        _add(figures, START, fleet.events("started", "first")[0]["at"] - began)
        for number in range(_DISPATCHES):
            name = f"item-{number}"
            fleet.submit(name, "w0", seconds=0)
            wait_until(lambda name=name: fleet.ended(name), "it ends")
        rows = fleet.sql(
            "select extract(epoch from claimed_at - submitted_at)::float as claim, "
            "extract(epoch from ended_at - claimed_at)::float as deliver "
            "from fleet.items where item <> 'first'"
        )
        claims = [row["claim"] for row in rows]
        _add(figures, DISPATCH_P50, statistics.median(claims))
        _add(figures, DISPATCH_P99, percentile(claims, 99))
        _add(figures, DELIVER, 1000 * statistics.median(row["deliver"] for row in rows))


def _drain(server: FleetServer, _tools: Tools, figures: dict[str, Figure]) -> None:
    with _fleet(server) as fleet:
        hosts = [
            fleet.host(f"ci-{host}", *_names(host), slots=_WORKSPACES).start() for host in range(3)
        ]
        for host in hosts:
            host.ready()
        cpu = sum(cpu_seconds_of(host.process.pid) for host in hosts if host.process)
        began = time.perf_counter()
        for number in range(_SUBMISSIONS):
            fleet.submit(f"item-{number}", _names(number % 3)[number % _WORKSPACES], seconds=0.1)
        _await_all(fleet)
        _add(figures, DRAIN, time.perf_counter() - began)
        spent = sum(cpu_seconds_of(host.process.pid) for host in hosts if host.process) - cpu
        _add(figures, DRAIN_CPU, 1000 * spent / _SUBMISSIONS)


def _backlog(server: FleetServer, _tools: Tools, figures: dict[str, Figure]) -> None:
    names = [f"w{number}" for number in range(20)]
    with _fleet(server, *names) as fleet:
        for number in range(10_000):
            fleet.submit(f"item-{number}", names[number % 20], seconds=0)
        store = PostgresFleet(server.place(fleet.database))
        asked = []
        for _ in range(10):
            before = time.perf_counter()
            store.list_items(ItemFilter(limit=200))
            asked.append(time.perf_counter() - before)
        store.close()
        _add(figures, BACKLOG_PS, 1000 * statistics.median(asked))
        began = time.perf_counter()
        fleet.hosts[0].start(slots=20).ready(2)
        wait_until(lambda: _ended(fleet) >= 500, "500 items end", _LIMIT_SECONDS)
        _add(figures, BACKLOG, time.perf_counter() - began)


def _idle(server: FleetServer, tools: Tools, figures: dict[str, Figure]) -> None:
    with _fleet(server) as fleet:
        folder = fleet.folder / "shop"
        folder.mkdir()
        real = RealFleet(server, fleet.folder, tools.millrace)
        host = real.host("ci-1", folder)
        try:
            host.start()
            wait_until(lambda: host.is_ready, "it is ready")
            assert host.process is not None
            time.sleep(3)
            postgres = _postgres_cpu(server)
            before, before_postgres = cpu_seconds_of(host.process.pid), postgres()
            time.sleep(_IDLE_SECONDS)
            spent = cpu_seconds_of(host.process.pid) - before
            _add(figures, IDLE, 1000 * spent / _IDLE_SECONDS)
            _add(figures, IDLE_POSTGRES, 1000 * (postgres() - before_postgres) / _IDLE_SECONDS)
            _add(figures, IDLE_MEMORY, resident_bytes(host.process.pid) / _MIB)
            began = time.perf_counter()
            ran = real.call("ps")
            _add(figures, PS, time.perf_counter() - began)
            if ran.returncode:
                raise Failed(f"fleet ps: {ran.stderr}")
        finally:
            real.close()


def _beside_run(server: FleetServer, tools: Tools, figures: dict[str, Figure]) -> None:
    """Compare the wall time of a task through the fleet with that of `millracer run`."""
    with scene(tools, Scenario()) as prepared, _folder() as folder:
        fleet = RealFleet(server, folder, tools.millrace)
        host = fleet.host("ci-1", prepared.workspace.root, "--pi-command", tools.pi)
        try:
            host.start()
            wait_until(lambda: host.is_ready, "it is ready")
            fleet.submit("ci-1", "warm", "Warm up", "--wait")
            through, alone = [], []
            for number in range(_RUNS):
                began = time.perf_counter()
                fleet.submit("ci-1", f"fleet-{number}", "Mend the widget", "--wait")
                through.append(time.perf_counter() - began)
                alone.append(_run_alone(prepared, f"alone-{number}"))
            _add(figures, OVER_RUN, statistics.median(through) - statistics.median(alone))
        finally:
            fleet.close()


def _run_alone(prepared: Scene, name: str) -> float:
    millracer = prepared.tools.millracer
    ran = run(
        prepared.run_command(millracer, "--finalizer", "summary", "--request-id", name),
        cwd=prepared.home,
        env=prepared.environment(millracer),
        limit_seconds=_LIMIT_SECONDS,
    )
    if ran.exit_code:
        raise Failed(f"run: {json.loads(ran.output)['errors']}")
    return ran.wall_seconds


@contextmanager
def _folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="millracer-bench-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _fleet(server: FleetServer, *workspaces: str) -> Iterator[Fleet]:
    """Yield a fleet; with workspaces, a host has registered them and is stopped."""
    from tests.support.fleet_hosts import open_fleet_of  # noqa: PLC0415 - forks

    with _folder() as folder, open_fleet_of(server, folder) as fleet:
        if workspaces:
            fleet.host("ci-1", *workspaces).start().ready().stop()
        yield fleet


def _names(host: int) -> list[str]:
    return [f"h{host}w{number}" for number in range(_WORKSPACES)]


def _await_all(fleet: Fleet) -> None:
    wait_until(lambda: _ended(fleet) == _SUBMISSIONS, "all items end", _LIMIT_SECONDS)


def _ended(fleet: Fleet) -> int:
    (row,) = fleet.sql("select count(*) as n from fleet.items where ended_at is not null")
    return int(row["n"])


def _add(figures: dict[str, Figure], name: str, value: float) -> None:
    figures[name].millracer.values.append(value)


class _PostgresCpu:
    """The CPU of a server's processes, also of those that have ended since the last call."""

    def __init__(self, postmaster: int) -> None:
        self._postmaster = postmaster

    def __call__(self) -> float:
        """Return the seconds so far."""
        ended = cpu_seconds_of(self._postmaster, with_children=True)
        path = Path(f"/proc/{self._postmaster}/task/{self._postmaster}/children")
        living = 0.0
        for child in path.read_text(encoding="ascii").split():
            try:
                living += cpu_seconds_of(int(child))
            except (FileNotFoundError, ProcessLookupError):
                continue
        return ended + living


def _postgres_cpu(server: FleetServer) -> _PostgresCpu:
    pid = (server.server.folder / "data" / "postmaster.pid").read_text(encoding="ascii")
    return _PostgresCpu(int(pid.splitlines()[0]))
