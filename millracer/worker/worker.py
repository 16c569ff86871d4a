"""The worker of one host: the order of its steps.

Start: lock of the host, session, workspaces, heartbeat, engine. The engine is launched last: it
continues interrupted items at once, and may do so only for the one worker of the host.
"""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from millracer.cancellation import STOP_SECONDS
from millracer.domain.fleet.hosts import (
    AWAY_AFTER_SECONDS,
    AnnouncedWorkspace,
    HostSession,
    OpenVerdict,
    RegisterVerdict,
)
from millracer.errors import MillracerError, UsageError
from millracer.ports import Clock
from millracer.ports.fleet_checkout import Checkout
from millracer.ports.fleet_engine import DispatchKept, FleetEngine
from millracer.ports.fleet_store import FleetHostStore, FleetStore
from millracer.worker.dispatches import Dispatches
from millracer.worker.heartbeat import Heartbeat
from millracer.worker.patience import PASSING, Outage, Patience
from millracer.worker.runner import ItemRunner
from millracer.worker.running import RunningItems
from millracer.worker.ticks import tick_submission

_log = logging.getLogger(__name__)
_WATCH_SECONDS = 0.1
_REOPEN_SECONDS = 1.0
_CLOSE_SECONDS = 5.0


class WorkerEnd(StrEnum):
    """Why a worker ended."""

    FINISHED = "finished"  #: what ran has ended, and nothing new was taken
    INTERRUPTED = "interrupted"  #: what ran was stopped; the host's next session continues it


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerSettings:
    """What a worker is started with.

    Attributes:
        session: what identifies the host; its `session` is made by the worker.
        labels: the labels of workspaces, by workspace id.
        holder_seconds: how long to wait for the end of a session that may still live.
        once: end after one item.
        idle_seconds: end after so many seconds without an item; None: never.
    """

    session: HostSession
    labels: dict[str, tuple[str, ...]] = field(default_factory=dict)
    holder_seconds: float = 0.0
    once: bool = False
    idle_seconds: float | None = None


@dataclass(slots=True, kw_only=True)
class Worker:
    """Performs the items of one host until it is stopped.

    Attributes:
        settings: what it was started with; the lock of the host is held.
        store: the fleet's database.
        beat_store: the same, for the heartbeat's thread.
        client: the same, for the submissions of schedules.
        engine: dispatches the items.
        checkouts: the workspaces of this host.
        runner: performs requests.
        clock: the host's clock.
        say: prints one line for a person.
    """

    settings: WorkerSettings
    store: FleetHostStore
    beat_store: FleetHostStore
    client: FleetStore
    engine: FleetEngine
    checkouts: Sequence[Checkout]
    runner: ItemRunner
    clock: Clock
    say: Callable[[str], None]
    _running: RunningItems = field(default_factory=RunningItems)
    _patience: Patience = field(init=False)
    _taking: Patience = field(init=False)
    _outage: Outage = field(init=False)
    _stopping: threading.Event = field(default_factory=threading.Event)
    _interrupted: threading.Event = field(default_factory=threading.Event)
    _superseded: threading.Event = field(default_factory=threading.Event)
    _dispatches: Dispatches | None = None
    _session: HostSession | None = None

    def __post_init__(self) -> None:
        self._outage = Outage(self.say)
        self._patience = Patience(self._outage, PASSING)
        self._taking = Patience(self._outage)

    def work(self) -> WorkerEnd:
        """Start, and perform items until the worker is stopped.

        Raises:
            UsageError: the host's name or a workspace belongs to another worker.
            MillracerError: another worker took the host's name over.
        """
        session = self._session = replace(self.settings.session, session=str(uuid.uuid4()))
        try:
            self._open(session)
            self._register(session)
            beat = self._taking.call(self.store.beat, session.host, session.session)
        except DispatchKept:
            return WorkerEnd.INTERRUPTED
        if beat is None:
            raise _superseded(session.host)
        self._dispatches = self._make_dispatches(session)
        heartbeat = Heartbeat(
            host=session.host,
            session=session.session,
            store=self.beat_store,
            running=self._running,
            binds=any(self.settings.labels.values()),
            outage=self._outage,
            say=self.say,
            on_superseded=self._end_superseded,
            on_draining=self._drain,
        )
        heartbeat.start(draining=beat.draining)
        try:
            slots = 0 if beat.draining else session.slots
            try:
                self._taking.call(self.engine.launch, self._perform, self._tick, slots=slots)
            except DispatchKept:
                return WorkerEnd.INTERRUPTED
            heartbeat.reconcile_soon()
            self._running.start_idle()
            self.say(_greeting(session, self.checkouts, draining=beat.draining))
            return self._watch(session)
        finally:
            heartbeat.end()

    def stop(self) -> None:
        """Take nothing new, and end when what runs has ended; any thread may call it."""
        if not self._stopping.is_set():
            self.say("stopping: what runs is finished, and nothing new is taken")
        self._stop_taking()

    def interrupt(self) -> None:
        """Stop what runs and end; the host's next session continues it. Repeatable."""
        if not self._interrupted.is_set():
            self.say("stopping at once: the host's next worker continues what runs")
        self._interrupted.set()
        self._stop_taking()
        self._patience.end()
        if self._dispatches is not None:
            self._dispatches.stop()

    def close(self) -> bool:
        """Release the engine and the host's name; return whether no thread of the engine is left.

        A name that cannot be released now is free once the session was silent for
        `AWAY_AFTER_SECONDS`.
        """
        is_idle = self.engine.close(_CLOSE_SECONDS)
        if is_idle and self._session is not None:
            with suppress(MillracerError):
                self.store.end_session(self._session.host, self._session.session)
        return is_idle

    def _stop_taking(self) -> None:
        self._stopping.set()
        self._taking.end()
        self.engine.stop()
        if self._dispatches is not None:
            self._dispatches.stop_taking()

    def _open(self, session: HostSession) -> None:
        """Open the session; wait while the last one of this machine may still live."""
        limit = self.clock.monotonic() + self.settings.holder_seconds
        is_said = False
        while True:
            verdict = self._taking.call(self.store.open, session)
            if verdict is OpenVerdict.OPEN:
                return
            if verdict is not OpenVerdict.HELD or self.clock.monotonic() >= limit:
                raise _refused_host(session.host, verdict)
            if not is_said:
                self.say(
                    f"host {session.host} has a session that may still live; "
                    f"waiting until it was silent for {AWAY_AFTER_SECONDS:.0f} s"
                )
                is_said = True
            if self._stopping.wait(_REOPEN_SECONDS):
                raise DispatchKept

    def _register(self, session: HostSession) -> None:
        for checkout in self.checkouts:
            workspace = AnnouncedWorkspace(
                workspace_id=checkout.workspace_id,
                root=checkout.root,
                identity=checkout.identity(),
                secret=checkout.secret(),
                labels=self.settings.labels.get(checkout.workspace_id, ()),
            )
            verdict = self._taking.call(self.store.register, session.session, workspace)
            if verdict is RegisterVerdict.SUPERSEDED:
                raise _superseded(session.host)
            if verdict is not RegisterVerdict.REGISTERED:
                raise _refused_workspace(workspace, verdict)

    def _make_dispatches(self, session: HostSession) -> Dispatches:
        return Dispatches(
            host=session.host,
            session=session.session,
            engine=self.engine.name,
            store=self.store,
            checkouts={each.workspace_id: each for each in self.checkouts},
            runner=self.runner,
            clock=self.clock,
            patience=self._patience,
            taking=self._taking,
            running=self._running,
            say=self.say,
        )

    def _perform(self, item_id: str, workspace_id: str) -> str:
        """Perform one dispatch, for the engine."""
        dispatches = self._dispatches
        with self._running.dispatched(item_id):
            if dispatches is None or self._stopping.is_set():
                raise DispatchKept
            word = dispatches.perform(item_id, workspace_id)
        if self.settings.once and dispatches.has_taken:
            self._stop_taking()
        return word

    def _tick(self, at: str, context: Mapping[str, Any]) -> None:
        """Submit the task of a schedule, for the engine; any host may do so, once a tick."""
        try:
            submission = tick_submission(at, context)
        except (KeyError, TypeError, MillracerError) as error:
            self.say(f"a schedule cannot be used: {error}")
            return
        submitted = self._patience.call(self.client.submit, submission)
        self.say(f"{submission.item_id}: {submitted.verdict}, by schedule {context['name']}")

    def _watch(self, session: HostSession) -> WorkerEnd:
        """Wait until the worker has to end and may.

        Raises:
            MillracerError: another worker took the host's name over.
        """
        idle_seconds = self.settings.idle_seconds
        while not self._stopping.wait(_WATCH_SECONDS):
            if idle_seconds is not None and self._running.idle_seconds >= idle_seconds:
                self.say(f"nothing to do for {idle_seconds:.0f} s")
                self.stop()
        limit: float | None = None
        while self._running.performed():
            if self._interrupted.is_set():
                limit = limit or self.clock.monotonic() + STOP_SECONDS
                if self.clock.monotonic() >= limit:
                    break
            time.sleep(_WATCH_SECONDS)
        if self._superseded.is_set():
            raise _superseded(session.host)
        return WorkerEnd.INTERRUPTED if self._interrupted.is_set() else WorkerEnd.FINISHED

    def _drain(self, draining: bool) -> None:  # noqa: FBT001 - a fact, not an option
        self.engine.set_slots(0 if draining else self.settings.session.slots)
        self.say("draining: nothing new is started" if draining else "the drain has ended")

    def _end_superseded(self) -> None:
        self._superseded.set()
        self.interrupt()


def _greeting(session: HostSession, checkouts: Sequence[Checkout], *, draining: bool) -> str:
    names = ", ".join(each.workspace_id for each in checkouts)
    state = "draining" if draining else "ready"
    return f"host {session.host} is {state}: {names}; {session.slots} at once"


def _superseded(host: str) -> MillracerError:
    return MillracerError(
        f"another worker took over the name of host {host}",
        code="fleet_superseded",
        suggested_action="let one machine use the name; `millracer fleet hosts` shows which does",
    )


def _refused_host(host: str, verdict: OpenVerdict) -> UsageError:
    match verdict:
        case OpenVerdict.OTHER_ROLE:
            return UsageError(
                f"the name of host {host} belongs to another database role",
                code="fleet_host_held",
                suggested_action="choose another name with --host, or join with the host's file",
            )
        case OpenVerdict.OTHER_MACHINE:
            return UsageError(
                f"host {host} is another machine, which is silent",
                code="fleet_host_held",
                suggested_action="if that machine does not come back, add --take-over; "
                "else choose another name with --host",
            )
        case _:
            return UsageError(
                f"a worker of host {host} runs on another machine",
                code="fleet_host_held",
                suggested_action="stop that worker, or choose another name with --host",
            )


def _refused_workspace(workspace: AnnouncedWorkspace, verdict: RegisterVerdict) -> UsageError:
    if verdict is RegisterVerdict.OTHER_CHECKOUT:
        return UsageError(
            f"{workspace.root} is not the checkout that the fleet knows as "
            f"{workspace.workspace_id}",
            code="fleet_workspace_held",
            suggested_action="choose another id, or give up the old checkout with "
            f"`millracer fleet workspaces forget {workspace.workspace_id} --lost`",
        )
    return UsageError(
        f"workspace {workspace.workspace_id} belongs to another host",
        code="fleet_workspace_held",
        suggested_action="choose another id, or remove it with "
        f"`millracer fleet workspaces forget {workspace.workspace_id}`",
    )
