"""The fleet that a conformance test uses: in memory, or on PostgreSQL without the engine's worker.

What only the engine or time does is part of a scene: it claims items, ends dispatches and lets a
host fall silent.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any, Protocol

from millracer.domain.fleet.hosts import AnnouncedWorkspace, HostSession, Lease, TakeVerdict
from millracer.domain.fleet.items import FleetItem, FleetSubmission
from millracer.domain.fleet.setup import FleetPlace, FleetRole
from millracer.domain.fleet.waiting import DispatchStatus
from millracer.fleet.store import PostgresFleet
from millracer.ports.fleet_store import FleetHostStore, FleetStore
from millracer.testing.fleet import InMemoryFleet
from tests.support.postgres import PostgresServer, connected, login_role


class Fleet(FleetStore, FleetHostStore, Protocol):
    """Both ports, and what repairs a restored database."""

    def void_leases(self) -> int: ...


class Scene(Protocol):
    """A fleet as its owner, its hosts and its submitters use it."""

    def as_owner(self) -> Fleet: ...

    def as_host(self, role: str) -> Fleet: ...

    def as_submitter(self, role: str = "joe") -> Fleet: ...

    def claim_next(self, host: str) -> str | None: ...

    def end_dispatch(self, item_id: str, status: DispatchStatus | None) -> None: ...

    def fall_silent(self, host: str) -> None: ...

    def settle(self, item_id: str) -> None: ...

    def lose_claim(self, item_id: str) -> None: ...


class MemoryScene(Scene):
    """The fleet in memory."""

    def __init__(self) -> None:
        self._owner = InMemoryFleet()

    def as_owner(self) -> Fleet:
        return self._owner

    def as_host(self, role: str) -> Fleet:
        return self._owner.login(role, FleetRole.HOST)

    def as_submitter(self, role: str = "joe") -> Fleet:
        return self._owner.login(role, FleetRole.SUBMITTER)

    def claim_next(self, host: str) -> str | None:
        return self._owner.claim_next(host)

    def end_dispatch(self, item_id: str, status: DispatchStatus | None) -> None:
        self._owner.end_dispatch(item_id, status)

    def fall_silent(self, host: str) -> None:
        self._owner.fall_silent(host)

    def settle(self, item_id: str) -> None:
        self._owner.settle(item_id)

    def lose_claim(self, item_id: str) -> None:
        self._owner.lose_claim(item_id)


_EMPTY = """
truncate fleet.items, fleet.refused, fleet.workspaces, fleet.hosts cascade;
delete from dbos.workflow_status; delete from dbos.queues; delete from dbos.workflow_schedules;
"""
_DELAY_OVER = """
update dbos.workflow_status set status = 'ENQUEUED', delay_until_epoch_ms = null
where status = 'DELAYED' and delay_until_epoch_ms <= extract(epoch from clock_timestamp()) * 1000
"""
_CLAIM = """
update dbos.workflow_status set status = 'PENDING', executor_id = %(host)s,
  started_at_epoch_ms = extract(epoch from clock_timestamp()) * 1000
where workflow_uuid = (
  select workflow_uuid from dbos.workflow_status s
  where queue_name = 'host:' || %(host)s and status = 'ENQUEUED' and not exists (
    select 1 from dbos.workflow_status p where p.queue_name = s.queue_name
      and p.queue_partition_key = s.queue_partition_key and p.status = 'PENDING')
  and (select not draining and slots > (select count(*) from dbos.workflow_status p
         where p.queue_name = 'host:' || %(host)s and p.status = 'PENDING')
       from fleet.hosts where host = %(host)s)
  order by priority, created_at limit 1)
returning split_part(workflow_uuid, '~', 1)
"""


_DELETE = """
delete from dbos.workflow_status s using fleet.items i
where i.item = %s and s.workflow_uuid = i.item || '~' || i.dispatch
"""
_LOSE = """
update dbos.workflow_status s
set started_at_epoch_ms = started_at_epoch_ms - 3600000, updated_at = updated_at - 3600000
from fleet.items i where i.item = %s and s.workflow_uuid = i.item || '~' || i.dispatch
"""
_END = """
update dbos.workflow_status s set status = %s from fleet.items i
where i.item = %s and s.workflow_uuid = i.item || '~' || i.dispatch
"""


class PostgresScene(Scene):
    """The fleet on PostgreSQL; the statements of this class stand for the engine's worker."""

    def __init__(self, server: PostgresServer, place: FleetPlace) -> None:
        self._server = server
        self.place = place
        self._stores: dict[str, PostgresFleet] = {}
        self.execute(_EMPTY)

    def as_owner(self) -> Fleet:
        return self._store("", self.place)

    def as_host(self, role: str) -> Fleet:
        return self._login(role, FleetRole.HOST)

    def as_submitter(self, role: str = "joe") -> Fleet:
        return self._login(role, FleetRole.SUBMITTER)

    def claim_next(self, host: str) -> str | None:
        self.execute(_DELAY_OVER)
        with connected(self.place) as connection:
            row = connection.execute(_CLAIM, {"host": host}).fetchone()
        return None if row is None else str(row[0])

    def end_dispatch(self, item_id: str, status: DispatchStatus | None) -> None:
        if status is None:
            self.execute(_DELETE, item_id)
        else:
            self.execute(_END, status, item_id)

    def fall_silent(self, host: str) -> None:
        self.execute(
            "update fleet.hosts set seen_at = seen_at - interval '1 hour' where host = %s", host
        )

    def settle(self, item_id: str) -> None:
        self.execute(
            "update fleet.items set dispatched_at = dispatched_at - interval '1 h' where item = %s",
            item_id,
        )

    def lose_claim(self, item_id: str) -> None:
        self.settle(item_id)
        self.execute("update fleet.hosts set started_at = started_at - interval '1 hour'")
        self.execute(_LOSE, item_id)

    def execute(self, statement: str, *values: object) -> None:
        """Execute statements as the owner."""
        with connected(self.place) as connection:
            connection.execute(statement.encode(), values or None)

    def place_of(self, role: str, kind: FleetRole) -> FleetPlace:
        """Return the place as a login role uses it; the role is made."""
        return login_role(self.place, self._server, role, kind)

    def close(self) -> None:
        for store in self._stores.values():
            store.close()

    def _login(self, role: str, kind: FleetRole) -> PostgresFleet:
        if role not in self._stores:
            self._stores[role] = PostgresFleet(self.place_of(role, kind))
        return self._stores[role]

    def _store(self, role: str, place: FleetPlace) -> PostgresFleet:
        if role not in self._stores:
            self._stores[role] = PostgresFleet(place)
        return self._stores[role]


def new_uuid() -> str:
    return str(uuid.uuid4())


class HostAt:
    """A host of a scene, with its session, whose workspaces' identities derive from their ids.

    Attributes:
        name: of the host, and of its role.
        session: the session of its worker.
        store: the fleet under its role.
    """

    def __init__(self, scene: Scene, name: str, *, slots: int = 4) -> None:
        self.scene = scene
        self.name = name
        self.session = new_uuid()
        self.store = scene.as_host(f"role-{name}")
        self.opened = self.store.open(self.session_of(slots=slots))

    def session_of(self, **changes: Any) -> HostSession:
        """Return what its worker opens."""
        values: dict[str, Any] = {
            "host": self.name,
            "session": self.session,
            "machine": f"machine-{self.name}",
            "boot": "boot",
            "pid": 1,
            "version": "1",
            "slots": 4,
        }
        return HostSession(**{**values, **changes})

    def announce(self, workspace_id: str, *labels: str) -> str:
        """Register a workspace; return its identity."""
        identity = identity_of(workspace_id)
        self.store.register(
            self.session,
            AnnouncedWorkspace(
                workspace_id=workspace_id,
                root=f"/src/{workspace_id}",
                identity=identity,
                secret=secret_of(workspace_id),
                labels=labels,
            ),
        )
        return identity

    def take(self, item_id: str, workspace_id: str = "shop") -> Lease:
        """Take an item, which must succeed."""
        taken = self.store.take(self.session, item_id, identity_of(workspace_id))
        assert taken.verdict is TakeVerdict.TAKEN
        assert taken.lease is not None
        return taken.lease

    def run_next(self, workspace_id: str = "shop") -> Lease:
        """Let the engine claim the next item, and take it."""
        claimed = self.scene.claim_next(self.name)
        assert claimed is not None
        return self.take(claimed, workspace_id)


def identity_of(workspace_id: str) -> str:
    """Return the identity of the checkout of a workspace."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, workspace_id))


def secret_of(workspace_id: str) -> str:
    """Return the secret of the checkout of a workspace."""
    return f"secret of {workspace_id}"


def submission(item_id: str, **changes: Any) -> FleetSubmission:
    """Return a submission to the workspace `shop`, unless that is changed."""
    values: dict[str, Any] = {"request_hash": "hash", "request": {"task": item_id}}
    if "label" not in changes:
        values["workspace_id"] = "shop"
    return FleetSubmission(item_id=item_id, **{**values, **changes})


def result_of(lease: Lease, *, completed: bool = True, **block: object) -> Mapping[str, Any]:
    """Return the result document of a run under a lease."""
    return {
        "status": "succeeded" if completed else "failed",
        "completion": {
            "outcome": "completed" if completed else "failed",
            "scoped_completion": completed,
        },
        "fleet": {
            "item": lease.item_id,
            "epoch": lease.epoch,
            "identity": lease.identity,
            **block,
        },
    }


def item_of(store: FleetStore, item_id: str) -> FleetItem:
    """Return an item, which must exist."""
    found = store.find_item(item_id)
    assert found is not None
    return found.item
