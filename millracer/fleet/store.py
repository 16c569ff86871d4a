"""The fleet's stores on PostgreSQL: a method calls a function, or reads a view, of `fleet`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from millracer.domain.fleet.hosts import (
    AnnouncedWorkspace,
    Beat,
    FleetHost,
    FleetWorkspace,
    HostSession,
    Lease,
    OpenVerdict,
    RegisterVerdict,
    Taken,
    TakeVerdict,
)
from millracer.domain.fleet.items import (
    CancelVerdict,
    FleetItem,
    FleetItemDetail,
    FleetItemState,
    FleetSchedule,
    FleetSubmission,
    ItemFilter,
    Submitted,
    SubmitVerdict,
    list_order,
)
from millracer.domain.fleet.setup import FleetPlace
from millracer.fleet import rows
from millracer.fleet.connection import CALL_SECONDS, Connection, FleetConnection
from millracer.ports.fleet_store import FleetHostStore, FleetStore

_PRUNE_SECONDS: Final = 600.0

_COLUMNS: Final = ", ".join(rows.ITEM_COLUMNS)
_ITEM: Final = f"select {_COLUMNS} from fleet.overview_of(%s)"  # noqa: S608 - constants
_DETAIL: Final = f"select {_COLUMNS}, request, result from fleet.overview_of(%s)"  # noqa: S608 - constants
_SUBMIT: Final = "select fleet.submit(%s, %s, %s, %s, %s, %s, %s) as answer"
#: The engine's words that an item of a state may have; without one: any.
_STATUSES: Final[Mapping[FleetItemState, Sequence[str]]] = {
    FleetItemState.QUEUED: ("UNBOUND", "ENQUEUED", "DELAYED"),
    FleetItemState.RUNNING: ("PENDING", "CANCELLED"),
    FleetItemState.SET_ASIDE: ("MAX_RECOVERY_ATTEMPTS_EXCEEDED",),
}
_REFUSED: Final = "select at, item, epoch, session, why, result from fleet.refused where item = %s"


class PostgresFleet(FleetStore, FleetHostStore):
    """Both ports over one kept connection; for any thread.

    Args:
        place: where the database is; the role that logs in there decides which calls are allowed.
        call_seconds: how long one call may take before the connection is given up.
    """

    def __init__(self, place: FleetPlace, *, call_seconds: float = CALL_SECONDS) -> None:
        self._place = place
        self._connection = FleetConnection(place, call_seconds=call_seconds)

    @property
    def place(self) -> FleetPlace:
        """Where the database is."""
        return self._place

    def close(self) -> None:
        """Close the connection; repeatable, and a later call opens it again."""
        self._connection.close()

    def submit(self, submission: FleetSubmission) -> Submitted:
        """Store and dispatch an item, once for each key."""
        values = (
            submission.item_id,
            submission.workspace_id,
            submission.label,
            submission.request_hash,
            json.dumps(submission.request),
            submission.priority,
            submission.not_before,
        )

        def work(connection: Connection) -> tuple[str, dict[str, Any] | None]:
            with connection.transaction():  # an item that cannot be returned is not stored
                row = connection.execute(_SUBMIT, values).fetchone() or {}
                return row["answer"], connection.execute(_ITEM, values[:1]).fetchone()

        word, found = self._connection.run(work)
        verdict = SubmitVerdict(word)
        if verdict not in {SubmitVerdict.NEW, SubmitVerdict.KNOWN}:
            return Submitted(verdict=verdict)
        return Submitted(verdict=verdict, item=None if found is None else rows.read_item(found))

    def find_item(self, item_id: str) -> FleetItemDetail | None:
        """Return one item, or None."""
        found = self._query(_DETAIL, item_id)
        if not found:
            return None
        refused = self._query(f"{_REFUSED} order by at", item_id)
        return FleetItemDetail(
            item=rows.read_item(found[0]),
            request=found[0]["request"],
            result=found[0]["result"],
            refused=tuple(map(rows.read_refused, refused)),
        )

    def find_ids(self, beginning: str) -> Sequence[str]:
        """Return the ids that begin with a text; of more than two, only two."""
        found = self._query(
            "select item from fleet.item_index where starts_with(item, %s) limit 2", beginning
        )
        return tuple(row["item"] for row in found)

    def list_items(self, wanted: ItemFilter) -> Sequence[FleetItem]:
        """Return the items of a filter: running first, then by priority and submission."""
        conditions, values = ["true"], list[Any]()
        for column, value in (("workspace", wanted.workspace_id), ("host", wanted.host)):
            if value is not None:
                conditions.append(f"{column} = %s")
                values.append(value)
        if wanted.state is FleetItemState.ENDED:
            conditions.append("ended_at is not null")
        elif wanted.open_only or wanted.state is not None:
            conditions.append("ended_at is null")
        derived = wanted.state not in {None, FleetItemState.ENDED}
        statuses = None if wanted.state is None else _STATUSES.get(wanted.state)
        if statuses is not None:
            conditions.append("dispatch_status = any (%s)")
            values.append(list(statuses))
        # An array, unlike a join, is looked up in an index before anything else is read.
        chosen = (
            f"select item from fleet.item_index where {' and '.join(conditions)} "  # noqa: S608 - constants
            "order by submitted_at desc"
        )
        if not derived:
            chosen += f" limit {wanted.limit:d}"
        found = self._query(
            f"select {_COLUMNS} from fleet.overview where item = any (array({chosen})) "  # noqa: S608 - constants
            "order by submitted_at desc",
            *values,
        )
        items = [rows.read_item(row) for row in found]
        if derived:
            items = [each for each in items if each.state is wanted.state][: wanted.limit]
        return tuple(sorted(items, key=list_order))

    def cancel(self, item_id: str, reason: str) -> CancelVerdict:
        """Cancel an item that has not started; request it of the host otherwise."""
        (word,) = self._call("cancel", item_id, rows.storable(reason))
        return CancelVerdict(word)

    def retry(self, item_id: str) -> bool:
        """Dispatch an item that was set aside again; return whether it was set aside."""
        return bool(*self._call("retry", item_id))

    def list_hosts(self) -> Sequence[FleetHost]:
        """Return every host, by name."""
        found = self._query("select * from fleet.host_overview order by host")
        return tuple(map(rows.read_host, found))

    def drain(self, host: str, *, draining: bool, note: str = "") -> bool:
        """Let a host start nothing new, or end that; return whether the host is known."""
        return bool(*self._call("drain", host, draining, rows.storable(note)))

    def list_workspaces(self) -> Sequence[FleetWorkspace]:
        """Return every workspace, by id."""
        found = self._query("select * from fleet.workspace_overview order by workspace")
        return tuple(map(rows.read_workspace, found))

    def pause(
        self, workspace_id: str, *, paused: bool, note: str = "", until: datetime | None = None
    ) -> bool:
        """Let no item start in a workspace, or end that; return whether it is known."""
        return bool(*self._call("pause", workspace_id, paused, rows.storable(note), until))

    def forget_workspace(self, workspace_id: str) -> bool:
        """Remove a workspace without open items; return whether it was removed."""
        return bool(*self._call("forget_workspace", workspace_id))

    def release_workspace(self, workspace_id: str) -> bool:
        """Give up the checkout of a workspace, which is lost; return whether that was possible."""
        return bool(*self._call("release_workspace", workspace_id))

    def list_schedules(self) -> Sequence[FleetSchedule]:
        """Return every schedule, by name."""
        found = self._query("select * from fleet.schedule_overview order by schedule_name")
        return tuple(map(rows.read_schedule, found))

    def put_schedule(self, schedule: FleetSchedule) -> bool:
        """Add a schedule or replace the one of the same name; return whether it was new."""
        from millracer.fleet import schedules  # noqa: PLC0415 - loads the engine

        return schedules.put(self._place, schedule)

    def remove_schedule(self, name: str) -> bool:
        """Remove a schedule; return whether there was one."""
        from millracer.fleet import schedules  # noqa: PLC0415 - loads the engine

        return schedules.remove(self._place, name)

    def prune(self, older_than: timedelta) -> int:
        """Delete items that ended before that time, with their dispatches; return how many."""
        return int(*self._call("prune", older_than, seconds=_PRUNE_SECONDS))

    def void_leases(self) -> int:
        """Void every lease and dispatch all open items again; return how many.

        For a database that was restored from a backup.
        """
        return int(*self._call("after_restore", seconds=_PRUNE_SECONDS))

    def open(self, session: HostSession) -> OpenVerdict:
        """Make this session the holder of the host's name."""
        (word,) = self._call(
            "open",
            session.host,
            session.session,
            session.machine,
            session.boot,
            session.pid,
            session.version,
            session.slots,
            session.holder_is_dead,
            session.take_over,
        )
        return OpenVerdict(word)

    def register(self, session: str, workspace: AnnouncedWorkspace) -> RegisterVerdict:
        """Announce a workspace of this host."""
        (word,) = self._call(
            "register",
            session,
            workspace.workspace_id,
            workspace.root,
            workspace.identity,
            workspace.secret,
            list(workspace.labels),
        )
        return RegisterVerdict(word)

    def take(self, session: str, item_id: str, identity: str) -> Taken:
        """Begin the next lease of the item's workspace for this item."""
        (row,) = self._query("select * from fleet.take(%s, %s, %s)", session, item_id, identity)
        verdict = TakeVerdict(row["verdict"])
        if verdict is not TakeVerdict.TAKEN:
            return Taken(verdict=verdict)
        lease = Lease(
            item_id=item_id,
            workspace_id=row["workspace"],
            identity=identity,
            host=row["host"],
            session=session,
            epoch=row["epoch"],
            attempt=row["attempts"],
            dispatch=row["dispatch"],
            request=row["request"],
            claimed_at=rows.in_utc(row["claimed_at"]),
            cancel_requested=row["wish"] is not None,
        )
        return Taken(verdict=verdict, lease=lease)

    def deliver(self, lease: Lease, result: Mapping[str, Any]) -> bool:
        """End an item with its result; a result under a former lease is kept as refused."""
        document = json.dumps(rows.storable(result))
        return self._call("deliver", *_key(lease), document) == (None,)

    def report_progress(self, lease: Lease, stage: str, message: str, sequence: int) -> None:
        """Replace the item's progress row, if the lease is the workspace's."""
        self._call("progress", *_key(lease), rows.storable(stage), rows.storable(message), sequence)

    def beat(self, host: str, session: str) -> Beat | None:
        """Record a heartbeat; None if another session holds the host's name."""
        found = self._query("select * from fleet.beat(%s, %s)", host, session)
        if not found:
            return None
        (row,) = found
        return Beat(draining=row["draining"], cancel_requested=tuple(row["wishes"]))

    def end_session(self, host: str, session: str) -> None:
        """Give up the host's name; nothing happens if another session holds it."""
        self._call("close", host, session)

    def reconcile(self, host: str, session: str, running: Sequence[str]) -> Sequence[str]:
        """Dispatch open items again whose dispatch has ended; return their ids."""
        (again,) = self._call("reconcile", host, session, list(running))
        return tuple(again)

    def bind(self, host: str, session: str) -> Sequence[str]:
        """Bind waiting items with a label to free workspaces of this host; return their ids."""
        (bound,) = self._call("bind", host, session)
        return tuple(bound)

    def now(self) -> datetime:
        """Return the database's clock."""
        (row,) = self._query("select clock_timestamp() as now")
        return rows.in_utc(row["now"])

    def _call(self, function: str, *values: Any, seconds: float | None = None) -> tuple[Any, ...]:
        marks = ", ".join(["%s"] * len(values))
        statement = f"select fleet.{function}({marks}) as answer"
        (row,) = self._query(statement, *values, seconds=seconds)
        return (row["answer"],)

    def _query(
        self, statement: str, *values: Any, seconds: float | None = None
    ) -> list[dict[str, Any]]:
        return self._connection.run(
            lambda connection: connection.execute(statement, values).fetchall(),
            seconds=seconds,
        )


def _key(lease: Lease) -> tuple[str, str, int, str]:
    return lease.session, lease.item_id, lease.epoch, lease.identity
