"""Wrong versions of the rules and of what obeys them: the exploration must refuse each."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TypeAlias

import pytest

from millracer.cancellation import Wait
from millracer.domain.requests import RunRequest
from millracer.domain.run import completion, lifecycle, result
from millracer.domain.run.ending import Ending
from millracer.domain.run.evidence import StageProof
from millracer.domain.run.lifecycle import (
    EDGES,
    SUBMISSION_EDGES,
    Edge,
    RunEvent,
    RunFacts,
    RunState,
    Step,
)
from millracer.domain.run.outcome import Outcome
from millracer.domain.work.items import WorkItem
from millracer.millrace.wire import stage_results
from millracer.run import steps, submitter
from millracer.run.orchestrator import Orchestrator
from tests.statespace.scenarios import needs_others

S, E = RunState, RunEvent
Mutation: TypeAlias = Callable[[pytest.MonkeyPatch], None]


def _table(change: Callable[[Edge], Edge | None]) -> Mutation:
    rows = tuple(row for row in map(change, EDGES) if row is not None)
    return lambda patch: patch.setattr(lifecycle, "EDGES", rows)


def without(row: Edge) -> Mutation:
    """Leave a row out of the table."""
    return _table(lambda edge: None if edge is row else edge)


def leading_to(row: Edge, dest: RunState) -> Mutation:
    """Let a row lead elsewhere."""
    return _table(lambda edge: replace(edge, dest=dest) if edge is row else edge)


def _guarded(left: Callable[[RunFacts], bool]) -> Mutation:
    """Let the guards of a repaired daemon ask something else."""

    def exhausted(facts: RunFacts) -> bool:
        return not left(facts)

    return _table(
        lambda edge: (
            edge
            if edge.guard is None
            else replace(edge, guard=left if edge.dest is S.MONITOR else exhausted)
        )
    )


def _gate(name: str, value: object) -> Mutation:
    return lambda patch: patch.setattr(completion, name, value)


def _any_stage_proves(patch: pytest.MonkeyPatch) -> None:
    builder = ("builder", "UPDATE_COMPLETE")
    patch.setitem(stage_results.PROOFS, builder, StageProof.WORK_RECORDED)


def _ends_well(ending: Ending) -> Mutation:
    return lambda patch: patch.setitem(result._OUTCOMES, ending, Outcome.COMPLETED)


def _no_leave(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Orchestrator, "_leave", lambda self, record: None)


def _no_look_for_the_item(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(steps, "find_item", lambda record, millrace: None)


def _another_id_each_time(patch: pytest.MonkeyPatch) -> None:
    numbers = itertools.count()

    def work_item_for(request: RunRequest, *, unique: str) -> WorkItem:
        return WorkItem(item_id=f"item-{next(numbers)}", request_hash="hash", named=True)

    patch.setattr(steps, "work_item_for", work_item_for)


def _no_limit_of_time(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Wait, "expired", property(lambda self: False))


def _row(source: RunState, event: RunEvent) -> Edge:
    (row,) = (edge for edge in EDGES if (edge.source, edge.event) == (source, event))
    return row


def _submission_leads(event: RunEvent, dest: RunState) -> Mutation:
    """Let every row of a submission with this event lead elsewhere."""
    rows = tuple(replace(row, dest=dest) if row.event is event else row for row in SUBMISSION_EDGES)
    return lambda patch: patch.setattr(submitter, "SUBMISSION_EDGES", rows)


def _refusal_is_accepted(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(submitter, "accept", lambda record, millrace: Step(E.ITEM_ACCEPTED))


#: Wrong versions of what a submission obeys; every one must be refused.
SUBMISSION_MUTATIONS: Mapping[str, Mutation] = {
    "it goes on to a watch": _submission_leads(E.ITEM_ENQUEUED, S.MONITOR),
    "a found item is watched": _submission_leads(E.ITEM_FOUND_LIVE, S.MONITOR),
    "a refusal is accepted": _refusal_is_accepted,
    "another id each time": _another_id_each_time,
}
#: Endings of the small space that the proof does not decide on, and that are not completion.
_ENDINGS = (
    *(Ending.CRASHED, Ending.FAILED, Ending.ITEM_ENDED, Ending.RESTART_NEEDED),
    Ending.TIMED_OUT,
)
#: Every one of these must be refused.
MUTATIONS: Mapping[str, Mutation] = {
    "a done item needs no run": _gate("_stages_or_gap", lambda *_: completion._Proof()),
    "a run needs no done item": _gate("_prove_done", lambda *_: completion._Proof()),
    "any stage will do": _any_stage_proves,
    "any result will do": _gate("_proves", lambda fact, *_: fact.counts),
    "a failed run will do": _gate("_proves", lambda fact, *proofs: fact.proves in proofs),
    "a run as another kind will do": _gate("TASK", "incident"),
    "restarts without end": _guarded(lambda facts: True),
    "one restart too many": _guarded(lambda facts: facts.restarts <= facts.max_restarts),
    "no restart at all": _guarded(lambda facts: False),
    "restarts only once they are spent": _guarded(lambda facts: facts.restarts > 0),
    "a failed repair goes on watching": leading_to(_row(S.RESTART_NEEDED, E.FAILED), S.MONITOR),
    "a failed watch begins anew": leading_to(_row(S.MONITOR, E.FAILED), S.INTAKE),
    "nothing is left at the end": _no_leave,
    "the item is not looked for": _no_look_for_the_item,
    "another id each time": _another_id_each_time,
    "no limit of time": _no_limit_of_time,
    **{f"{ending} is completed": _ends_well(ending) for ending in _ENDINGS},
    **{
        f"no {row.event} in {row.source} to {row.dest}": without(row)
        for row in EDGES
        if not needs_others((row.source, row.event, row.dest))
    },
}
