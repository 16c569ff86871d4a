"""The lifecycle of a run: everything that decides which step follows lives in this file.

It does not know what a step does. The machine is data: `EDGES` lists every row, one event for every
way a step can end; a state with no row (`finished`) is the end. `transitions` checks the table and
nothing else: no callbacks, because an exception in one leaves the state moved
(docs/decisions/0001).

What the table does not say: which facts are evidence (`completion`), what Millrace's signs mean
(`observation`), and what happens in a state (`millracer.run.orchestrator`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from transitions import Machine, MachineError

from millracer.errors import IllegalTransition


class RunState(StrEnum):
    """Where a run is."""

    DECIDE = "decide"  #: look the item up, choose the route
    DIRECT = "direct"  #: pi does the task itself
    INTAKE = "intake"  #: workspace and mode made ready, document written
    ENQUEUE = "enqueue"  #: the document handed to Millrace, once
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
    WORKSPACE_READY = "workspace_ready"  #: nothing to write: the item is there already
    ITEM_ENQUEUED = "item_enqueued"
    WATCH_ENDED = "watch_ended"  #: the item ended, or waiting for it is over
    DAEMON_LOST = "daemon_lost"  #: it died while the item is queued or active
    DAEMON_REPAIRED = "daemon_repaired"  #: stale state is cleared, the item is back in the queue
    RESULT_READY = "result_ready"
    TIMED_OUT = "timed_out"
    CANCELLED = "cancelled"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFacts:
    """What guards may look at."""

    restarts: int = 0  #: restarts of the daemon so far in this run
    max_restarts: int = 1


Guard = Callable[[RunFacts], bool]


def restarts_left(facts: RunFacts) -> bool:
    """Whether the daemon may be started once more."""
    return facts.restarts < facts.max_restarts


def restarts_exhausted(facts: RunFacts) -> bool:
    """Whether the daemon was restarted as often as allowed."""
    return facts.restarts >= facts.max_restarts


@dataclass(frozen=True, slots=True)
class Edge:
    """One row: in `source`, `event` leads to `dest` if the guard agrees."""

    source: RunState
    event: RunEvent
    dest: RunState
    guard: Guard | None = None


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
    Edge(S.MONITOR,        E.CANCELLED,         S.FINALIZE),
    Edge(S.MONITOR,        E.FAILED,            S.FINALIZE),
    Edge(S.RESTART_NEEDED, E.DAEMON_REPAIRED,   S.MONITOR,  restarts_left),
    Edge(S.RESTART_NEEDED, E.DAEMON_REPAIRED,   S.FINALIZE, restarts_exhausted),
    Edge(S.RESTART_NEEDED, E.CANCELLED,         S.FINALIZE),
    Edge(S.RESTART_NEEDED, E.FAILED,            S.FINALIZE),
    Edge(S.FINALIZE,       E.RESULT_READY,      S.FINISHED),
)
# fmt: on
INITIAL = RunState.DECIDE
TERMINAL = RunState.FINISHED


class _Cursor:
    """The model `transitions` moves; declared, so that types are checked."""

    state: RunState
    trigger: Callable[..., bool]


class Lifecycle:
    """A run's place in the table; a fresh one starts in `decide`."""

    def __init__(self, state: RunState = INITIAL) -> None:
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
                for edge in EDGES
            ],
            initial=state,
            auto_transitions=False,
        )

    @property
    def state(self) -> RunState:
        """Where the run is."""
        return self._cursor.state

    @property
    def finished(self) -> bool:
        """Whether the run is over."""
        return self.state is TERMINAL

    def fire(self, event: RunEvent, facts: RunFacts) -> RunState:
        """Move along the one edge that fits and return the new state.

        Raises:
            IllegalTransition: no such row, or its guard refused; the state has not moved.
        """
        before = self.state
        try:
            moved = self._cursor.trigger(event.value, facts)
        except MachineError as exc:
            raise IllegalTransition(f"no edge for {event} in {before}") from exc
        if not moved:
            raise IllegalTransition(f"the guard of {event} in {before} refused {facts}")
        return self.state


def mermaid() -> str:
    """Return the table as a Mermaid state diagram, the one in docs/architecture.md."""
    rows = [f"    [*] --> {INITIAL}"]
    for edge in EDGES:
        guard = "" if edge.guard is None else f" [{edge.guard.__name__.replace('_', ' ')}]"
        rows.append(f"    {edge.source} --> {edge.dest}: {edge.event}{guard}")
    rows.append(f"    {TERMINAL} --> [*]")
    return "\n".join(["stateDiagram-v2", *rows]) + "\n"
