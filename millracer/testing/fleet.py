"""The fleet in memory: both ports with the meaning of the database, and the engine's part of it.

The methods that are not of a port do what only the engine or time does: claim an item, end a
dispatch, let a host fall silent.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from millracer.domain.fleet.hosts import (
    AWAY_AFTER_SECONDS,
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
    FleetItems,
    FleetItemState,
    FleetSchedule,
    FleetSubmission,
    ItemFilter,
    ItemProgress,
    RefusedResult,
    Submitted,
    SubmitVerdict,
    list_order,
    newest_order,
)
from millracer.domain.fleet.setup import FleetRole
from millracer.domain.fleet.waiting import (
    DispatchStatus,
    WaitFacts,
    derive_state,
    explain_wait,
)
from millracer.errors import FleetDenied
from millracer.ports.fleet_store import FleetHostStore, FleetStore

_AWAY: Final = timedelta(seconds=AWAY_AFTER_SECONDS)
_SETTLED: Final = timedelta(seconds=3)
_CLAIMED: Final = timedelta(seconds=30)
_FOREVER: Final = datetime.max.replace(tzinfo=UTC)
_ENDED: Final = frozenset({DispatchStatus.SUCCESS, DispatchStatus.ERROR, DispatchStatus.CANCELLED})
_MOST_FAILURES: Final = 10
_CLOCKS_DIFFER: Final = timedelta(seconds=5)
_WAITING: Final = frozenset({DispatchStatus.ENQUEUED, DispatchStatus.DELAYED})


@dataclass(slots=True)
class _Host:
    role: str
    session: str | None = None
    machine: str = ""
    boot: str = ""
    version: str = ""
    slots: int = 1
    draining: bool = False
    note: str = ""
    started_at: datetime | None = None
    seen_at: datetime | None = None


@dataclass(slots=True)
class _Workspace:
    host: str
    root: str
    identity: str
    secret: str | None
    labels: tuple[str, ...]
    epoch: int = 0
    session: str | None = None
    item: str | None = None
    paused: bool = False
    paused_until: datetime | None = None
    note: str = ""


@dataclass(slots=True)
class _Dispatch:
    host: str
    workspace: str
    priority: int
    order: int
    status: DispatchStatus
    delayed_until: datetime | None
    claimed_at: datetime | None = None


@dataclass(slots=True)
class _Item:
    submission: FleetSubmission
    workspace: str | None
    submitted_by: str
    submitted_at: datetime
    dispatch: int = 0
    dispatched_at: datetime | None = None
    attempts: int = 0
    epoch: int | None = None
    claimed_at: datetime | None = None
    wish_at: datetime | None = None
    progress: ItemProgress | None = None
    ended_at: datetime | None = None
    outcome: str | None = None
    completed: bool | None = None
    result: Mapping[str, Any] | None = None
    refused: list[RefusedResult] = field(default_factory=list)


@dataclass(slots=True)
class _State:
    """What the database holds."""

    lock: threading.RLock = field(default_factory=threading.RLock)
    hosts: dict[str, _Host] = field(default_factory=dict)
    workspaces: dict[str, _Workspace] = field(default_factory=dict)
    items: dict[str, _Item] = field(default_factory=dict)
    dispatches: dict[tuple[str, int], _Dispatch] = field(default_factory=dict)
    schedules: dict[str, FleetSchedule] = field(default_factory=dict)
    order: int = 0


class InMemoryFleet(FleetStore, FleetHostStore):
    """Both ports over one state; for any thread.

    Args:
        role: the login role of the caller.
        kind: what the role may do; None: it owns the fleet.
        now: the database's clock.

    Attributes:
        before: called before each call with its name; may raise, such as `FleetUnreachable`.
        after: called after each call, whose effect remains; may raise.
    """

    def __init__(
        self,
        *,
        role: str = "owner",
        kind: FleetRole | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._role = role
        self._kind = kind
        self._now = now
        self._state = _State()
        self.before: Callable[[str], None] = lambda _name: None
        self.after: Callable[[str], None] = lambda _name: None

    def login(self, role: str, kind: FleetRole | None) -> InMemoryFleet:
        """Return the same fleet as another role uses it."""
        other = InMemoryFleet(role=role, kind=kind, now=self._now)
        other._state = self._state
        return other

    def close(self) -> None:
        """Do nothing: there is no connection."""

    # -- what only the engine and time do ---------------------------------------------------------

    def claim_next(self, host: str) -> str | None:
        """Let the engine claim the next item of a host's queue; return its id."""
        with self._state.lock:
            now, state = self._now(), self._state
            queue = [(key, each) for key, each in state.dispatches.items() if each.host == host]
            for _, each in queue:
                if each.status is DispatchStatus.DELAYED and (each.delayed_until or now) <= now:
                    each.status, each.delayed_until = DispatchStatus.ENQUEUED, None
            pending = {each.workspace for _, each in queue if each.status is DispatchStatus.PENDING}
            of_host = state.hosts[host]
            if of_host.draining or len(pending) >= of_host.slots:
                return None
            ready = sorted(
                (
                    (each.priority, each.order, key)
                    for key, each in queue
                    if each.status is DispatchStatus.ENQUEUED and each.workspace not in pending
                ),
            )
            if not ready:
                return None
            key = ready[0][2]
            state.dispatches[key].status = DispatchStatus.PENDING
            state.dispatches[key].claimed_at = now
            return key[0]

    def end_dispatch(self, item_id: str, status: DispatchStatus | None) -> None:
        """Let the engine end the present dispatch of an item; None: its row is gone."""
        with self._state.lock:
            key = (item_id, self._state.items[item_id].dispatch)
            if status is None:
                del self._state.dispatches[key]
            else:
                self._state.dispatches[key].status = status

    def fall_silent(self, host: str) -> None:
        """Let the last heartbeat of a host be an hour old."""
        with self._state.lock:
            self._state.hosts[host].seen_at = self._now() - timedelta(hours=1)

    def settle(self, item_id: str) -> None:
        """Let the last dispatch of an item be an hour old."""
        with self._state.lock:
            self._state.items[item_id].dispatched_at = self._now() - timedelta(hours=1)

    def lose_claim(self, item_id: str) -> None:
        """Let an hour have passed since the engine claimed an item for its host."""
        with self._state.lock:
            item = self._state.items[item_id]
            dispatch = self._state.dispatches[item_id, item.dispatch]
            past = self._now() - timedelta(hours=1)
            item.dispatched_at = dispatch.claimed_at = past
            self._state.hosts[dispatch.host].started_at = past

    # -- clients ----------------------------------------------------------------------------------

    def submit(self, submission: FleetSubmission) -> Submitted:
        with self._call("submit", *FleetRole):
            state, known = self._state, self._state.items.get(submission.item_id)
            if known is not None:
                same = (
                    known.submission.request_hash == submission.request_hash
                    and known.submission.label == submission.label
                    and (submission.label is not None or known.workspace == submission.workspace_id)
                )
                if not same:
                    return Submitted(verdict=SubmitVerdict.CONFLICT)
                item = self._item(submission.item_id)
                return Submitted(verdict=SubmitVerdict.KNOWN, item=item)
            if submission.label is None:
                if submission.workspace_id not in state.workspaces:
                    return Submitted(verdict=SubmitVerdict.WORKSPACE_UNKNOWN)
            elif not any(submission.label in each.labels for each in state.workspaces.values()):
                return Submitted(verdict=SubmitVerdict.LABEL_UNKNOWN)
            stored = replace(submission, request=json.loads(json.dumps(submission.request)))
            state.items[submission.item_id] = _Item(
                submission=stored,
                workspace=None if submission.label is not None else submission.workspace_id,
                submitted_by=self._role,
                submitted_at=self._now(),
            )
            if submission.label is None:
                self._dispatch(submission.item_id)
            return Submitted(verdict=SubmitVerdict.NEW, item=self._item(submission.item_id))

    def find_item(self, item_id: str) -> FleetItemDetail | None:
        with self._call("find_item", *FleetRole):
            item = self._state.items.get(item_id)
            if item is None:
                return None
            return FleetItemDetail(
                item=self._item(item_id),
                request=item.submission.request,
                result=item.result,
                refused=tuple(item.refused),
            )

    def find_ids(self, beginning: str) -> Sequence[str]:
        with self._call("find_ids", *FleetRole):
            found = [item_id for item_id in self._state.items if item_id.startswith(beginning)]
            return tuple(found[:2])

    def list_items(self, wanted: ItemFilter) -> FleetItems:
        with self._call("list_items", *FleetRole):
            items = map(self._item, self._state.items)
            found = [each for each in items if _is_wanted(each, wanted)]
            found.sort(key=newest_order if wanted.newest_first else list_order)
            return FleetItems(items=tuple(found[: wanted.limit]), total=len(found))

    def cancel(self, item_id: str, reason: str) -> CancelVerdict:
        with self._call("cancel", *FleetRole):
            item = self._state.items.get(item_id)
            if item is None:
                return CancelVerdict.UNKNOWN
            if item.ended_at is not None:
                return CancelVerdict.ENDED
            item.wish_at = item.wish_at or self._now()
            if item.attempts == 0:
                item.ended_at, item.outcome, item.completed = self._now(), "cancelled", False
                self._withdraw(item_id, item, _WAITING)
                return CancelVerdict.CANCELLED
            dispatch = self._dispatch_of(item_id)
            if dispatch is not None and dispatch.status is DispatchStatus.SET_ASIDE:
                self._dispatch(item_id)
                dispatch = self._dispatch_of(item_id)
            if dispatch is not None and dispatch.status is DispatchStatus.DELAYED:
                dispatch.status, dispatch.delayed_until = DispatchStatus.ENQUEUED, None
            return CancelVerdict.REQUESTED

    def retry(self, item_id: str) -> bool:
        with self._call("retry", FleetRole.HOST):
            item, dispatch = self._state.items.get(item_id), self._dispatch_of(item_id)
            if item is None:
                return False
            self._require_operator(self._host_of(item))
            if item.ended_at is not None or dispatch is None:
                return False
            if dispatch.status is not DispatchStatus.SET_ASIDE:
                return False
            self._dispatch(item_id)
            return True

    def list_hosts(self) -> Sequence[FleetHost]:
        with self._call("list_hosts", *FleetRole):
            return tuple(self._host(name) for name in sorted(self._state.hosts))

    def drain(self, host: str, *, draining: bool, note: str = "") -> bool:
        with self._call("drain", FleetRole.HOST):
            found = self._state.hosts.get(host)
            if found is None:
                return False
            self._require_operator(host)
            found.draining, found.note = draining, note
            return True

    def list_workspaces(self) -> Sequence[FleetWorkspace]:
        with self._call("list_workspaces", *FleetRole):
            return tuple(self._workspace(name) for name in sorted(self._state.workspaces))

    def pause(
        self, workspace_id: str, *, paused: bool, note: str = "", until: datetime | None = None
    ) -> bool:
        with self._call("pause", FleetRole.HOST):
            workspace = self._state.workspaces.get(workspace_id)
            if workspace is None:
                return False
            self._require_operator(workspace.host)
            workspace.paused, workspace.note = paused, note
            workspace.paused_until = until if paused else None
            for item_id, item in self._open_in(workspace_id):
                dispatch = self._dispatch_of(item_id)
                if dispatch is not None and dispatch.status in _WAITING:
                    held = self._held_until(workspace, item)
                    dispatch.delayed_until = held
                    dispatch.status = (
                        DispatchStatus.ENQUEUED if held is None else DispatchStatus.DELAYED
                    )
            return True

    def forget_workspace(self, workspace_id: str) -> bool:
        with self._call("forget_workspace", FleetRole.HOST):
            workspace = self._state.workspaces.get(workspace_id)
            if workspace is None:
                return False
            self._require_operator(workspace.host)
            if any(self._open_in(workspace_id)):
                return False
            del self._state.workspaces[workspace_id]
            return True

    def release_workspace(self, workspace_id: str) -> bool:
        with self._call("release_workspace", FleetRole.HOST):
            workspace = self._state.workspaces.get(workspace_id)
            if workspace is None:
                return False
            self._require_operator(workspace.host)
            if not self._is_away(self._state.hosts[workspace.host]):
                return False
            workspace.epoch += 1
            workspace.secret = workspace.session = workspace.item = None
            return True

    def list_schedules(self) -> Sequence[FleetSchedule]:
        with self._call("list_schedules", *FleetRole):
            return tuple(each for _, each in sorted(self._state.schedules.items()))

    def put_schedule(self, schedule: FleetSchedule) -> bool:
        with self._call("put_schedule", FleetRole.HOST):
            is_new = schedule.name not in self._state.schedules
            self._state.schedules[schedule.name] = schedule
            return is_new

    def remove_schedule(self, name: str) -> bool:
        with self._call("remove_schedule", FleetRole.HOST):
            return self._state.schedules.pop(name, None) is not None

    def prune(self, older_than: timedelta) -> int:
        with self._call("prune", FleetRole.HOST):
            self._require_operator(None)
            before = self._now() - older_than
            old = [
                item_id
                for item_id, item in self._state.items.items()
                if item.ended_at is not None and item.ended_at < before
            ]
            for item_id in old:
                del self._state.items[item_id]
            for key in [key for key in self._state.dispatches if key[0] in old]:
                del self._state.dispatches[key]
            return len(old)

    def void_leases(self) -> int:
        with self._call("void_leases", FleetRole.HOST):
            self._require_operator(None)
            for workspace in self._state.workspaces.values():
                workspace.epoch += 1_000_000
                workspace.session = workspace.item = None
            for host in self._state.hosts.values():
                host.session = None
            again = [
                item_id
                for item_id, item in self._state.items.items()
                if item.ended_at is None and item.workspace is not None
            ]
            for item_id in again:
                self._withdraw(item_id, self._state.items[item_id], {*_WAITING, "PENDING"})
                self._dispatch(item_id)
            return len(again)

    # -- hosts ------------------------------------------------------------------------------------

    def open(self, session: HostSession) -> OpenVerdict:
        with self._call("open", FleetRole.HOST):
            host = self._state.hosts.setdefault(session.host, _Host(role=self._role))
            if host.role != self._role:
                return OpenVerdict.OTHER_ROLE
            if host.session not in {None, session.session}:
                same = host.machine == session.machine
                if self._is_away(host):
                    if not same and not session.take_over:
                        return OpenVerdict.OTHER_MACHINE
                elif not (session.holder_is_dead and same and host.boot == session.boot):
                    return OpenVerdict.HELD
            host.session, host.machine, host.boot = session.session, session.machine, session.boot
            host.version, host.slots = session.version, session.slots
            host.started_at = host.seen_at = self._now()
            return OpenVerdict.OPEN

    def register(self, session: str, workspace: AnnouncedWorkspace) -> RegisterVerdict:
        with self._call("register", FleetRole.HOST):
            own = self._session_host(session)
            if own is None:
                return RegisterVerdict.SUPERSEDED
            labels = tuple(workspace.labels)
            known = self._state.workspaces.get(workspace.workspace_id)
            if known is None:
                self._state.workspaces[workspace.workspace_id] = _Workspace(
                    own, workspace.root, workspace.identity, workspace.secret, labels
                )
                return RegisterVerdict.REGISTERED
            replaces = known.secret is None or known.host != own
            if known.secret is None:
                pass
            elif known.host != own:
                former = self._state.hosts[known.host]
                if (known.identity, known.secret) != (
                    workspace.identity,
                    workspace.secret,
                ) or not self._is_away(former):
                    return RegisterVerdict.OTHER_HOST
            elif known.identity != workspace.identity:
                return RegisterVerdict.OTHER_CHECKOUT
            known.host, known.root, known.labels = own, workspace.root, labels
            known.identity, known.secret = workspace.identity, workspace.secret
            if replaces:
                known.epoch, known.session, known.item = known.epoch + 1, None, None
                for item_id, item in self._open_in(workspace.workspace_id):
                    self._withdraw(item_id, item, {*_WAITING, "PENDING"})
                    self._dispatch(item_id)
            return RegisterVerdict.REGISTERED

    def take(self, session: str, item_id: str, identity: str) -> Taken:
        with self._call("take", FleetRole.HOST):
            item = self._state.items.get(item_id)
            if item is None or item.ended_at is not None:
                return Taken(verdict=TakeVerdict.ENDED)
            own = self._session_host(session)
            workspace = self._state.workspaces.get(item.workspace or "")
            held = None if workspace is None else self._held_until(workspace, item)
            if not item.attempts and held is not None and held > self._now() + _CLOCKS_DIFFER:
                return Taken(verdict=TakeVerdict.HELD)
            if own is None or workspace is None:
                return Taken(verdict=TakeVerdict.SUPERSEDED)
            if workspace.host != own or workspace.identity != identity:
                return Taken(verdict=TakeVerdict.SUPERSEDED)
            workspace.epoch += 1
            workspace.session, workspace.item = session, item_id
            item.epoch, item.attempts, item.claimed_at = (
                workspace.epoch,
                item.attempts + 1,
                self._now(),
            )
            dispatch = self._dispatch_of(item_id)
            if dispatch is not None:
                dispatch.priority = 0
            lease = Lease(
                item_id=item_id,
                workspace_id=item.workspace or "",
                identity=identity,
                host=own,
                session=session,
                epoch=workspace.epoch,
                attempt=item.attempts,
                dispatch=item.dispatch,
                request=item.submission.request,
                claimed_at=item.claimed_at,
                cancel_requested=item.wish_at is not None,
            )
            return Taken(verdict=TakeVerdict.TAKEN, lease=lease)

    def deliver(self, lease: Lease, result: Mapping[str, Any]) -> bool:
        with self._call("deliver", FleetRole.HOST):
            document = json.loads(json.dumps(result))
            item = self._state.items.get(lease.item_id)
            if (
                item is not None
                and item.ended_at is not None
                and item.epoch == lease.epoch
                and item.result == document
                and self._session_host(lease.session) is not None
            ):
                return True
            fault = self._lease_fault(lease) or _certificate_fault(lease, document)
            if fault is None and item is not None:
                completion = document.get("completion") or {}
                item.ended_at, item.result = self._now(), document
                item.outcome = completion.get("outcome") or document.get("status") or "failed"
                item.completed = bool(completion.get("scoped_completion"))
                return True
            refused = RefusedResult(
                at=self._now(),
                item_id=lease.item_id,
                epoch=lease.epoch,
                session=lease.session,
                why=fault or "",
                result=document,
            )
            if item is not None and not any(_is_same(each, refused) for each in item.refused):
                item.refused.append(refused)
            return False

    def report_progress(self, lease: Lease, stage: str, message: str, sequence: int) -> None:
        with self._call("report_progress", FleetRole.HOST):
            if self._lease_fault(lease) is None:
                self._state.items[lease.item_id].progress = ItemProgress(
                    stage=stage, message=message, sequence=sequence, at=self._now()
                )

    def beat(self, host: str, session: str) -> Beat | None:
        with self._call("beat", FleetRole.HOST):
            if self._session_host(session) != host:
                return None
            found = self._state.hosts[host]
            found.seen_at = self._now()
            wishes = [
                each.item
                for each in self._state.workspaces.values()
                if each.host == host and each.session == session and self._is_wished(each)
            ]
            return Beat(draining=found.draining, cancel_requested=tuple(filter(None, wishes)))

    def end_session(self, host: str, session: str) -> None:
        with self._call("end_session", FleetRole.HOST):
            if self._session_host(session) == host:
                self._state.hosts[host].session = None

    def reconcile(self, host: str, session: str, running: Sequence[str]) -> Sequence[str]:
        with self._call("reconcile", FleetRole.HOST):
            if self._session_host(session) != host:
                return ()
            before = self._now() - _SETTLED
            again = []
            for item_id, item in self._state.items.items():
                dispatch = self._dispatch_of(item_id)
                if (
                    item.ended_at is None
                    and item.dispatched_at is not None
                    and item.dispatched_at < before
                    and item_id not in running
                    and self._host_of(item) == host
                    and (
                        dispatch is None
                        or dispatch.status in _ENDED
                        or self._is_claim_lost(dispatch)
                    )
                ):
                    again.append(item_id)
            return tuple(filter(self._dispatch_again, again))

    def _dispatch_again(self, item_id: str) -> bool:
        """Dispatch an item again; set it aside if it has failed too often."""
        dispatch, item = self._dispatch_of(item_id), self._state.items[item_id]
        if dispatch is not None:
            if dispatch.status is DispatchStatus.ERROR and item.attempts > _MOST_FAILURES:
                dispatch.status = DispatchStatus.SET_ASIDE
                return False
            if dispatch.status is DispatchStatus.PENDING:
                dispatch.status = DispatchStatus.CANCELLED
            else:
                del self._state.dispatches[item_id, item.dispatch]
        self._dispatch(item_id)
        return True

    def _is_claim_lost(self, dispatch: _Dispatch) -> bool:
        """Whether a claim, and the host's session, are so old that its worker would perform it."""
        times = (dispatch.claimed_at, self._state.hosts[dispatch.host].started_at)
        return dispatch.status is DispatchStatus.PENDING and all(
            each is not None and each < self._now() - _CLAIMED for each in times
        )

    def bind(self, host: str, session: str) -> Sequence[str]:
        with self._call("bind", FleetRole.HOST):
            if self._session_host(session) != host or self._state.hosts[host].draining:
                return ()
            own = {
                name: each
                for name, each in sorted(self._state.workspaces.items())
                if each.host == host
            }
            occupied = {name for name in own if any(self._open_in(name))}
            free = self._state.hosts[host].slots - len(occupied)
            bound: list[str] = []
            for name, workspace in own.items():
                if len(bound) >= free:
                    break
                if name in occupied or self._is_paused(workspace):
                    continue
                chosen = self._next_with(workspace.labels)
                if chosen is not None:
                    self._state.items[chosen].workspace = name
                    self._dispatch(chosen)
                    bound.append(chosen)
            return tuple(bound)

    # -- parts ------------------------------------------------------------------------------------

    @contextmanager
    def _call(self, name: str, *allowed: FleetRole) -> Iterator[None]:
        self.before(name)
        if self._kind is not None and self._kind not in allowed:
            raise self._denied()
        with self._state.lock:
            yield
        self.after(name)

    def _denied(self) -> FleetDenied:
        return FleetDenied(
            f"role {self._role} may not do this", suggested_action="use another role"
        )

    def _require_operator(self, host: str | None) -> None:
        found = self._state.hosts.get(host or "")
        if self._kind is not None and (found is None or found.role != self._role):
            raise self._denied()

    def _session_host(self, session: str) -> str | None:
        for name, host in self._state.hosts.items():
            if host.session == session and host.role == self._role:
                return name
        return None

    def _is_away(self, host: _Host) -> bool:
        seen = host.seen_at
        return host.session is None or seen is None or seen < self._now() - _AWAY

    def _is_paused(self, workspace: _Workspace) -> bool:
        return workspace.paused and (workspace.paused_until or _FOREVER) > self._now()

    def _is_wished(self, workspace: _Workspace) -> bool:
        item = self._state.items.get(workspace.item or "")
        return (
            item is not None
            and item.wish_at is not None
            and item.ended_at is None
            and item.epoch == workspace.epoch
        )

    def _host_of(self, item: _Item) -> str | None:
        workspace = self._state.workspaces.get(item.workspace or "")
        return None if workspace is None else workspace.host

    def _open_in(self, workspace_id: str) -> Iterator[tuple[str, _Item]]:
        for item_id, item in self._state.items.items():
            if item.workspace == workspace_id and item.ended_at is None:
                yield item_id, item

    def _next_with(self, labels: Sequence[str]) -> str | None:
        now = self._now()
        waiting = (
            (item.submission.priority, item.submitted_at, item_id)
            for item_id, item in self._state.items.items()
            if item.ended_at is None
            and item.workspace is None
            and item.submission.label in labels
            and (item.submission.not_before or now) <= now
        )
        return min(waiting, default=(0, now, None))[2]

    def _held_until(self, workspace: _Workspace, item: _Item) -> datetime | None:
        now, not_before = self._now(), item.submission.not_before
        until = now if not_before is None else max(now, not_before)
        if self._is_paused(workspace):
            until = max(until, workspace.paused_until or _FOREVER)
        return until if until > now else None

    def _dispatch_of(self, item_id: str) -> _Dispatch | None:
        item = self._state.items.get(item_id)
        return None if item is None else self._state.dispatches.get((item_id, item.dispatch))

    def _dispatch(self, item_id: str) -> None:
        item = self._state.items[item_id]
        workspace = self._state.workspaces[item.workspace or ""]
        item.dispatch, item.dispatched_at = item.dispatch + 1, self._now()
        self._state.order += 1
        held = self._held_until(workspace, item)
        self._state.dispatches[item_id, item.dispatch] = _Dispatch(
            host=workspace.host,
            workspace=item.workspace or "",
            priority=0 if item.attempts else item.submission.priority,
            order=self._state.order,
            status=DispatchStatus.ENQUEUED if held is None else DispatchStatus.DELAYED,
            delayed_until=held,
        )

    def _withdraw(self, item_id: str, item: _Item, statuses: frozenset[Any] | set[Any]) -> None:
        dispatch = self._state.dispatches.get((item_id, item.dispatch))
        if dispatch is not None and dispatch.status in statuses:
            dispatch.status = DispatchStatus.CANCELLED

    def _lease_fault(self, lease: Lease) -> str | None:
        item = self._state.items.get(lease.item_id)
        if item is None:
            return "unknown_item"
        workspace = self._state.workspaces.get(item.workspace or "")
        own = self._session_host(lease.session)
        if own is None or workspace is None:
            return "session_superseded" if own is None else "other_host"
        is_present = item.epoch == workspace.epoch == lease.epoch
        faults = (
            (workspace.host != own, "other_host"),
            (workspace.identity != lease.identity, "other_checkout"),
            (item.ended_at is not None, "item_ended"),
            (not is_present or workspace.session != lease.session, "lease_superseded"),
        )
        return next((word for applies, word in faults if applies), None)

    def _running_in(self, host: str) -> list[tuple[str, _Dispatch]]:
        return [
            (item_id, each)
            for (item_id, _), each in self._state.dispatches.items()
            if each.host == host and each.status is DispatchStatus.PENDING
        ]

    def _facts(self, item_id: str, item: _Item) -> WaitFacts:
        name = self._host_of(item)
        workspace = self._state.workspaces.get(item.workspace or "")
        host = self._state.hosts.get(name or "")
        if workspace is None or host is None or name is None:
            return WaitFacts(
                now=self._now(),
                ended=item.ended_at is not None,
                bound=False,
                label=item.submission.label,
                not_before=item.submission.not_before,
            )
        dispatch = self._dispatch_of(item_id)
        pending = self._running_in(name)
        here = [each for each, row in pending if row.workspace == item.workspace]
        waiting = [
            (row.priority, row.order, each)
            for (each, _), row in self._state.dispatches.items()
            if row.workspace == item.workspace and row.status is DispatchStatus.ENQUEUED
        ]
        head = min(waiting)[2] if waiting else None
        return WaitFacts(
            now=self._now(),
            ended=item.ended_at is not None,
            label=item.submission.label,
            dispatch_status=None if dispatch is None else dispatch.status,
            lease_is_live=workspace.item == item_id
            and workspace.epoch == item.epoch
            and workspace.session == host.session,
            not_before=item.submission.not_before,
            paused=self._is_paused(workspace),
            pause_note=workspace.note,
            occupied_by=next((each for each in here if each != item_id), None),
            ahead=None if head == item_id else head,
            host_seen_at=host.seen_at,
            host_has_session=host.session is not None,
            draining=host.draining,
            drain_note=host.note,
            slots=host.slots,
            in_use=len(pending),
        )

    def _item(self, item_id: str) -> FleetItem:
        item = self._state.items[item_id]
        facts = self._facts(item_id, item)
        state = derive_state(facts)
        reason, subject = explain_wait(facts) if state is FleetItemState.QUEUED else (None, "")
        return FleetItem(
            item_id=item_id,
            workspace_id=item.workspace,
            host=self._host_of(item),
            label=item.submission.label,
            state=state,
            reason=reason,
            reason_subject=subject,
            priority=item.submission.priority,
            submitted_by=item.submitted_by,
            submitted_at=item.submitted_at,
            not_before=item.submission.not_before,
            dispatch=item.dispatch,
            attempts=item.attempts,
            epoch=item.epoch,
            claimed_at=item.claimed_at,
            cancel_requested_at=item.wish_at,
            progress=item.progress,
            ended_at=item.ended_at,
            outcome=item.outcome,
            completed=item.completed,
            host_seen_at=facts.host_seen_at,
            host_away=facts.bound and facts.host_is_away,
        )

    def _host(self, name: str) -> FleetHost:
        host = self._state.hosts[name]
        running = self._running_in(name)
        queued = sum(
            each.host == name and each.status in _WAITING
            for each in self._state.dispatches.values()
        )
        return FleetHost(
            host=name,
            role=host.role,
            version=host.version,
            slots=host.slots,
            draining=host.draining,
            note=host.note,
            running=tuple(item_id for item_id, _ in running),
            queued=queued,
            started_at=host.started_at,
            seen_at=host.seen_at,
            away=self._is_away(host),
        )

    def _workspace(self, name: str) -> FleetWorkspace:
        workspace = self._state.workspaces[name]
        open_here = dict(self._open_in(name))
        running = open_here.get(workspace.item or "")
        holds = running is not None and running.epoch == workspace.epoch
        return FleetWorkspace(
            workspace_id=name,
            host=workspace.host,
            root=workspace.root,
            identity=workspace.identity,
            labels=workspace.labels,
            epoch=workspace.epoch,
            running=workspace.item if holds else None,
            queued=len(open_here) - holds,
            paused=self._is_paused(workspace),
            note=workspace.note,
            paused_until=workspace.paused_until if self._is_paused(workspace) else None,
        )


def _is_wanted(item: FleetItem, wanted: ItemFilter) -> bool:
    if wanted.state is not None:
        fits = item.state is wanted.state
    else:
        fits = not wanted.open_only or item.state is not FleetItemState.ENDED
    return (
        fits
        and wanted.workspace_id in {None, item.workspace_id}
        and wanted.host in {None, item.host}
    )


def _certificate_fault(lease: Lease, document: Mapping[str, Any]) -> str | None:
    block = document.get("fleet") or {}
    named = (block.get("item"), block.get("epoch"), block.get("identity"))
    return None if named == (lease.item_id, lease.epoch, lease.identity) else "lease_not_in_result"


def _is_same(one: RefusedResult, other: RefusedResult) -> bool:
    return replace(one, at=other.at, why=other.why) == other
