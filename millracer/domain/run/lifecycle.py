"""The lifecycle of a run: this file decides which step follows.

It does not know what a step does. The machine is data: `EDGES` lists every row, one event for every
way a step can end, and `ENDINGS` lists the endings each event carries; a state with no row
(`finished`) is the end. `transitions` checks the table and nothing else: no callbacks, because an
exception in one leaves the state moved (docs/decisions/0001).

Decided elsewhere: which facts are evidence (`completion`), what change hints and statuses mean
(`observation`), and what happens in a state (`run.steps`, `run.orchestrator`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from transitions import Machine

from millracer.domain.run.ending import Ending
from millracer.errors import IllegalTransition, MillracerError


class RunState(StrEnum):
    """A state of a run or a submission."""

    DECIDE = "decide"  #: look the item up, choose the route
    DIRECT = "direct"  #: pi does the task itself
    INTAKE = "intake"  #: workspace and mode made ready, document written
    ENQUEUE = "enqueue"  #: the document submitted to Millrace, once
    ACCEPT = "accept"  #: submissions only: wait until the daemon accepts the item from its mailbox
    MONITOR = "monitor"  #: a daemon joined or started, the item watched
    RESTART_NEEDED = "restart_needed"  #: the daemon is gone, the workspace is repaired
    FINALIZE = "finalize"  #: evidence judged, daemon left, answer written
    FINISHED = "finished"  #: there is a result


class RunEvent(StrEnum):
    """How a step ended: facts, in the past tense."""

    DIRECT_CHOSEN = "direct_chosen"
    DELEGATION_CHOSEN = "delegation_chosen"
    ITEM_FOUND_LIVE = "item_found_live"  #: Millrace holds the item and will work on it
    ITEM_FOUND_ENDED = "item_found_ended"  #: Millrace holds it and will not work on it again
    ANSWERED = "answered"
    DOCUMENT_WRITTEN = "document_written"
    WORKSPACE_READY = "workspace_ready"  #: nothing to write: the item exists already
    ITEM_ENQUEUED = "item_enqueued"
    ITEM_ACCEPTED = "item_accepted"  #: no daemon refused it
    WATCH_ENDED = "watch_ended"  #: watching the item longer would not change anything
    DAEMON_LOST = "daemon_lost"  #: it died while the item is queued or active
    DAEMON_REPAIRED = "daemon_repaired"  #: stale state is cleared, the item is back in the queue
    RESULT_READY = "result_ready"
    TIMED_OUT = "timed_out"
    CANCELLED = "cancelled"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Step:
    """What a step reports: its event, and how the run ends if the event ends it."""

    event: RunEvent
    ending: Ending | None = None
    reason: str = ""

    @property
    def known_ending(self) -> Ending:
        """The ending of a step that ends the run."""
        if self.ending is None:
            raise MillracerError(f"{self.event} has no ending")
        return self.ending


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFacts:
    """The facts of a run for the table; guards read them, only `Lifecycle.fire` updates them.

    Attributes:
        restarts: restarts of the daemon so far in this run.
        max_restarts: how many are allowed.
        ending: the ending of the last step that reported one.
        reason: the reason of that ending.
    """

    restarts: int = 0
    max_restarts: int = 1
    ending: Ending | None = None
    reason: str = ""


Guard = Callable[[RunFacts], bool]
Update = Callable[[RunFacts], RunFacts]


def restarts_left(facts: RunFacts) -> bool:
    """Whether the daemon may be started once more."""
    return facts.restarts < facts.max_restarts


def restarts_exhausted(facts: RunFacts) -> bool:
    """Whether the daemon was restarted as often as allowed."""
    return facts.restarts >= facts.max_restarts


def count_restart(facts: RunFacts) -> RunFacts:
    """Count one restart of the daemon."""
    return replace(facts, restarts=facts.restarts + 1)


@dataclass(frozen=True, slots=True)
class Edge:
    """One row: in `source`, `event` leads to `dest` if the guard agrees, and updates the facts."""

    source: RunState
    event: RunEvent
    dest: RunState
    guard: Guard | None = None
    update: Update | None = None


S, E = RunState, RunEvent
# fmt: off
EDGES: tuple[Edge, ...] = (
    Edge(S.DECIDE,         E.DIRECT_CHOSEN,     S.DIRECT),
    Edge(S.DECIDE,         E.DELEGATION_CHOSEN, S.INTAKE),
    Edge(S.DECIDE,         E.ITEM_FOUND_LIVE,   S.INTAKE),
    Edge(S.DECIDE,         E.ITEM_FOUND_ENDED,  S.FINALIZE),
    Edge(S.DECIDE,         E.TIMED_OUT,         S.FINALIZE),
    Edge(S.DECIDE,         E.CANCELLED,         S.FINALIZE),
    Edge(S.DECIDE,         E.FAILED,            S.FINALIZE),
    Edge(S.DIRECT,         E.ANSWERED,          S.FINALIZE),
    Edge(S.DIRECT,         E.TIMED_OUT,         S.FINALIZE),
    Edge(S.DIRECT,         E.CANCELLED,         S.FINALIZE),
    Edge(S.DIRECT,         E.FAILED,            S.FINALIZE),
    Edge(S.INTAKE,         E.DOCUMENT_WRITTEN,  S.ENQUEUE),
    Edge(S.INTAKE,         E.WORKSPACE_READY,   S.MONITOR),
    Edge(S.INTAKE,         E.CANCELLED,         S.FINALIZE),
    Edge(S.INTAKE,         E.FAILED,            S.FINALIZE),
    Edge(S.ENQUEUE,        E.ITEM_ENQUEUED,     S.MONITOR),
    Edge(S.ENQUEUE,        E.ITEM_FOUND_LIVE,   S.MONITOR),
    Edge(S.ENQUEUE,        E.ITEM_FOUND_ENDED,  S.FINALIZE),
    Edge(S.ENQUEUE,        E.CANCELLED,         S.FINALIZE),
    Edge(S.ENQUEUE,        E.FAILED,            S.FINALIZE),
    Edge(S.MONITOR,        E.WATCH_ENDED,       S.FINALIZE),
    Edge(S.MONITOR,        E.DAEMON_LOST,       S.RESTART_NEEDED),
    Edge(S.MONITOR,        E.TIMED_OUT,         S.FINALIZE),
    Edge(S.MONITOR,        E.CANCELLED,         S.FINALIZE),
    Edge(S.MONITOR,        E.FAILED,            S.FINALIZE),
    Edge(S.RESTART_NEEDED, E.DAEMON_REPAIRED,   S.MONITOR,  restarts_left, count_restart),
    Edge(S.RESTART_NEEDED, E.DAEMON_REPAIRED,   S.FINALIZE, restarts_exhausted),
    Edge(S.RESTART_NEEDED, E.CANCELLED,         S.FINALIZE),
    Edge(S.RESTART_NEEDED, E.FAILED,            S.FINALIZE),
    Edge(S.FINALIZE,       E.RESULT_READY,      S.FINISHED),
)
#: A submission: the rows of a run until the item is in Millrace, which finishes it.
SUBMISSION_EDGES: tuple[Edge, ...] = (
    Edge(S.DECIDE,         E.DELEGATION_CHOSEN, S.INTAKE),
    Edge(S.DECIDE,         E.ITEM_FOUND_LIVE,   S.FINISHED),
    Edge(S.DECIDE,         E.ITEM_FOUND_ENDED,  S.FINISHED),
    Edge(S.DECIDE,         E.CANCELLED,         S.FINISHED),
    Edge(S.DECIDE,         E.FAILED,            S.FINISHED),
    Edge(S.INTAKE,         E.DOCUMENT_WRITTEN,  S.ENQUEUE),
    Edge(S.INTAKE,         E.CANCELLED,         S.FINISHED),
    Edge(S.INTAKE,         E.FAILED,            S.FINISHED),
    Edge(S.ENQUEUE,        E.ITEM_ENQUEUED,     S.ACCEPT),
    Edge(S.ENQUEUE,        E.ITEM_FOUND_LIVE,   S.FINISHED),
    Edge(S.ENQUEUE,        E.ITEM_FOUND_ENDED,  S.FINISHED),
    Edge(S.ENQUEUE,        E.CANCELLED,         S.FINISHED),
    Edge(S.ENQUEUE,        E.FAILED,            S.FINISHED),
    Edge(S.ACCEPT,         E.ITEM_ACCEPTED,     S.FINISHED),
    Edge(S.ACCEPT,         E.CANCELLED,         S.FINISHED),
    Edge(S.ACCEPT,         E.FAILED,            S.FINISHED),
)
# fmt: on
_DAEMON_DEATHS = frozenset({Ending.CRASHED, Ending.RESTART_NEEDED})
_ITEM_ENDS = frozenset({Ending.ITEM_ENDED, Ending.BLOCKED, Ending.SET_ASIDE})
#: The endings that each event carries; an event that is not listed carries none.
ENDINGS: Mapping[RunEvent, frozenset[Ending]] = {
    E.ANSWERED: frozenset({Ending.ANSWERED}),
    E.ITEM_FOUND_ENDED: _ITEM_ENDS,
    E.WATCH_ENDED: _ITEM_ENDS
    | {Ending.AT_REST, Ending.STUCK, Ending.UNKNOWN, Ending.STOPPED, Ending.BUDGET_EXHAUSTED}
    | _DAEMON_DEATHS,  # the daemon could not be started again
    E.DAEMON_LOST: _DAEMON_DEATHS,
    E.TIMED_OUT: frozenset({Ending.TIMED_OUT}),
    E.CANCELLED: frozenset({Ending.CANCELLED}),
    E.FAILED: frozenset({Ending.FAILED}),
    E.RESULT_READY: frozenset(Ending),  # the judgement itself may fail or be cancelled
}
INITIAL = RunState.DECIDE
TERMINAL = RunState.FINISHED


class _Cursor:
    """The model `transitions` moves; declared, so that types are checked."""

    state: RunState
    trigger: Callable[..., bool]


class Lifecycle:
    """The state machine of one run.

    Args:
        state: the first state.
        edges: the table; None for that of a run.
    """

    def __init__(self, state: RunState = INITIAL, edges: Sequence[Edge] | None = None) -> None:
        self._edges = EDGES if edges is None else edges
        self._cursor = _Cursor()
        self._machine = Machine(
            model=self._cursor,
            states=list(RunState),
            transitions=[
                {
                    "trigger": edge.event.value,
                    "source": edge.source,
                    "dest": edge.dest,
                    "conditions": [] if edge.guard is None else [edge.guard],
                }
                for edge in self._edges
            ],
            initial=state,
            auto_transitions=False,
        )

    @property
    def state(self) -> RunState:
        """The current state."""
        return self._cursor.state

    @property
    def finished(self) -> bool:
        """Whether the run is over."""
        return self.state is TERMINAL

    def fire(self, step: Step, facts: RunFacts) -> RunFacts:
        """Move along the one matching edge and return the updated facts.

        Raises:
            IllegalTransition: no such row, its guard refused, or the event does not carry this
                ending; the state has not moved.
        """
        before, event = self.state, step.event
        rows = [edge for edge in self._edges if (edge.source, edge.event) == (before, event)]
        if not rows:
            raise IllegalTransition(f"no edge for {event} in {before}")
        if step.ending not in ENDINGS.get(event, {None}):
            raise IllegalTransition(f"{event} in {before} does not carry the ending {step.ending}")
        if not self._cursor.trigger(event.value, facts):
            raise IllegalTransition(f"the guard of {event} in {before} refused {facts}")
        if step.ending is not None:
            facts = replace(facts, ending=step.ending, reason=step.reason)
        update = next(edge.update for edge in rows if edge.dest is self.state)
        return facts if update is None else update(facts)


def mermaid() -> str:
    """Return the table as a Mermaid state diagram, the one in docs/architecture.md."""
    rows = [f"    [*] --> {INITIAL}"]
    for edge in EDGES:
        guard = "" if edge.guard is None else f" [{_words(edge.guard)}]"
        update = "" if edge.update is None else f" / {_words(edge.update)}"
        rows.append(f"    {edge.source} --> {edge.dest}: {edge.event}{guard}{update}")
    rows.append(f"    {TERMINAL} --> [*]")
    return "\n".join(["stateDiagram-v2", *rows]) + "\n"


def _words(function: Guard | Update) -> str:
    return function.__name__.replace("_", " ")
