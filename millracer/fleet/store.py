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
    FleetItemDetail,
    FleetItems,
    FleetItemState,
    FleetSchedule,
    FleetSubmission,
    ItemFilter,
    Submitted,
    SubmitVerdict,
    list_order,
    newest_order,
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
#: The items of `fleet.item_index` that may be in a state: exactly those that are, unless only the
#: lease decides.
_IN_STATE: Final[Mapping[FleetItemState, str]] = {
    FleetItemState.QUEUED: "ended_at is null "
    "and (workspace is null or dispatch_status in ('ENQUEUED', 'DELAYED'))",
    FleetItemState.RUNNING: "ended_at is null and dispatch_status in ('PENDING', 'CANCELLED')",
    FleetItemState.SET_ASIDE: "ended_at is null "
    "and dispatch_status = 'MAX_RECOVERY_ATTEMPTS_EXCEEDED'",
    FleetItemState.RELEASED: "ended_at is null and workspace is not null "
    "and coalesce(dispatch_status, '') not in "
    "('ENQUEUED', 'DELAYED', 'PENDING', 'MAX_RECOVERY_ATTEMPTS_EXCEEDED')",
    FleetItemState.ENDED: "ended_at is not null",
}
_LEASE_DECIDES: Final = frozenset({FleetItemState.RUNNING, FleetItemState.RELEASED})
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

    def list_items(self, wanted: ItemFilter) -> FleetItems:
        """Return the first items of a filter in its order, and how many match it."""
        names = (("workspace", wanted.workspace_id), ("host", wanted.host))
        values = [value for _, value in names if value is not None]
        conditions = [f"{column} = %s" for column, value in names if value is not None]
        if wanted.state is not None:
            conditions.append(_IN_STATE[wanted.state])
        elif wanted.open_only:
            conditions.append("ended_at is null")
        matching = "from fleet.item_index where " + " and ".join(["true", *conditions])
        is_exact = wanted.state not in _LEASE_DECIDES
        limit = f"limit {wanted.limit:d}" if is_exact else ""
        # Arrays, unlike a join, are looked up in an index before anything else is read.
        parts = [f"array(select item {matching} and {part} {limit})" for part in _parts(wanted)]
        if wanted.state is None and not wanted.newest_first:
            running = _IN_STATE[FleetItemState.RUNNING]
            parts.append(f"array(select item {matching} and {running})")
        found = self._query(
            f"select {_COLUMNS}, (select count(*) {matching}) as total from fleet.overview "  # noqa: S608 - constants
            f"where item = any ({' || '.join(parts)})",
            *values * (1 + len(parts)),
        )
        items = map(rows.read_item, found)
        kept = sorted(
            (each for each in items if wanted.state in {None, each.state}),
            key=newest_order if wanted.newest_first else list_order,
        )
        total = found[0]["total"] if found and is_exact else len(kept)
        return FleetItems(items=tuple(kept[: wanted.limit]), total=total)

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


def _parts(wanted: ItemFilter) -> Sequence[str]:
    """Return the ends of the queries that choose the first items of each kind, by an index."""
    if wanted.newest_first:
        return ("true order by submitted_at desc, item",)
    waiting = "ended_at is null order by priority, submitted_at, item"
    ended = "ended_at is not null order by ended_at desc, item"
    if wanted.state is FleetItemState.ENDED:
        return (ended,)
    return (waiting,) if wanted.open_only or wanted.state is not None else (waiting, ended)


def _key(lease: Lease) -> tuple[str, str, int, str]:
    return lease.session, lease.item_id, lease.epoch, lease.identity
