"""Keep the session of a host: report that it lives, and follow what clients request of it."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from millracer.ports.fleet_store import FleetHostStore
from millracer.worker.patience import PASSING, Outage
from millracer.worker.running import RunningItems

_log = logging.getLogger(__name__)
BEAT_SECONDS = 1.0
RECONCILE_SECONDS = 30.0
PROGRESS_SECONDS = 30.0


@dataclass(slots=True, kw_only=True)
class Heartbeat:
    """One beat a second, in a thread of its own.

    Attributes:
        host: the host's name.
        session: the session of this worker.
        store: the fleet's database, with a connection of its own.
        running: the items that are performed now.
        binds: whether items with a label may be bound to workspaces of this host.
        outage: reports that the database is away.
        say: prints one line for a person.
        on_superseded: called once if another session holds the host's name.
        on_draining: called with whether the host starts nothing new, if that changed; it may raise
            `FleetUnreachable` and is called again then.
    """

    host: str
    session: str
    store: FleetHostStore
    running: RunningItems
    binds: bool
    outage: Outage
    say: Callable[[str], None]
    on_superseded: Callable[[], None]
    on_draining: Callable[[bool], None]
    _ended: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None
    _reconciled_at: float | None = None
    _draining: bool = False

    def start(self, *, draining: bool) -> None:
        """Start the thread.

        Args:
            draining: what `on_draining` need not be called with.
        """
        self._draining = draining
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)
        self._thread.start()

    def reconcile_soon(self) -> None:
        """Reconcile at the next beat, and then regularly."""
        self._reconciled_at = time.monotonic() - RECONCILE_SECONDS

    def end(self) -> None:
        """End the thread; repeatable."""
        self._ended.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(BEAT_SECONDS)

    def beat(self) -> bool:
        """Do what is due; return False if another session holds the host's name.

        Raises:
            FleetError: the database cannot be reached or used.
        """
        answer = self.store.beat(self.host, self.session)
        if answer is None:
            return False
        for item_id in answer.cancel_requested:
            item = self.running.find(item_id)
            if item is not None and not item.is_cancel_requested:
                self.say(f"{item_id}: a client cancels it")
                item.request_cancel()
        if answer.draining != self._draining:
            self.on_draining(answer.draining)
            self._draining = answer.draining
        self._report_progress()
        if self.binds and not answer.draining:
            for item_id in self.store.bind(self.host, self.session):
                self.say(f"{item_id}: bound to a workspace of this host")
        self._reconcile()
        return True

    def _report_progress(self) -> None:
        for item in self.running.all():
            event = item.due_progress(PROGRESS_SECONDS)
            if event is not None:
                self.store.report_progress(item.lease, event.stage, event.message, event.sequence)
                item.reported(event)

    def _reconcile(self) -> None:
        now = time.monotonic()
        if self._reconciled_at is None or now - self._reconciled_at < RECONCILE_SECONDS:
            return
        performed = self.running.performed()
        for item_id in self.store.reconcile(self.host, self.session, performed):
            self.say(f"{item_id}: dispatched again, the engine had let it go")
        self._reconciled_at = now

    def _beat(self) -> None:
        while not self._ended.wait(BEAT_SECONDS):
            try:
                holds = self.beat()
            except PASSING as error:
                self.outage.failed(error)
                continue
            except Exception:  # noqa: BLE001 - the host would seem away
                _log.exception("a heartbeat failed; the next one tries again")
                continue
            self.outage.ended()
            if not holds:
                self.on_superseded()
                return
