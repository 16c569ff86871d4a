"""Perform one dispatch of an item: lock, take, run, deliver, in this order.

The order is what keeps results true. The checkout's lock comes before the lease: a worker that
waits for the lock must not supersede the worker that runs. The engine's record comes last: while
the dispatch is open, its workspace starts nothing else.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from millracer.cancellation import Cancellation, Cancelled, CancelReason, Wait
from millracer.domain.event_log import Event, EventType
from millracer.domain.fleet.hosts import TakeVerdict
from millracer.domain.run.lifecycle import RunState
from millracer.domain.run.progress import text_in
from millracer.errors import MillracerError, WorkspaceUnusable
from millracer.ports import Clock
from millracer.ports.fleet_checkout import Checkout
from millracer.ports.fleet_engine import DispatchKept
from millracer.ports.fleet_store import FleetHostStore
from millracer.worker.patience import Patience
from millracer.worker.result import (
    ResultDocument,
    as_cancelled,
    cancelled_document,
    certified_lease,
    failed_document,
    is_about,
    is_cancelled,
    is_completed,
    is_proven_since,
    with_lease,
)
from millracer.worker.runner import CancelEffect, ItemRunner, OnEvent
from millracer.worker.running import RunningItem, RunningItems

_log = logging.getLogger(__name__)
_CANCEL_TRIES = 12
_CANCEL_SECONDS = 5.0


@dataclass(slots=True, kw_only=True)
class Dispatches:
    """Performs the dispatches of one session.

    Attributes:
        session: the session of this worker.
        engine: the engine's name, for results.
        store: the fleet's database.
        checkouts: the workspaces of this host.
        runner: performs requests.
        clock: the host's clock.
        patience: repeats calls of the database for a taken item.
        taking: the same for an item that is not taken yet.
        running: the items that are performed now.
        say: prints one line for a person.
        cancellation: ends the wait for a checkout's lock.
        has_taken: whether an item was taken.
    """

    host: str
    session: str
    engine: str
    store: FleetHostStore
    checkouts: Mapping[str, Checkout]
    runner: ItemRunner
    clock: Clock
    patience: Patience
    taking: Patience
    running: RunningItems
    say: Callable[[str], None]
    cancellation: Cancellation = field(default_factory=Cancellation)
    has_taken: bool = False
    _pause: threading.Event = field(default_factory=threading.Event)

    def perform(self, item_id: str, workspace_id: str) -> str:
        """Perform one dispatch and return a word for the engine's records.

        Raises:
            DispatchKept: the item has not ended, and this host's next session continues it.
        """
        checkout = self.checkouts.get(workspace_id)
        if checkout is None:
            return "not of this host"  # the host of the workspace dispatches it again
        try:
            with checkout.hold(Wait(self.cancellation)):
                return self._perform_alone(item_id, checkout)
        except Cancelled:
            raise DispatchKept from None
        except WorkspaceUnusable as error:
            self.say(f"{item_id}: not started, and tried again: {error.message}")
            return "workspace unusable"

    def stop_taking(self) -> None:
        """Take no further item; dispatches that wait for a lock or the database stay open."""
        self.cancellation.cancel(CancelReason.TERMINATED)
        self.taking.end()

    def stop(self) -> None:
        """Stop what runs and what waits; the dispatches stay open. A second call shortens it."""
        self.stop_taking()
        self._pause.set()
        self.patience.end()
        self.running.stop()

    def _perform_alone(self, item_id: str, checkout: Checkout) -> str:
        """Perform a dispatch while the checkout is locked."""
        self.cancellation.raise_if_cancelled()
        identity = checkout.identity()
        moment = self.clock.now()
        taken = self.taking.call(self.store.take, self.session, item_id, identity)
        if taken.verdict is TakeVerdict.ENDED:
            return "ended before"
        if taken.verdict is TakeVerdict.HELD:
            self.say(
                f"{item_id}: not started: its workspace is paused, or it is too early by the "
                "database's clock"
            )
            return "held"
        if taken.verdict is TakeVerdict.SUPERSEDED or taken.lease is None:
            return self._superseded(item_id)
        item = RunningItem(taken.lease)
        self.running.add(item)
        try:
            self.has_taken = True
            checkout.write_lease(item.lease)
            self.say(f"{item_id}: attempt {item.lease.attempt} in {item.lease.workspace_id}")
            lease = certified_lease(item.lease, self.engine)
            document = self._result(item, checkout, moment)
            if is_completed(document):
                document = self.runner.certify(document, checkout.root, lease)
            document = with_lease(document, lease)
            accepted = self.patience.call(self.store.deliver, item.lease, document)
            self._report(item, document, accepted=accepted)
            checkout.clear_lease()
            return str(document["status"]) if accepted else "refused"
        finally:
            self.running.remove(item)

    def _superseded(self, item_id: str) -> str:
        """Answer for an item that this session may not take."""
        if self.taking.call(self.store.beat, self.host, self.session) is None:
            raise DispatchKept  # the holder of the host's name continues it
        self.say(f"{item_id}: refused, the workspace is another checkout's now")
        return "superseded"

    def _result(self, item: RunningItem, checkout: Checkout, moment: datetime) -> ResultDocument:
        """Return the result of a taken item.

        Raises:
            DispatchKept: the worker ends before there is one.
        """
        lease = item.lease
        if lease.cancel_requested and lease.attempt == 1:
            return cancelled_document(lease)
        try:
            document = self._judged(item, checkout, moment)
        except (Cancelled, DispatchKept):
            raise DispatchKept from None
        except MillracerError as error:
            _log.warning("%s cannot be performed: %s", lease.item_id, error)
            return failed_document(lease, error)
        except Exception as error:  # noqa: BLE001 - the item ends with it, and the worker continues
            _log.exception("%s cannot be performed", lease.item_id)
            bug = MillracerError(f"internal error: {type(error).__name__}: {error}")
            return failed_document(lease, bug)
        if item.is_cancel_requested and not is_completed(document):
            return self._cancelled(item, checkout, document)
        return document

    def _judged(self, item: RunningItem, checkout: Checkout, moment: datetime) -> ResultDocument:
        """Run an item, and judge it again if its proof was read before it was taken.

        The clock of the host may have been set back during the run; evidence that is read now is
        as good. What is still older then is not accepted.
        """
        document = self._run(item, checkout)
        if is_completed(document) and not is_proven_since(document, moment):
            moment = self.clock.now()
            document = self._run(item, checkout)
            if is_completed(document) and not is_proven_since(document, moment):
                raise MillracerError(
                    "the proof was read before this host took the item",
                    code="fleet_proof_outdated",
                    suggested_action="check the host's clock, then submit the item with a new key",
                )
        if is_completed(document) and not is_about(document, item.lease.item_id):
            raise MillracerError(
                "the result is about another item than the fleet's",
                code="fleet_item_differs",
                suggested_action="submit the task again with `millracer fleet submit`",
            )
        return document

    def _run(self, item: RunningItem, checkout: Checkout) -> ResultDocument:
        def on_event(event: Event, sequence: int) -> None:
            item.note(event, sequence)
            if item.lease.cancel_requested and _has_taken_over(event):
                item.cancellation.cancel(CancelReason.TERMINATED)

        return self._run_once(item, checkout, item.cancellation, on_event)

    def _run_once(
        self, item: RunningItem, checkout: Checkout, cancellation: Cancellation, on_event: OnEvent
    ) -> ResultDocument:
        """Return the result of one run, unless the end of the worker stopped it."""
        document = self.runner.run(item.lease.request, checkout.root, cancellation, on_event)
        if item.is_stopped and is_cancelled(document):
            raise DispatchKept
        return document

    def _cancelled(
        self, item: RunningItem, checkout: Checkout, document: ResultDocument
    ) -> ResultDocument:
        """Cancel an item in Millrace after its run, and return the result that is true then.

        Raises:
            DispatchKept: the worker ends before Millrace has answered.
        """
        for _ in range(_CANCEL_TRIES):
            effect = self.runner.cancel(item.lease.item_id, checkout.root)
            if effect is CancelEffect.CANCELLED:
                return as_cancelled(document)
            if effect is CancelEffect.TOO_LATE:
                return self._ended(item, checkout, document)
            if self._pause.wait(_CANCEL_SECONDS):
                raise DispatchKept
        return as_cancelled(document, confirmed=False)

    def _ended(
        self, item: RunningItem, checkout: Checkout, document: ResultDocument
    ) -> ResultDocument:
        """Return the result of an item that ended while its run was cancelled."""
        if not is_cancelled(document):
            return document
        return self._run_once(item, checkout, item.renew(), item.note)

    def _report(self, item: RunningItem, document: ResultDocument, *, accepted: bool) -> None:
        name = item.lease.item_id
        if not accepted:
            self.say(f"{name}: the result is refused: a later lease or result exists")
            return
        self.say(f"{name}: {document['completion']['outcome']}")


def _has_taken_over(event: Event) -> bool:
    """Return whether a run has reached what an earlier attempt may have left running."""
    return event.type == EventType.RUNTIME_STARTED or text_in(event, "state") == RunState.DIRECT
