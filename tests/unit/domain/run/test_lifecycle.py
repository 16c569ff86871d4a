import itertools
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from millracer.domain.run.ending import Ending
from millracer.domain.run.lifecycle import (
    EDGES,
    ENDINGS,
    INITIAL,
    SUBMISSION_EDGES,
    TERMINAL,
    Edge,
    Lifecycle,
    RunEvent,
    RunFacts,
    RunState,
    Step,
    count_restart,
    mermaid,
    restarts_exhausted,
    restarts_left,
)
from millracer.errors import IllegalTransition

S, E = RunState, RunEvent
FACTS = RunFacts(restarts=0, max_restarts=1)
SPENT = RunFacts(restarts=1, max_restarts=1)


def step(event: RunEvent) -> Step:
    """Return a step with one of the endings that its event carries."""
    return Step(event, min(ENDINGS.get(event, ()), default=None))


#: Written by hand from the specification, so that a wrong row cannot agree with itself.
PATHS = {
    "direct": [(E.DIRECT_CHOSEN, S.DIRECT), (E.ANSWERED, S.FINALIZE), (E.RESULT_READY, S.FINISHED)],
    "delegated": [
        (E.DELEGATION_CHOSEN, S.INTAKE),
        (E.DOCUMENT_WRITTEN, S.ENQUEUE),
        (E.ITEM_ENQUEUED, S.MONITOR),
        (E.WATCH_ENDED, S.FINALIZE),
        (E.RESULT_READY, S.FINISHED),
    ],
    "found live": [
        (E.ITEM_FOUND_LIVE, S.INTAKE),
        (E.WORKSPACE_READY, S.MONITOR),
        (E.WATCH_ENDED, S.FINALIZE),
    ],
    "found ended": [(E.ITEM_FOUND_ENDED, S.FINALIZE), (E.RESULT_READY, S.FINISHED)],
    "another run enqueued first": [
        (E.DELEGATION_CHOSEN, S.INTAKE),
        (E.DOCUMENT_WRITTEN, S.ENQUEUE),
        (E.ITEM_FOUND_LIVE, S.MONITOR),
    ],
    "another run was done first": [
        (E.DELEGATION_CHOSEN, S.INTAKE),
        (E.DOCUMENT_WRITTEN, S.ENQUEUE),
        (E.ITEM_FOUND_ENDED, S.FINALIZE),
    ],
    "restarted once": [
        (E.DELEGATION_CHOSEN, S.INTAKE),
        (E.DOCUMENT_WRITTEN, S.ENQUEUE),
        (E.ITEM_ENQUEUED, S.MONITOR),
        (E.DAEMON_LOST, S.RESTART_NEEDED),
        (E.DAEMON_REPAIRED, S.MONITOR),
        (E.WATCH_ENDED, S.FINALIZE),
    ],
    "decision timed out": [(E.TIMED_OUT, S.FINALIZE)],
    "decision unreadable": [(E.FAILED, S.FINALIZE)],
    "cancelled while deciding": [(E.CANCELLED, S.FINALIZE)],
    "direct turn timed out": [(E.DIRECT_CHOSEN, S.DIRECT), (E.TIMED_OUT, S.FINALIZE)],
    "direct turn failed": [(E.DIRECT_CHOSEN, S.DIRECT), (E.FAILED, S.FINALIZE)],
    "cancelled in the direct turn": [(E.DIRECT_CHOSEN, S.DIRECT), (E.CANCELLED, S.FINALIZE)],
    "workspace unusable": [(E.DELEGATION_CHOSEN, S.INTAKE), (E.FAILED, S.FINALIZE)],
    "cancelled in intake": [(E.DELEGATION_CHOSEN, S.INTAKE), (E.CANCELLED, S.FINALIZE)],
    "add refused": [
        (E.DELEGATION_CHOSEN, S.INTAKE),
        (E.DOCUMENT_WRITTEN, S.ENQUEUE),
        (E.FAILED, S.FINALIZE),
    ],
    "cancelled while adding": [
        (E.DELEGATION_CHOSEN, S.INTAKE),
        (E.DOCUMENT_WRITTEN, S.ENQUEUE),
        (E.CANCELLED, S.FINALIZE),
    ],
    "cancelled while watching": [
        (E.ITEM_FOUND_LIVE, S.INTAKE),
        (E.WORKSPACE_READY, S.MONITOR),
        (E.CANCELLED, S.FINALIZE),
    ],
    "time is over while watching": [
        (E.ITEM_FOUND_LIVE, S.INTAKE),
        (E.WORKSPACE_READY, S.MONITOR),
        (E.TIMED_OUT, S.FINALIZE),
    ],
    "Millrace failed while watching": [
        (E.ITEM_FOUND_LIVE, S.INTAKE),
        (E.WORKSPACE_READY, S.MONITOR),
        (E.FAILED, S.FINALIZE),
    ],
    "cancelled in repair": [
        (E.ITEM_FOUND_LIVE, S.INTAKE),
        (E.WORKSPACE_READY, S.MONITOR),
        (E.DAEMON_LOST, S.RESTART_NEEDED),
        (E.CANCELLED, S.FINALIZE),
    ],
    "repair failed": [
        (E.ITEM_FOUND_LIVE, S.INTAKE),
        (E.WORKSPACE_READY, S.MONITOR),
        (E.DAEMON_LOST, S.RESTART_NEEDED),
        (E.FAILED, S.FINALIZE),
    ],
}


@pytest.mark.parametrize("path", PATHS.values(), ids=PATHS.keys())
def test_the_specified_path_is_taken(path: list[tuple[RunEvent, RunState]]) -> None:
    lifecycle = Lifecycle()

    for event, expected in path:
        lifecycle.fire(step(event), FACTS)
        assert lifecycle.state is expected


def test_every_row_is_on_a_specified_path() -> None:
    walked = set()
    for path in PATHS.values():
        state = INITIAL
        for event, entered in path:
            walked.add((state, event, entered))
            state = entered

    beyond = (S.RESTART_NEEDED, E.DAEMON_REPAIRED, S.FINALIZE)
    assert {(e.source, e.event, e.dest) for e in EDGES} == walked | {beyond}


#: Of a submission, written by hand too.
SUBMISSIONS = {
    "queued": [
        (E.DELEGATION_CHOSEN, S.INTAKE),
        (E.DOCUMENT_WRITTEN, S.ENQUEUE),
        (E.ITEM_ENQUEUED, S.ACCEPT),
        (E.ITEM_ACCEPTED, S.FINISHED),
    ],
    "found live": [(E.ITEM_FOUND_LIVE, S.FINISHED)],
    "found ended": [(E.ITEM_FOUND_ENDED, S.FINISHED)],
    "added meanwhile": [
        (E.DELEGATION_CHOSEN, S.INTAKE),
        (E.DOCUMENT_WRITTEN, S.ENQUEUE),
        (E.ITEM_FOUND_LIVE, S.FINISHED),
    ],
    "ended meanwhile": [
        (E.DELEGATION_CHOSEN, S.INTAKE),
        (E.DOCUMENT_WRITTEN, S.ENQUEUE),
        (E.ITEM_FOUND_ENDED, S.FINISHED),
    ],
    **{
        f"{event} after {len(before)}": [*before, (event, S.FINISHED)]
        for event in (E.CANCELLED, E.FAILED)
        for before in (
            [],
            [(E.DELEGATION_CHOSEN, S.INTAKE)],
            [(E.DELEGATION_CHOSEN, S.INTAKE), (E.DOCUMENT_WRITTEN, S.ENQUEUE)],
            [
                (E.DELEGATION_CHOSEN, S.INTAKE),
                (E.DOCUMENT_WRITTEN, S.ENQUEUE),
                (E.ITEM_ENQUEUED, S.ACCEPT),
            ],
        )
    },
}


@pytest.mark.parametrize("path", SUBMISSIONS.values(), ids=SUBMISSIONS.keys())
def test_a_submission_takes_the_specified_path(path: list[tuple[RunEvent, RunState]]) -> None:
    lifecycle = Lifecycle(edges=SUBMISSION_EDGES)

    for event, expected in path:
        lifecycle.fire(step(event), FACTS)
        assert lifecycle.state is expected


def test_every_row_of_a_submission_is_on_a_specified_path() -> None:
    walked = {
        (source, event, dest)
        for path in SUBMISSIONS.values()
        for source, (event, dest) in zip([INITIAL, *(dest for _, dest in path)], path, strict=False)
    }

    assert {(e.source, e.event, e.dest) for e in SUBMISSION_EDGES} == walked


def test_restarts_end_when_they_are_spent() -> None:
    lifecycle = Lifecycle(S.RESTART_NEEDED)

    died = replace(SPENT, ending=Ending.CRASHED, reason="it died")

    assert lifecycle.fire(step(E.DAEMON_REPAIRED), died) == died
    assert lifecycle.state is S.FINALIZE


def test_a_restart_is_counted_where_the_daemon_is_started_again() -> None:
    counted = Lifecycle(S.RESTART_NEEDED).fire(step(E.DAEMON_REPAIRED), FACTS)

    assert counted == replace(FACTS, restarts=1)
    assert [edge.dest for edge in EDGES if edge.update is not None] == [S.MONITOR]


#: Written by hand, as the paths are.
CARRIED = {
    E.ANSWERED: "answered",
    E.ITEM_FOUND_ENDED: "item_ended blocked set_aside",
    E.WATCH_ENDED: "item_ended blocked set_aside at_rest stuck unknown stopped crashed "
    "restart_needed budget_exhausted",
    E.DAEMON_LOST: "crashed restart_needed",
    E.TIMED_OUT: "timed_out",
    E.CANCELLED: "cancelled",
    E.FAILED: "failed",
    E.RESULT_READY: " ".join(Ending),
}


@pytest.mark.parametrize("edge", EDGES, ids=lambda edge: f"{edge.source}-{edge.event}")
def test_an_event_carries_its_endings_and_no_other(edge: Edge) -> None:
    carried = {*CARRIED.get(edge.event, "").split()} or {None}

    for ending in (None, *Ending):
        lifecycle = Lifecycle(edge.source)
        facts = SPENT if edge.guard is restarts_exhausted else FACTS
        if ending not in carried:
            with pytest.raises(IllegalTransition, match="ending"):
                lifecycle.fire(Step(edge.event, ending), facts)
            assert lifecycle.state is edge.source
            continue
        after = lifecycle.fire(Step(edge.event, ending, "why"), facts)
        assert (after.ending, after.reason) == (ending, "why" if ending else "")


def test_every_way_to_finalize_has_an_ending() -> None:
    into = {edge.event for edge in EDGES if edge.dest is S.FINALIZE}

    # A repaired daemon's run ends as its daemon's death, which the step before reported.
    assert into - set(ENDINGS) == {E.DAEMON_REPAIRED}
    assert {edge.event for edge in EDGES if edge.dest is S.RESTART_NEEDED} == {E.DAEMON_LOST}


@pytest.mark.parametrize(
    ("state", "event"),
    [
        (state, event)
        for state, event in itertools.product(RunState, RunEvent)
        if not any((edge.source, edge.event) == (state, event) for edge in EDGES)
    ],
)
def test_an_event_without_a_row_is_an_error_and_moves_nothing(
    state: RunState, event: RunEvent
) -> None:
    lifecycle = Lifecycle(state)

    with pytest.raises(IllegalTransition):
        lifecycle.fire(step(event), FACTS)
    assert lifecycle.state is state


def test_a_refused_guard_is_an_error_and_moves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    refused = Edge(S.RESTART_NEEDED, E.DAEMON_REPAIRED, S.MONITOR, lambda _facts: False)
    monkeypatch.setattr("millracer.domain.run.lifecycle.EDGES", (refused,))
    lifecycle = Lifecycle(S.RESTART_NEEDED)

    with pytest.raises(IllegalTransition):
        lifecycle.fire(step(E.DAEMON_REPAIRED), FACTS)
    assert lifecycle.state is S.RESTART_NEEDED


@given(st.integers(0, 9), st.integers(0, 9))
def test_the_guards_of_one_pair_are_disjoint_total_and_boolean(spent: int, allowed: int) -> None:
    facts = RunFacts(restarts=spent, max_restarts=allowed)

    assert {restarts_left(facts), restarts_exhausted(facts)} == {True, False}
    assert restarts_left(facts) is (spent < allowed)


def test_every_event_has_a_row_and_the_library_holds_exactly_the_table() -> None:
    machine = Lifecycle()._machine
    held = {
        (source, name, transition.dest)
        for name, event in machine.events.items()
        for transitions in event.transitions.values()
        for transition in transitions
        for source in [transition.source]
    }

    assert set(RunEvent) == {edge.event for edge in (*EDGES, *SUBMISSION_EDGES)}
    assert {(e.source.name, e.event.value, e.dest.name) for e in EDGES} == held


@pytest.mark.parametrize("edges", [EDGES, SUBMISSION_EDGES])
def test_the_end_is_reachable_from_every_state_and_every_state_from_the_start(
    edges: tuple[Edge, ...],
) -> None:
    def reached(start: RunState) -> set[RunState]:
        found, frontier = {start}, [start]
        while frontier:
            at = frontier.pop()
            for edge in edges:
                if edge.source is at and edge.dest not in found:
                    found.add(edge.dest)
                    frontier.append(edge.dest)
        return found

    assert reached(INITIAL) == {edge.source for edge in edges} | {TERMINAL}
    assert all(TERMINAL in reached(edge.source) for edge in edges)


def test_one_row_leads_from_the_end_of_watching_to_the_end() -> None:
    rows = [edge for edge in EDGES if edge.source is S.MONITOR and edge.event is E.WATCH_ENDED]

    assert [edge.dest for edge in rows] == [S.FINALIZE]


class LifecycleWalk(RuleBasedStateMachine):
    """Any event at any time: the table holds, restarts stay bounded, the queue is entered once."""

    def __init__(self) -> None:
        super().__init__()
        self.lifecycle = Lifecycle()
        self.facts = RunFacts(max_restarts=2)
        self.enqueued = 0

    def _fire(self, event: RunEvent) -> None:
        before = self.lifecycle.state
        try:
            self.facts = self.lifecycle.fire(step(event), self.facts)
        except IllegalTransition:
            assert self.lifecycle.state is before
            return
        assert before is not TERMINAL
        self.enqueued += event is E.ITEM_ENQUEUED

    @rule(event=st.sampled_from(RunEvent))
    def any_event(self, event: RunEvent) -> None:
        self._fire(event)

    @precondition(lambda self: not self.lifecycle.finished)
    @rule(data=st.data())
    def a_legal_event(self, data: st.DataObject) -> None:
        legal = sorted({e.event for e in EDGES if e.source is self.lifecycle.state})
        self._fire(data.draw(st.sampled_from(legal)))

    @invariant()
    def bounds_hold(self) -> None:
        assert self.facts.restarts <= self.facts.max_restarts
        assert self.enqueued <= 1
        assert self.lifecycle.state is not S.FINALIZE or self.facts.ending is not None


TestLifecycleWalk = LifecycleWalk.TestCase


def test_a_run_may_restart_the_daemon_once_by_default() -> None:
    assert RunFacts() == RunFacts(restarts=0, max_restarts=1)


def test_an_illegal_event_is_reported_with_its_state(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(IllegalTransition, match=r"answered.*decide"):
        Lifecycle().fire(step(E.ANSWERED), FACTS)
    refused = Edge(S.DECIDE, E.FAILED, S.FINALIZE, lambda _facts: False)
    monkeypatch.setattr("millracer.domain.run.lifecycle.EDGES", (refused,))
    with pytest.raises(IllegalTransition) as caught:
        Lifecycle().fire(step(E.FAILED), FACTS)
    assert all(word in str(caught.value) for word in ("failed", "decide", str(FACTS)))


def test_the_diagram_shows_every_row_its_guard_and_both_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows = (
        Edge(S.DECIDE, E.FAILED, S.FINALIZE),
        Edge(S.FINALIZE, E.RESULT_READY, S.FINISHED, restarts_left, count_restart),
    )
    monkeypatch.setattr("millracer.domain.run.lifecycle.EDGES", rows)

    assert mermaid().splitlines() == [
        "stateDiagram-v2",
        "    [*] --> decide",
        "    decide --> finalize: failed",
        "    finalize --> finished: result_ready [restarts left] / count restart",
        "    finished --> [*]",
    ]
