"""Everything outside a run: a Millrace, a pi and a caller who do whatever they may.

The Millrace is the scripted one; here its script is replaced by a menu at every call. What a call
may answer is listed in `answers`, what may happen before it is answered in `World._moves`.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from millracer.cancellation import Cancellation, CancelReason, Wait
from millracer.domain.run.evidence import Evidence, ItemFact, StageFact
from millracer.domain.run.usage import NO_TURNS, AgentUsage
from millracer.domain.work.items import ItemState, ItemStatus
from millracer.domain.work.modes import DEFAULT_MODE
from millracer.domain.work.runtime import CommandReply, CommandState, RuntimeEvent, RuntimeEventKind
from millracer.domain.work.stages import StageReport
from millracer.errors import RunWarning
from millracer.millrace.wire import stage_results
from millracer.ports import TextListener, WatchLease
from millracer.testing.agent import ScriptedModels
from millracer.testing.backend import ScriptedBackend
from millracer.testing.stage_models import ScriptedStageModels
from millracer.testing.steps import NOW, HeldItem, Step
from millracer.testing.supervisor import ScriptedWatchLease
from tests.statespace.answers import (
    AFTER,
    ANSWERS,
    FAILURES,
    PI_FAILURES,
    REFUSALS,
    SAID,
    Bounds,
)
from tests.statespace.choices import Answer, AskedToStop, Choice, Choose, Gone, Move

A = Answer
#: More than every time limit of a run.
_LONG_SECONDS = 1e6
STRANGER = "a-stranger"
#: Of the item's only stage.
_REPORT = StageReport(
    item_id="ITEM-1",
    run_id="run-1",
    request_id="request-1",
    stage="updater",
    run_folder="millrace-agents/runs/run-1",
    started_at=NOW,
    result="UPDATE_COMPLETE",
)


@dataclass(slots=True)
class ModelTime:
    """Does not move but where the model says that a time limit is over."""

    now: float = 0.0

    def monotonic(self) -> float:
        return self.now


class World(ScriptedBackend):
    """A Millrace with one item in view, its daemon, other people, and what is true of them.

    Args:
        item_id: the item in view.
        request_hash: the one its document carries, whichever caller adds it.
        bounds: how much may happen to one run.

    Attributes:
        time: the model's.
        was_done: Millrace once held the item as done with its updater's complete run.
        starts: how often the current run started a daemon.
        refused_lease: the current run asked for a lease last and was refused, or broke off.
    """

    def __init__(self, item_id: str, request_hash: str, bounds: Bounds) -> None:
        super().__init__(is_initialised=False)
        self.models = ScriptedStageModels(is_initialised=True)  # every model is usable
        self.time = ModelTime()
        self.was_done = False
        self.starts = 0
        self.refused_lease = False
        self._bounds = bounds
        self._troubles_left = bounds.troubles
        self._item_id = item_id
        self._request_hash = request_hash
        self._answer = A.DONE
        self._stop_unreported = False
        self._gone = False
        self._choose: Choose = _no_choice
        self._asked: AskedToStop | None = None

    def begin(self, choose: Choose) -> Cancellation:
        """Let a new run begin; return its caller's wish to stop."""
        self._choose = choose
        self._gone = False
        self._asked = AskedToStop(self._slept)
        self.starts, self.refused_lease = 0, False
        self._troubles_left = self._bounds.troubles
        return self._caller

    def rest(self) -> None:
        """Forget what was only the ended run's; the kernel frees what a killed one held."""
        self._choose = _no_choice
        self._asked = None
        self.watchers, self.control_held = 0, False
        self.starts, self.refused_lease, self._answer = 0, False, A.DONE
        for recorded in (self.locks, self.calls, self.documents, self.started, self.stopped):
            recorded.clear()
        self.validated.clear()
        self._paths.clear()
        self.repaired = 0
        self._troubles_left = self._bounds.troubles

    @property
    def _caller(self) -> AskedToStop:
        assert self._asked is not None
        return self._asked

    def forsake(self) -> None:
        """Let nothing that the run does from here on have any effect."""
        self._gone = True

    def key(self) -> Hashable:
        """Return the state of everything outside; a dead daemon's stale lock decides nothing."""
        held = self.items.get(self._item_id)
        daemon = self.daemon
        return (
            held and (held.state, held.proven, held.kind, held.request_hash),
            daemon and (daemon.owned, daemon.booting, daemon.mode_id),
            (self.stop_requested, self._stop_unreported, self._holds_work),
            (self.watchers, self.control_held, tuple(self.locks), tuple(self.enqueued)),
            (self.was_done, self.starts, self.refused_lease, self._troubles_left),
        )

    def place_of_item(self) -> ItemState:
        """Return where the item in view is."""
        held = self.items.get(self._item_id)
        return ItemState.ABSENT if held is None else held.state

    # --- the port -----------------------------------------------------------------------------

    @property
    def is_initialised(self) -> bool:
        self._still_here()
        return super().is_initialised

    @property
    def owns_daemon(self) -> bool:
        self._still_here()
        return super().owns_daemon

    def warm_up(self) -> None:
        self._still_here()

    def lease(self, wait: Wait) -> WatchLease:
        self.refused_lease = True
        with self._called("lease", wait):
            self.watchers += 1
            self.refused_lease = False
            return Lease(self)

    def _reply(self) -> CommandReply:
        self._fail("reply", self.ask("reply", Wait(self._caller)))
        match self.place_of_item():
            case ItemState.MAILBOX:
                return CommandReply(state=CommandState.WAITING)
            case ItemState.REFUSED:
                return CommandReply(state=CommandState.REFUSED, detail="no")
            case _:
                return CommandReply(state=CommandState.CARRIED_OUT)

    def stage_reports(self, item_ids: Iterable[str], wait: Wait) -> tuple[StageReport, ...]:
        self._still_here()
        held = self.items.get(self._item_id)
        return (_REPORT,) if held is not None and held.proven else ()

    def trace_lineage(self, item_status: ItemStatus) -> Evidence:
        self._still_here()
        return self._evidence(item_status)

    # --- what happens -------------------------------------------------------------------------

    @contextmanager
    def _called(self, name: str, wait: Wait) -> Iterator[None]:
        answer = self.ask(name, wait)
        if answer not in AFTER:
            self._fail(name, answer)
        self._rejected = {DEFAULT_MODE: "unknown"} if answer is A.REJECTED else {}
        with super()._called(name, wait):
            yield
        if name == "start":
            self._note_start(answer)
        if answer in AFTER:
            self._fail(name, answer)

    def ask(self, name: str, wait: Wait) -> Answer:
        """Let moves happen outside, then choose how the call goes."""
        while True:
            self._still_here()
            wait.cancellation.raise_if_cancelled()
            chosen = self._choose(name, self._menu(name, wait))
            if self._troubles_left is not None and chosen not in self._bounds.usual:
                self._troubles_left -= 1
            if isinstance(chosen, Answer):
                self._answer = chosen
                break
            self._happen(chosen)
        if chosen in {A.LATE, A.OVER}:
            self.time.now += _LONG_SECONDS
        return chosen

    def answer_of_pi(self, name: str, wait: Wait) -> Answer:
        """Choose how a call of pi goes, and raise what that means."""
        answer = self.ask(name, wait)
        if answer is A.DIES:
            self._fail(name, answer)
        failure = PI_FAILURES.get(answer)
        if failure is not None:
            raise failure()
        return answer

    def _slept(self) -> None:
        self._fail("sleep", self.ask("sleep", Wait(self._caller)))

    def _menu(self, name: str, wait: Wait) -> Sequence[Choice]:
        answers = ANSWERS[name]
        if wait.deadline is None or wait.expired:
            answers = tuple(answer for answer in answers if answer is not A.LATE)
        moves = tuple(self._moves()) if name in self._bounds.moves_at else ()
        asked = () if self._caller.urgent.reason is not None else (Move.STOP_ASKED,)
        bounds, troubled = self._bounds, self._troubles_left == 0
        return tuple(
            choice
            for choice in (*answers, *moves, *asked)
            if choice not in bounds.left_out and (choice in bounds.usual or not troubled)
        )

    def _moves(self) -> Iterator[Move]:
        """Yield what may happen outside now."""
        daemon = self.daemon
        yield from self._moves_of_item(works=daemon is not None and not daemon.booting)
        if daemon is None and not self.control_held:
            yield Move.OTHER_STARTS
        if daemon is not None:
            yield from (Move.DAEMON_DIES, Move.DAEMON_STOPPED)
            if daemon.booting:
                yield Move.DAEMON_BOOTS

    def _moves_of_item(self, *, works: bool) -> Iterator[Move]:
        held = self.items.get(self._item_id)
        if held is None:
            yield from (Move.OTHER_ADDS,) if self._holds_work else ()
            return
        match held.state:
            case ItemState.MAILBOX if works:
                yield from (Move.TAKEN_IN, Move.MAIL_REFUSED)
            case ItemState.QUEUED:
                yield from (Move.CANCELLED, Move.CLAIMED) if works else (Move.CANCELLED,)
            case ItemState.ACTIVE if works:
                result_is_valid = () if held.proven else (Move.RESULT_IS_VALID,)
                yield from (Move.ENDED, Move.BLOCKED, Move.PUT_BACK, *result_is_valid)
            case ItemState.BLOCKED:
                yield Move.PUT_BACK

    def _happen(self, move: Move) -> None:
        match move:
            case Move.STOP_ASKED:
                self._caller.cancel(CancelReason.INTERRUPTED)
            case Move.OTHER_ADDS:
                state = ItemState.QUEUED if self.daemon is None else ItemState.MAILBOX
                self.holds(self._item_id, state, request_hash=self._request_hash)
            case Move.RESULT_IS_VALID:
                self.items[self._item_id].proven = True
            case Move.OTHER_STARTS:
                self.daemon = self.has_daemon(mode_id=DEFAULT_MODE)
                self.stale = self.stop_requested = False
                self._requeue_active()
            case Move.DAEMON_BOOTS | Move.DAEMON_DIES | Move.DAEMON_STOPPED:
                self._happen_to_daemon(move)
            case _:
                self._happen_to_item(move, self.items[self._item_id])

    def _happen_to_item(self, move: Move, held: HeldItem) -> None:
        held.state = _PLACES[move]
        self.was_done = self.was_done or (held.state is ItemState.DONE and held.proven)

    def _happen_to_daemon(self, move: Move) -> None:
        assert self.daemon is not None
        if move is Move.DAEMON_BOOTS:
            self.daemon = replace(self.daemon, booting=False, mode_id=DEFAULT_MODE)
            return
        self.daemon = None
        self.stale = move is Move.DAEMON_DIES
        if move is Move.DAEMON_STOPPED:
            self.stop_requested = self._stop_unreported = True
            self._requeue_active()

    def _note_start(self, answer: Answer) -> None:
        self.starts += 1
        if self.daemon is not None:
            boots = answer is A.BOOTING
            mode = None if boots else DEFAULT_MODE
            self.daemon = replace(self.daemon, booting=boots, mode_id=mode)

    def _fail(self, name: str, answer: Answer) -> None:
        """Raise what an answer means, nothing for one that is none of a failure."""
        if answer in {A.DIES, A.DID_BUT_DIES}:
            self.forsake()
            raise Gone
        if answer is A.DID_BUT_STOPPED:
            self._caller.cancel(CancelReason.INTERRUPTED)
            self._caller.raise_if_cancelled()
        if answer is A.DAEMON_DIED:
            self.stale = True
        failure = REFUSALS.get(name) if answer is A.REFUSED else None
        failure = failure or FAILURES.get(answer)
        if failure is not None:
            raise failure()

    def _still_here(self) -> None:
        if self._gone:
            raise Gone

    def _next_step(self) -> Step:
        events: tuple[RuntimeEvent, ...] = ()
        if self._stop_unreported:
            events = (RuntimeEvent(kind=RuntimeEventKind.DAEMON_STOPPED, occurred_at=NOW),)
            self._stop_unreported = False
        return Step(events=events, poll_due=self._answer is A.SAFETY)

    def _standing(self, item_id: str) -> ItemStatus:
        if self._answer is A.UNSEEN:
            return replace(super()._standing("nobody"), item_id=item_id)
        return super()._standing(item_id)

    def _evidence(self, item_status: ItemStatus) -> Evidence:
        """Return the facts of the item, a foreign proof, and all that is nearly a proof."""
        found = super()._evidence(item_status)
        stranger = ItemFact(
            item_id=STRANGER,
            work_kind="task",
            state=ItemState.DONE,
            source="millrace queue show a-stranger",
            observed_at=NOW,
        )
        proof = _stage(STRANGER, "updater", "UPDATE_COMPLETE", "complete")
        own = item_status.item_id
        near = (
            _stage(own, "updater", "UPDATE_COMPLETE", "failed"),
            _stage(own, "updater", "BLOCKED", "complete"),
            _stage(own, "builder", "UPDATE_COMPLETE", "complete"),
            replace(proof, item_id=own, work_kind="incident"),
        )
        return replace(found, items=(*found.items, stranger), stages=(*found.stages, proof, *near))


class ModelPi(ScriptedModels):
    """Says whatever it may, and is asked by one run at a time."""

    version: str | None = "0.73.1"
    notices: tuple[RunWarning, ...] = ()
    usage: AgentUsage = NO_TURNS

    def __init__(self, world: World) -> None:
        self._world = world

    def begin(self) -> None:
        self._world.answer_of_pi("begin", Wait(Cancellation()))

    def ask(self, prompt: str, wait: Wait, on_text: TextListener | None = None) -> str:
        return SAID[self._world.answer_of_pi("ask", wait)]

    def close(self, wait: Wait) -> None:
        raise AssertionError("the conversation is its owner's to close")


class Lease(ScriptedWatchLease):
    """A watcher's lease during whose release Millracer may die."""

    def leave(self, wait: Wait, *, keep_daemon: bool) -> bool:
        world = self._millrace
        assert isinstance(world, World)
        if self._left_running is not None:
            return self._left_running
        answer = world.ask("leave", Wait(Cancellation()))
        if answer is A.DIES:
            world._fail("leave", answer)
        left = super().leave(wait, keep_daemon=keep_daemon)
        world._fail("leave", answer)
        return left


_PLACES: Mapping[Move, ItemState] = {
    Move.TAKEN_IN: ItemState.QUEUED,
    Move.MAIL_REFUSED: ItemState.REFUSED,
    Move.CLAIMED: ItemState.ACTIVE,
    Move.CANCELLED: ItemState.CANCELLED,
    Move.ENDED: ItemState.DONE,
    Move.BLOCKED: ItemState.BLOCKED,
    Move.PUT_BACK: ItemState.QUEUED,
}


def _stage(item_id: str, stage: str, result: str, run_status: str) -> StageFact:
    return StageFact(
        run_id="run-9",
        item_id=item_id,
        work_kind="task",
        stage=stage,
        terminal_result=result,
        run_status=run_status,
        source="millrace runs trace run-9 --format json",
        observed_at=NOW,
        proves=stage_results.proof_of(stage, result, "active_work_item"),
        counts=stage_results.is_valid(run_status),
    )


def _no_choice(where: str, menu: Sequence[Choice]) -> Choice:
    raise AssertionError(f"{where} was asked while no run goes on, {menu}")
