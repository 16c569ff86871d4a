"""The completion gate: gathered facts in, verdict out; the only place that can say completed.

Pure: no I/O, no clock. Only positive proof about *this* item and its lineage counts. Markers,
drained queues and prose are not facts here at all, so they cannot be mistaken for evidence. Facts
about other items change nothing.

The proof per kind (docs/how-completion-is-judged.md):

- a task: the backend holds it as done, and a run of it recorded the work;
- a spec: the backend holds it as done, its closure target is closed, and the run that the target
  names last closed this very spec;
- an idea: the proof of the one spec it was made into;
- a probe: the backend holds it as done, and a run of it found nothing to do, or made it into
  exactly one task or spec with its own proof.

If the caller demands checks, completion also needs a fact of each demanded check, and all facts of
it passed.

The backend translates its stage results into `StageProof`; this module knows none of its words.

An item is blocked if it cannot continue by itself: it, or the work that has to prove it, is
blocked, and no member of the lineage is live. A blocked task is blocked even while an incident
continues its work elsewhere; the missing evidence names the continuation.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from millracer.domain.checks import Argv, WorkVerification, name_command
from millracer.domain.requests import IntakeKind
from millracer.domain.run.evidence import (
    CheckFact,
    ClosureFact,
    Evidence,
    Fact,
    ItemFact,
    LineageItem,
    SpawnFact,
    StageFact,
    StageProof,
    describe_end,
    event_of,
    lineage_of,
    run_of,
    subject_of,
)
from millracer.domain.work.items import ItemState

TASK, SPEC, PROBE = "task", "spec", "probe"

_LEADS_TO = {StageProof.LEADS_TO_TASK: TASK, StageProof.LEADS_TO_SPEC: SPEC}

#: The place of missing evidence when Millrace received no work and so could not leave any.
NOWHERE = "nowhere"


@dataclass(frozen=True, slots=True)
class MissingEvidence:
    """What completion would have needed, where it was looked for, and what was found there."""

    needed: str
    looked_in: str
    found: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The judgement of the evidence about one item.

    Attributes:
        completed: there is positive proof that this item is done; `proof` holds it.
        blocked: the item cannot continue by itself; `proof` holds what is blocked.
        lacks_only_checks: everything but a demanded check is proven.
        missing: empty exactly when completed.
    """

    completed: bool = False
    blocked: bool = False
    lacks_only_checks: bool = False
    proof: tuple[Fact, ...] = ()
    missing: tuple[MissingEvidence, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Proof:
    """One item's proof so far: facts that count, and gaps."""

    facts: tuple[Fact, ...] = ()
    missing: tuple[MissingEvidence, ...] = ()

    def __add__(self, other: _Proof) -> _Proof:
        return _Proof(facts=self.facts + other.facts, missing=self.missing + other.missing)


def judge(evidence: Evidence) -> Verdict:
    """Judge one item's evidence.

    Facts that contradict each other about an item's own state prove nothing.
    """
    proof = _prove(evidence)
    if not proof.missing:
        checked = _prove_checks(evidence)
        if checked.missing:
            return Verdict(lacks_only_checks=True, missing=checked.missing)
        return Verdict(completed=True, proof=proof.facts + checked.facts)
    blocked = _blocked(evidence)
    if blocked:
        return Verdict(
            blocked=True,
            proof=blocked,
            missing=proof.missing + _continuations(evidence),
        )
    return Verdict(missing=proof.missing)


def judge_answer(evidence: Evidence) -> Verdict:
    """Judge the demanded checks of a direct run, which has no other proof.

    The verdict is never completed: an answer is not scoped completion.
    """
    missing = _prove_checks(evidence).missing
    return Verdict(lacks_only_checks=bool(missing), missing=missing)


def verify(demanded: Sequence[Argv], checks: Sequence[CheckFact]) -> WorkVerification | None:
    """Return the result of the demanded checks; None if there are none.

    Args:
        demanded: argv of each demanded check.
        checks: how checks of the request ended.
    """
    if not demanded:
        return None
    results = [[fact for fact in checks if fact.argv == argv] for argv in demanded]
    if any(fact.contradicts for facts in results for fact in facts):
        return WorkVerification.CONTRADICTED
    if all(_all_passed(facts) for facts in results):
        return WorkVerification.VERIFIED
    return WorkVerification.UNVERIFIED


def _prove_checks(evidence: Evidence) -> _Proof:
    proof = _Proof()
    for argv in dict.fromkeys(evidence.demanded_checks):
        facts = tuple(
            fact
            for fact in evidence.checks
            if fact.argv == argv and fact.item_id == evidence.item_id
        )
        if _all_passed(facts):
            proof += _Proof(facts=facts)
        else:
            proof += _Proof(missing=(_check_gap(argv, facts),))
    return proof


def _all_passed(facts: Sequence[CheckFact]) -> bool:
    return bool(facts) and all(fact.passed for fact in facts)


def _check_gap(argv: Argv, facts: Sequence[CheckFact]) -> MissingEvidence:
    failed = [fact for fact in facts if not fact.passed]
    return MissingEvidence(
        needed=f"exit code 0 of the demanded check `{name_command(argv)}`",
        looked_in=", ".join(dict.fromkeys(f"the {fact.place}" for fact in failed)) or "its result",
        found="; ".join(map(_describe_failure, failed)) or "it did not run",
    )


def _describe_failure(fact: CheckFact) -> str:
    end = describe_end(fact)
    return f"it {end}; last lines: {fact.output}" if fact.output else f"it {end}"


def without_scope(verdict: Verdict) -> Verdict:
    """Return the verdict for a caller whose own item is unknown: it is never completed."""
    if not (verdict.completed or verdict.lacks_only_checks):
        return verdict
    gap = MissingEvidence(
        needed="the id of the one scoped work item of the request",
        looked_in="the request",
        found="no usable id, or several",
    )
    return Verdict(missing=(gap,))


def _prove(evidence: Evidence) -> _Proof:
    match evidence.kind:
        case IntakeKind.TASK:
            return _prove_task(evidence, evidence.item_id)
        case IntakeKind.PROBE:
            return _prove_probe(evidence)
        case IntakeKind.IDEA:
            return _prove_idea(evidence)
        case None:
            kinds = {fact.work_kind for fact in _own(evidence, evidence.item_id)}
            if kinds == {SPEC}:
                return _prove_spec(evidence, evidence.item_id)
            gap = MissingEvidence(
                needed="a task, a probe, an idea or a spec, whose completion can be proven",
                looked_in=_sources(_own(evidence, evidence.item_id)) or "Millrace",
                found=", ".join(sorted(kinds)) or "nothing about this item",
            )
            return _Proof(missing=(gap,))


def _prove_task(evidence: Evidence, task_id: str) -> _Proof:
    runs = [fact for fact in evidence.stages if fact.item_id == task_id]
    records = tuple(
        fact for fact in runs if fact.work_kind == TASK and _proves(fact, StageProof.WORK_RECORDED)
    )
    result = evidence.name_result(StageProof.WORK_RECORDED)
    return _prove_done(evidence, task_id, TASK) + _stages_or_gap(
        records, f"a complete run of task {task_id} whose {result}", runs
    )


def _prove_spec(evidence: Evidence, spec_id: str) -> _Proof:
    targets = [fact for fact in evidence.closures if fact.root_spec_id == spec_id]
    closed = tuple(fact for fact in targets if not fact.open)
    if not targets or len(closed) != len(targets):
        return _prove_done(evidence, spec_id, SPEC) + _Proof(
            missing=(_closure_gap(spec_id, targets),)
        )
    deciding = {fact.closing_run_id for fact in closed}
    runs = [fact for fact in evidence.stages if fact.root_spec_id == spec_id]
    verdicts = tuple(
        fact for fact in runs if _proves(fact, StageProof.SPEC_CLOSED) and deciding == {fact.run_id}
    )
    result = evidence.name_result(StageProof.SPEC_CLOSED)
    return (
        _prove_done(evidence, spec_id, SPEC)
        + _Proof(facts=closed)
        + _stages_or_gap(verdicts, f"the closing run of root spec {spec_id} whose {result}", runs)
    )


def _prove_idea(evidence: Evidence) -> _Proof:
    return _prove_child(
        evidence,
        [fact for fact in evidence.spawns if fact.parent_id == evidence.item_id],
        kind=SPEC,
        needed="the one root spec that this idea was made into",
    )


def _prove_probe(evidence: Evidence) -> _Proof:
    probe_id = evidence.item_id
    done = _prove_done(evidence, probe_id, PROBE)
    own = [fact for fact in evidence.stages if fact.item_id == probe_id]
    ends = (StageProof.NOTHING_TO_DO, *_LEADS_TO)
    decisions = tuple(fact for fact in own if fact.work_kind == PROBE and _proves(fact, *ends))
    if len({fact.proves for fact in decisions}) != 1:
        needed = f"a complete run of probe {probe_id} whose {evidence.name_result(*ends)}"
        return done + _stages_or_gap((), needed, own)
    decided = decisions[0].proves
    proof = done + _Proof(facts=decisions)
    if decided not in _LEADS_TO:
        return proof
    runs = {fact.run_id for fact in decisions}
    children = [
        fact for fact in evidence.spawns if fact.parent_id == probe_id and fact.run_id in runs
    ]
    kind = _LEADS_TO[decided]
    needed = f"the one {kind} created when its {evidence.name_result(decided)}"
    return proof + _prove_child(evidence, children, kind=kind, needed=needed)


def _prove_child(evidence: Evidence, spawns: list[SpawnFact], *, kind: str, needed: str) -> _Proof:
    """Prove the one child whose completion proves its parent."""
    children = {fact.child_id for fact in spawns}
    if len(children) != 1 or any(fact.child_kind != kind for fact in spawns):
        found = ", ".join(f"{fact.child_kind} {fact.child_id}" for fact in spawns) or "none yet"
        looked = _sources(spawns) or _sources(_own(evidence, evidence.item_id)) or "Millrace"
        return _Proof(missing=(MissingEvidence(needed, looked, found),))
    child_id = children.pop()
    prove = _prove_task if kind == TASK else _prove_spec
    return _Proof(facts=tuple(spawns)) + prove(evidence, child_id)


def _proves(fact: StageFact, *proofs: StageProof) -> bool:
    return fact.counts and fact.proves in proofs


def _prove_done(evidence: Evidence, item_id: str, kind: str) -> _Proof:
    own = _own(evidence, item_id)
    if own and all(fact.state is ItemState.DONE and fact.work_kind == kind for fact in own):
        return _Proof(facts=own)
    found = ", ".join(dict.fromkeys(_place(fact) for fact in own))
    gap = MissingEvidence(
        needed=f"{kind} {item_id} in state done",
        looked_in=_sources(own) or "Millrace",
        found=found or "nothing about this item",
    )
    return _Proof(missing=(gap,))


def _place(fact: ItemFact) -> str:
    place = f"{fact.state}: {fact.detail}" if fact.detail else str(fact.state)
    return place if fact.work_kind in {TASK, SPEC, PROBE} else f"{place} ({fact.work_kind})"


def _stages_or_gap(proving: tuple[StageFact, ...], needed: str, seen: list[StageFact]) -> _Proof:
    if proving:
        return _Proof(facts=proving)
    found = ", ".join(
        f"{fact.stage} ended {fact.terminal_result or 'without a result'} "
        f"(run {fact.run_status or 'of unknown status'})"
        for fact in seen
    )
    gap = MissingEvidence(needed, _sources(seen) or "its runs", found or "no such stage")
    return _Proof(missing=(gap,))


def _closure_gap(spec_id: str, targets: list[ClosureFact]) -> MissingEvidence:
    found = ", ".join(_closure(fact) for fact in targets)
    return MissingEvidence(
        needed=f"the closed closure target of root spec {spec_id}",
        looked_in=_sources(targets) or "Millrace's closure targets",
        found=found or "none was ever opened for it",
    )


def _closure(fact: ClosureFact) -> str:
    if not fact.open:
        return "closed"
    if not fact.blocked_by_lineage_work:
        return "open"
    return f"open, waiting for blocked work: {', '.join(fact.blocking_ids) or 'unnamed'}"


def _blocked(evidence: Evidence) -> tuple[Fact, ...]:
    """Return the blocked facts if no member of the lineage can continue by itself.

    A member whose place is unknown may be moving between two places, so it may continue. Where no
    member is blocked, Millrace may still keep a closure target open for blocked work outside this
    lineage.

    A task entered as one is judged by its own state alone: what continues it is another item.
    """
    own = _own(evidence, evidence.item_id)
    if own and all(fact.state is ItemState.BLOCKED for fact in own):
        return own
    if evidence.kind is IntakeKind.TASK or not own:
        return ()
    blocked: tuple[Fact, ...] = ()
    members = lineage_of(evidence)
    for member in members:
        facts = _own(evidence, member.item_id)
        if not facts or any(_may_go_on(fact.state) for fact in facts):
            return ()
        if all(fact.state is ItemState.BLOCKED for fact in facts):
            blocked += facts
    ids = {member.item_id for member in members}
    held = tuple(
        target
        for target in evidence.closures
        if target.root_spec_id in ids and target.open and target.blocked_by_lineage_work
    )
    return blocked or held


def _may_go_on(state: ItemState) -> bool:
    return state.is_live or state is ItemState.ABSENT


def _continuations(evidence: Evidence) -> tuple[MissingEvidence, ...]:
    """Return the live items with which Millrace continues the work of a blocked item."""
    return tuple(
        MissingEvidence(
            needed=f"the end of what continues {member.parent_id}",
            looked_in=member.source,
            found=f"{_name(member)} is {member.state} ({member.how})",
        )
        for member in lineage_of(evidence)
        if member.parent_id is not None and member.state.is_live
    )


def _name(member: LineageItem) -> str:
    return f"{member.work_kind} {member.item_id}"


def _own(evidence: Evidence, item_id: str) -> tuple[ItemFact, ...]:
    return tuple(fact for fact in evidence.items if fact.item_id == item_id)


def _sources(facts: Iterable[Fact]) -> str:
    return ", ".join(dict.fromkeys(fact.source for fact in facts))


def unmet(expected: Sequence[str], proof: Iterable[Fact]) -> tuple[str, ...]:
    """Return the expected evidence names that no proof fact matches, in order.

    A fact matches the names of its work item, run, source and event (`scoped_complete`,
    `arbiter_complete`). A stage's result also matches the backend's names of the stage and
    its terminal result. Free text matches no fact.
    """
    names = {name for fact in proof for name in _names(fact)}
    return tuple(name for name in expected if name not in names)


def _names(fact: Fact) -> tuple[str | None, ...]:
    stage = (fact.stage, fact.terminal_result) if isinstance(fact, StageFact) else ()
    return (event_of(fact), subject_of(fact), run_of(fact), fact.source, *stage)
