"""A fleet in memory with one host and two workspaces, as operations and their callers use it."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, cast

from millracer.cancellation import Cancellation
from millracer.domain.fleet.hosts import AnnouncedWorkspace, HostSession, Lease
from millracer.domain.fleet.items import FleetItem
from millracer.domain.fleet.waiting import DispatchStatus
from millracer.domain.operations import OperationName
from millracer.domain.operations.fleet_requests import FleetSubmitRequest, FleetTask
from millracer.operations.answer import Answer
from millracer.operations.context import OperationContext
from millracer.operations.fleet_access import FleetAccess
from millracer.operations.registry import perform
from millracer.testing.clock import FrozenClock
from millracer.testing.fleet import InMemoryFleet

HOST, SHOP, API = "ci-1", "shop", "api"
SESSION = "7a0d4c8e-0000-4000-8000-000000000001"
IDENTITIES = {
    SHOP: "7a0d4c8e-0000-4000-8000-00000000000a",
    API: "7a0d4c8e-0000-4000-8000-00000000000b",
}
START = FrozenClock().now()


@dataclass
class FleetClock:
    """The database's clock, which a test moves."""

    at: datetime = START

    def now(self) -> datetime:
        """Return the time."""
        return self.at

    def pass_time(self, **span: float) -> None:
        """Let time pass."""
        self.at += timedelta(**span)


@dataclass
class FleetScene:
    """The fleet, and a caller of its operations.

    Attributes:
        seen: the items that an operation reported while it waited.
    """

    clock: FleetClock = field(default_factory=FleetClock)
    cancellation: Cancellation = field(default_factory=Cancellation)
    seen: list[FleetItem] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.fleet = InMemoryFleet(role="owner", now=self.clock.now)
        session = HostSession(
            host=HOST, session=SESSION, machine="m", boot="b", pid=7, version="1", slots=2
        )
        self.fleet.open(session)
        for name, identity in IDENTITIES.items():
            labels = ("python",) if name == SHOP else ()
            self.fleet.register(
                SESSION,
                AnnouncedWorkspace(
                    workspace_id=name,
                    root=f"/srv/{name}",
                    identity=identity,
                    secret=name,
                    labels=labels,
                ),
            )

    @property
    def access(self) -> FleetAccess:
        """The access to the fleet; each change is kept in `seen`."""
        return FleetAccess(open=lambda: nullcontext(self.fleet), on_change=self.seen.append)

    @property
    def context(self) -> OperationContext:
        """The context of a caller."""
        unused = cast("Any", None)
        return OperationContext.without_workspace(
            tools=unused,
            options=unused,
            clock=cast("Any", self.clock),
            cancellation=self.cancellation,
            fleet=self.access,
        )

    def perform(self, name: OperationName, request: object) -> Answer[Any]:
        """Perform an operation, as every caller does."""
        return perform(name, request, self.context)

    def submit(self, text: str = "Fix the header", **fields: Any) -> Answer[Any]:
        """Submit a task to the workspace `shop`, unless the fields say otherwise."""
        names = ("request_id", "idempotency_key", "scope", "context_refs", "options")
        task = {name: fields.pop(name) for name in names if name in fields}
        request = FleetSubmitRequest(
            task=FleetTask(text=text, **{"request_id": "r-1", **task}),
            **{"workspace_id": None if "label" in fields else SHOP, **fields},
        )
        return self.perform(OperationName.FLEET_SUBMIT, request)

    def add(self, text: str = "Fix the header", **fields: Any) -> str:
        """Submit a task and return the item's id."""
        item_id: str = self.submit(text, **fields).result.item.work_item_id
        return item_id

    def begin(self) -> Lease:
        """Let the host take its next item."""
        item_id = self.fleet.claim_next(HOST)
        assert item_id is not None
        detail = self.fleet.find_item(item_id)
        assert detail is not None
        identity = IDENTITIES[detail.item.workspace_id or SHOP]
        lease = self.fleet.take(SESSION, item_id, identity).lease
        assert lease is not None
        return lease

    def end(self, lease: Lease, outcome: str = "completed", **more: Any) -> None:
        """Let the host deliver a result."""
        assert self.fleet.deliver(lease, result(lease, outcome, **more))
        self.fleet.end_dispatch(lease.item_id, DispatchStatus.SUCCESS)


def result(lease: Lease, outcome: str = "completed", **more: Any) -> dict[str, Any]:
    """Return an ops result with its lease, as a worker delivers it."""
    is_completed = outcome == "completed"
    return {
        "schema_version": "millracer.ops.v0.3",
        "status": "succeeded" if is_completed else "failed",
        "errors": [],
        "completion": {
            "outcome": outcome,
            "scoped_completion": is_completed,
            "evidence_summary": [],
            "missing_evidence": [] if is_completed else ["a passed check"],
            "verification_status": "verified" if is_completed else "unverified",
            "terminal_outcome_ref": None,
        },
        "evidence_refs": ["runs/1"],
        "fleet": {"item": lease.item_id, "epoch": lease.epoch, "identity": lease.identity},
        **more,
    }
