"""What a worker uses, in memory: a store with leases, an engine, a checkout and a runner."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from millracer.cancellation import Cancellation, Wait
from millracer.domain.certificate.content import CertifiedLease
from millracer.domain.event_log import Event, EventType
from millracer.domain.fleet.hosts import (
    AnnouncedWorkspace,
    Beat,
    HostSession,
    Lease,
    OpenVerdict,
    RegisterVerdict,
    Taken,
    TakeVerdict,
)
from millracer.domain.fleet.items import FleetSubmission, Submitted, SubmitVerdict
from millracer.errors import FleetDenied, FleetError, FleetUnreachable
from millracer.ports.fleet_engine import DispatchKept, Perform, Tick
from millracer.worker.runner import CancelEffect, OnEvent

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
LIMIT_SECONDS = 30.0


def away() -> FleetUnreachable:
    return FleetUnreachable("the database is away", suggested_action="wait")


def denied() -> FleetDenied:
    return FleetDenied("the database refused the login", suggested_action="join again")


class Database:
    """The fleet's store as one host uses it; each call can fail before or after its effect."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.open_verdict = OpenVerdict.OPEN
        self.register_verdict = RegisterVerdict.REGISTERED
        self.holder: str | None = None
        self.items: dict[str, dict[str, Any]] = {}
        self.epoch = 0
        self.lease: tuple[str, int] | None = None
        self.ended: dict[str, list[Mapping[str, Any]]] = {}
        self.refused: list[Mapping[str, Any]] = []
        self.progress: list[tuple[str, str, str, int]] = []
        self.wishes: set[str] = set()
        self.held: set[str] = set()
        self.draining = False
        self.identity = "identity"
        self.reconciled: list[tuple[str, ...]] = []
        self.lost: list[str] = []
        self.labelled: list[str] = []
        self._error: Callable[[], FleetError] = away
        self._fails: dict[tuple[str, str], int] = {}
        self._lock = threading.RLock()

    def add(self, item_id: str, *, attempts: int = 0, **request: Any) -> None:
        """Add an open item."""
        self.items[item_id] = {"attempts": attempts, "request": {"request_id": "r", **request}}

    def fails(
        self, call: str, when: str, times: int = 1, error: Callable[[], FleetError] = away
    ) -> None:
        """Let a call fail `before` or `after` its effect."""
        self._fails[call, when] = times
        self._error = error

    def _is_failing(self, call: str, when: str) -> bool:
        left = self._fails.get((call, when), 0)
        self._fails[call, when] = left - 1
        return left > 0

    @contextmanager
    def _called(self, call: str) -> Iterator[None]:
        with self._lock:
            self.calls.append(call)
            if self._is_failing(call, "before"):
                raise self._error()
            yield
            if self._is_failing(call, "after"):
                raise self._error()

    def open(self, session: HostSession) -> OpenVerdict:
        with self._called("open"):
            if self.open_verdict is OpenVerdict.OPEN:
                self.holder = session.session
            return self.open_verdict

    def register(self, session: str, workspace: AnnouncedWorkspace) -> RegisterVerdict:
        with self._called("register"):
            assert session == self.holder
            return self.register_verdict

    def take(self, session: str, item_id: str, identity: str) -> Taken:
        with self._called("take"):
            item = self.items.get(item_id)
            if item is None or item_id in self.ended:
                return Taken(verdict=TakeVerdict.ENDED)
            if item_id in self.held:
                return Taken(verdict=TakeVerdict.HELD)
            if session != self.holder or identity != self.identity:
                return Taken(verdict=TakeVerdict.SUPERSEDED)
            self.epoch += 1
            item["attempts"] += 1
            self.lease = (item_id, self.epoch)
            lease = Lease(
                item_id=item_id,
                workspace_id="shop",
                identity=identity,
                host="ci-1",
                session=session,
                epoch=self.epoch,
                attempt=item["attempts"],
                dispatch=1,
                request=item["request"],
                claimed_at=NOW,
                cancel_requested=item_id in self.wishes,
            )
            return Taken(verdict=TakeVerdict.TAKEN, lease=lease)

    def deliver(self, lease: Lease, result: Mapping[str, Any]) -> bool:
        with self._called("deliver"):
            if self.ended.get(lease.item_id, []) == [result]:
                return True
            if self.lease == (lease.item_id, lease.epoch) and lease.session == self.holder:
                self.ended.setdefault(lease.item_id, []).append(result)
                return True
            self.refused.append(result)
            return False

    def report_progress(self, lease: Lease, stage: str, message: str, sequence: int) -> None:
        with self._called("report_progress"):
            self.progress.append((lease.item_id, stage, message, sequence))

    def beat(self, host: str, session: str) -> Beat | None:
        with self._called("beat"):
            if session != self.holder:
                return None
            return Beat(draining=self.draining, cancel_requested=tuple(self.wishes))

    def reconcile(self, host: str, session: str, running: Sequence[str]) -> Sequence[str]:
        with self._called("reconcile"):
            self.reconciled.append(tuple(running))
            lost, self.lost = self.lost, []
            return lost

    def submit(self, submission: FleetSubmission) -> Submitted:
        with self._called("submit"):
            is_known = submission.item_id in self.items
            self.items.setdefault(submission.item_id, {"submission": submission})
            return Submitted(verdict=SubmitVerdict.KNOWN if is_known else SubmitVerdict.NEW)

    def bind(self, host: str, session: str) -> Sequence[str]:
        with self._called("bind"):
            bound, self.labelled = self.labelled, []
            return bound


class Engine:
    """Dispatches in threads, as the test says."""

    name = "fake 1.0"

    def __init__(self, calls: list[str]) -> None:
        self.calls = calls
        self.slots: list[int] = []
        self.words: dict[str, str] = {}
        self.kept: list[str] = []
        self.is_stopped = False
        self.launch_fails = 0
        self.launched = threading.Event()
        self._perform: Perform | None = None
        self._threads: list[threading.Thread] = []

    def launch(self, perform: Perform, tick: Tick, *, slots: int) -> None:
        self.calls.append("launch")
        if self.launch_fails:
            self.launch_fails -= 1
            raise away()
        self.slots.append(slots)
        self._perform = perform
        self.tick = tick
        self.launched.set()

    def set_slots(self, slots: int) -> None:
        self.slots.append(slots)

    def stop(self) -> None:
        self.is_stopped = True

    def close(self, seconds: float) -> bool:
        return not self.kept

    def dispatch(self, item_id: str, workspace_id: str = "shop") -> threading.Thread:
        """Perform an item in a thread of the engine."""
        thread = threading.Thread(target=self._dispatch, args=(item_id, workspace_id), daemon=True)
        self._threads.append(thread)
        thread.start()
        return thread

    def _dispatch(self, item_id: str, workspace_id: str) -> None:
        assert self._perform is not None
        try:
            self.words[item_id] = self._perform(item_id, workspace_id)
        except DispatchKept:
            self.kept.append(item_id)


@dataclass
class FakeCheckout:
    """A checkout whose lock is of this process."""

    calls: list[str]
    workspace_id: str = "shop"
    root: str = "/shop"
    lock: threading.Lock = field(default_factory=threading.Lock)
    leases: list[Lease] = field(default_factory=list)
    current: str = "identity"

    def identity(self) -> str:
        return self.current

    def secret(self) -> str:
        return f"secret of {self.current}"

    @contextmanager
    def hold(self, wait: Wait) -> Iterator[None]:
        while not self.lock.acquire(timeout=0.01):
            wait.cancellation.raise_if_cancelled()
        self.calls.append("lock")
        try:
            yield
        finally:
            self.calls.append("unlock")
            self.lock.release()

    def write_lease(self, lease: Lease) -> None:
        self.calls.append("lease")
        self.leases.append(lease)

    def clear_lease(self) -> None:
        self.calls.append("no lease")


class Clock:
    """A clock that the test sets."""

    def __init__(self) -> None:
        self.moment = NOW

    def now(self) -> datetime:
        return self.moment

    def monotonic(self) -> float:
        return 0.0


class Runner:
    """Runs that end as the test says; by default each is completed at once."""

    def __init__(self, clock: Clock, calls: list[str]) -> None:
        self.clock = clock
        self.calls = calls
        self.runs: list[Mapping[str, Any]] = []
        self.cancelled: list[str] = []
        self.certified: list[tuple[str, CertifiedLease]] = []
        self.started = threading.Event()
        self.plays: list[Callable[[Cancellation, OnEvent], dict[str, Any]]] = []
        self.effects: list[CancelEffect] = []

    def run(
        self,
        request: Mapping[str, Any],
        root: str,
        cancellation: Cancellation,
        on_event: OnEvent,
    ) -> dict[str, Any]:
        self.calls.append("run")
        self.runs.append(request)
        self.started.set()
        play = self.plays.pop(0) if self.plays else self.complete
        return play(cancellation, on_event)

    def certify(self, document: dict[str, Any], root: str, lease: CertifiedLease) -> dict[str, Any]:
        self.certified.append((root, lease))
        return {**document, "certificate": {"payload": lease.item}}

    def cancel(self, item_id: str, root: str) -> CancelEffect:
        self.calls.append("cancel")
        self.cancelled.append(item_id)
        return self.effects.pop(0) if self.effects else CancelEffect.CANCELLED

    def complete(self, _cancellation: Cancellation, _on_event: OnEvent) -> dict[str, Any]:
        return document("succeeded", "completed", at=self.clock.now())

    def until_cancelled(self, cancellation: Cancellation, on_event: OnEvent) -> dict[str, Any]:
        on_event(joined(), 7)
        assert wait_for(lambda: cancellation.reason is not None)
        return document("cancelled", "cancelled")

    def blocked(self, _cancellation: Cancellation, _on_event: OnEvent) -> dict[str, Any]:
        return document("blocked", "blocked")


def document(
    status: str, outcome: str, *, at: datetime | None = None, item: str = "item-1"
) -> dict[str, Any]:
    """Return the parts of an ops result that the worker reads."""
    completed = outcome == "completed"
    facts = [{"at": (at or NOW).isoformat()}] if completed else []
    return {
        "status": status,
        "warnings": [],
        "completion": {
            "outcome": outcome,
            "scoped_completion": completed,
            "evidence_summary": facts,
        },
        "raw_compat": {"work_item_id": item},
    }


def joined() -> Event:
    """Return the event of a run that has taken a daemon over."""
    return Event(type=EventType.RUNTIME_STARTED, at=NOW, message="joined")


def stage(name: str) -> Event:
    """Return the event of a stage that began."""
    return Event(
        type=EventType.STAGE_STARTED, at=NOW, message=f"{name} began", payload={"stage": name}
    )


def earlier() -> datetime:
    """Return a time before every lease."""
    return NOW - timedelta(seconds=1)


def wait_for(condition: Callable[[], object]) -> bool:
    """Wait until a condition holds; False after the limit."""
    pause = threading.Event()
    for _ in range(int(LIMIT_SECONDS / 0.005)):
        if condition():
            return True
        pause.wait(0.005)
    return False
