"""The completion gate: gathered facts in, verdict out; the only place that can say completed.

Pure: no I/O, no clock. Only positive proof about *this* item counts. Markers, drained queues and
anybody's prose are not facts here at all, so they cannot be mistaken for evidence; facts about
other items change nothing.

The proof per kind: a task is complete when Millrace holds it as done *and* the trace of a complete
run of it shows the updater ending with UPDATE_COMPLETE. Probes and ideas are followed to the end of
their own item only; what they lead to is not judged yet, so they are never completed here.
"""

from __future__ import annotations

from dataclasses import dataclass

from millracer.domain.evidence import Evidence, ItemFact, StageFact
from millracer.domain.work import IntakeKind, ItemState

#: How a task's last stage says that the task is done.
UPDATER_STAGE = "updater"
UPDATE_COMPLETE = "UPDATE_COMPLETE"
RUN_COMPLETE = "complete"


@dataclass(frozen=True, slots=True)
class MissingEvidence:
    """What completion would have needed, where it was looked for, what stood there."""

    needed: str
    looked_in: str
    found: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the evidence allows to be said.

    Attributes:
        completed: there is positive proof that this item is done; `proof` holds it.
        blocked: Millrace holds the item as blocked; `proof` holds that.
        missing: empty exactly when completed.
    """

    completed: bool = False
    blocked: bool = False
    proof: tuple[ItemFact | StageFact, ...] = ()
    missing: tuple[MissingEvidence, ...] = ()


def judge(evidence: Evidence) -> Verdict:
    """Judge one item's evidence.

    Facts that contradict each other about the item's own state prove nothing.
    """
    own = tuple(fact for fact in evidence.items if fact.item_id == evidence.item_id)
    states = {fact.state for fact in own}
    if states == {ItemState.BLOCKED}:
        return Verdict(blocked=True, proof=own, missing=(_state_missing(own),))
    match evidence.kind:
        case IntakeKind.TASK:
            return _judge_task(evidence, own, states)
        case IntakeKind.PROBE | IntakeKind.IDEA:
            return Verdict(missing=(_followed_only_to_its_end(evidence, own),))
        case None:
            return Verdict(missing=(_state_missing(own),))


def _judge_task(evidence: Evidence, own: tuple[ItemFact, ...], states: set[ItemState]) -> Verdict:
    done = tuple(fact for fact in own if fact.work_kind == IntakeKind.TASK)
    updates = tuple(fact for fact in evidence.stages if _is_updater_of(evidence.item_id, fact))
    missing = []
    if states != {ItemState.DONE} or not done:
        missing.append(_state_missing(own))
    if not updates:
        missing.append(_update_missing(evidence))
    if missing:
        return Verdict(missing=tuple(missing))
    return Verdict(completed=True, proof=(*done, *updates))


def _is_updater_of(item_id: str, fact: StageFact) -> bool:
    return (
        fact.item_id == item_id
        and fact.work_kind == IntakeKind.TASK
        and fact.stage == UPDATER_STAGE
        and fact.terminal_result == UPDATE_COMPLETE
        and fact.run_status == RUN_COMPLETE
    )


def _state_missing(own: tuple[ItemFact, ...]) -> MissingEvidence:
    return MissingEvidence(
        needed="the work item in state done",
        looked_in=", ".join(dict.fromkeys(fact.source for fact in own)) or "nowhere",
        found=", ".join(
            dict.fromkeys(
                f"{fact.state}: {fact.detail}" if fact.detail else str(fact.state) for fact in own
            )
        )
        or "nothing about this item",
    )


def _update_missing(evidence: Evidence) -> MissingEvidence:
    own = [fact for fact in evidence.stages if fact.item_id == evidence.item_id]
    return MissingEvidence(
        needed=f"a complete run of the item whose {UPDATER_STAGE} ended {UPDATE_COMPLETE}",
        looked_in=", ".join(dict.fromkeys(fact.source for fact in own)) or "the item's runs",
        found=", ".join(
            f"{fact.stage} ended {fact.terminal_result or 'without a result'} "
            f"(run {fact.run_status or 'of unknown status'})"
            for fact in own
        )
        or "no stage of this item",
    )


def _followed_only_to_its_end(evidence: Evidence, own: tuple[ItemFact, ...]) -> MissingEvidence:
    states = ", ".join(sorted({str(fact.state) for fact in own})) or "absent"
    return MissingEvidence(
        needed=f"the end of the work that this {evidence.kind} leads to",
        looked_in=", ".join(dict.fromkeys(fact.source for fact in own)) or "nowhere",
        found=f"the {evidence.kind} itself: {states}; what it leads to is not followed yet",
    )
