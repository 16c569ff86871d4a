"""Facts about a work item for the completion gate, each with its source.

A fact names the item, the run where there is one, the command or file it came from and the time it
was read. Adapters gather facts; only `completion` judges them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from millracer.domain.checks import Argv, CheckPlace, name_command
from millracer.domain.requests import IntakeKind
from millracer.domain.run.progress import EventKind
from millracer.domain.work.items import ItemState


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemFact:
    """The place of an item in Millrace.

    Attributes:
        waits_for: dependencies of a queued item that cannot be met any more, each with its state.
    """

    item_id: str
    work_kind: str  #: task, probe, spec, incident or idea
    state: ItemState
    source: str
    observed_at: datetime
    detail: str = ""
    waits_for: tuple[str, ...] = ()


class StageProof(StrEnum):
    """What the result of a stage proves; the backend translates its own results."""

    WORK_RECORDED = "work_recorded"  #: a task's work is done, checked and recorded
    SPEC_CLOSED = "spec_closed"  #: the work of a root spec is complete as a whole
    NOTHING_TO_DO = "nothing_to_do"  #: a probe found no work
    LEADS_TO_TASK = "leads_to_task"  #: a probe was made into a task
    LEADS_TO_SPEC = "leads_to_spec"  #: a probe was made into a spec


@dataclass(frozen=True, slots=True, kw_only=True)
class StageFact:
    """How one stage of a run ended.

    Attributes:
        stage: the backend's name of the stage.
        terminal_result: its result as the backend reports it.
        run_status: the status of the whole run as the backend reports it.
        proves: what the result proves, if anything.
        counts: whether the results of a run with this status count.
        runner_failure: why the stage runner failed, in its words; None where it succeeded, or
            nothing is known.
    """

    run_id: str
    item_id: str | None
    work_kind: str | None
    stage: str
    terminal_result: str | None
    run_status: str | None
    source: str
    observed_at: datetime
    proves: StageProof | None = None
    counts: bool = False
    root_spec_id: str | None = None
    completed_at: datetime | None = None
    runner_failure: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SpawnFact:
    """Millrace created one item from another.

    Attributes:
        how: a phrase for the relation, in the backend's words.
        run_id: the run that created it, where known.
    """

    parent_id: str
    child_id: str
    child_kind: str  #: task, spec or incident
    how: str
    source: str
    observed_at: datetime
    run_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosureFact:
    """The state of the closure target of a root spec.

    Attributes:
        closing_run_id: the last run that judged the spec as a whole.
        blocked_by_lineage_work: Millrace waits for blocked work of this lineage.
        blocking_ids: that work.
    """

    root_spec_id: str
    open: bool
    closing_run_id: str | None
    blocked_by_lineage_work: bool
    blocking_ids: tuple[str, ...]
    source: str
    observed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckFact:
    """How a demanded check of the caller ended; Millracer ran it after Millrace's proof.

    Attributes:
        item_id: the item whose work was checked.
        argv: the program and its arguments.
        exit_code: negative after a signal; None if the check did not run to its end.
        problem: why it did not run to its end; empty if it did.
        seconds: how long it ran.
        output: the end of both outputs, without secrets.
        place: where it ran.
        tree: the id of the checked git tree; None if it is not known.
        output_sha256: the digest of all of both outputs, in hex; empty if it did not start.
    """

    item_id: str
    argv: Argv
    exit_code: int | None
    source: str
    observed_at: datetime
    problem: str = ""
    seconds: float = 0.0
    output: str = ""
    place: CheckPlace = CheckPlace.EXPORT
    tree: str | None = None
    output_sha256: str = ""

    @property
    def passed(self) -> bool:
        """Whether it ran to its end with exit code 0."""
        return self.exit_code == 0 and not self.problem

    @property
    def contradicts(self) -> bool:
        """Whether it ran to its end with another exit code than 0."""
        return self.exit_code not in {None, 0} and not self.problem


#: Any piece of evidence.
Fact = ItemFact | StageFact | SpawnFact | ClosureFact | CheckFact


def state_fact(fact: Fact) -> str:
    """Return one fact as a clause."""
    match fact:
        case ItemFact():
            return f"{fact.work_kind} {fact.item_id} is {fact.state}"
        case StageFact():
            return f"{fact.stage} of {subject_of(fact)} ended {fact.terminal_result}"
        case SpawnFact():
            return f"{fact.child_kind} {fact.child_id} came out of {fact.parent_id}: {fact.how}"
        case ClosureFact():
            said = "open" if fact.open else "closed"
            return f"the closure target of {fact.root_spec_id} is {said}"
        case CheckFact():
            return f"check `{name_command(fact.argv)}` {describe_end(fact)}"


def describe_end(fact: CheckFact) -> str:
    """Return how a check ended as a predicate."""
    if fact.problem:
        return f"has no result: {fact.problem}"
    if fact.passed:
        return f"passed in {fact.seconds:.1f} s"
    if fact.exit_code is not None and fact.exit_code < 0:
        return f"was ended by signal {-fact.exit_code} after {fact.seconds:.1f} s"
    return f"ended with exit code {fact.exit_code} after {fact.seconds:.1f} s"


def subject_of(fact: Fact) -> str:
    """Return the id of the item that a fact is about."""
    match fact:
        case ItemFact():
            return fact.item_id
        case StageFact():
            return fact.item_id or fact.root_spec_id or ""
        case SpawnFact():
            return fact.child_id
        case ClosureFact():
            return fact.root_spec_id
        case CheckFact():
            return fact.item_id


def run_of(fact: Fact) -> str | None:
    """Return the run that a fact comes from, None where it comes from none."""
    match fact:
        case ItemFact() | CheckFact():
            return None
        case StageFact() | SpawnFact():
            return fact.run_id
        case ClosureFact():
            return fact.closing_run_id


def event_of(fact: Fact) -> EventKind:
    """Return the event that a proof fact shows: an Arbiter's verdict, or the item's own end."""
    arbiter = isinstance(fact, ClosureFact) or (
        isinstance(fact, StageFact) and fact.root_spec_id is not None
    )
    return EventKind.ARBITER_COMPLETE if arbiter else EventKind.SCOPED_COMPLETE


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """All facts gathered about one work item and its lineage; order has no meaning.

    Attributes:
        item_id: the item that is judged.
        kind: its intake kind, None where it was not entered as one (a spec, an incident).
        items: the places of the item and its descendants.
        stages: how stages of their runs ended.
        spawns: which item was created from which; an idea leads to its root spec.
        closures: the closure targets of its specs.
        demanded_checks: the checks that the caller demands for completion.
        checks: how checks ended.
        result_names: how messages name the result behind each proof, in the backend's words.
    """

    item_id: str
    kind: IntakeKind | None
    items: tuple[ItemFact, ...] = ()
    stages: tuple[StageFact, ...] = ()
    spawns: tuple[SpawnFact, ...] = ()
    closures: tuple[ClosureFact, ...] = ()
    demanded_checks: tuple[Argv, ...] = ()
    checks: tuple[CheckFact, ...] = ()
    result_names: Mapping[StageProof, str] = field(default_factory=dict, compare=False)

    def name_result(self, *proofs: StageProof) -> str:
        """Return a name for the result that proves one of these."""
        names = (self.result_names.get(proof, f"result is {proof}") for proof in proofs)
        return " or ".join(names)


@dataclass(frozen=True, slots=True, kw_only=True)
class LineageItem:
    """One member of a lineage; the item itself has no parent."""

    item_id: str
    work_kind: str
    state: ItemState
    how: str
    source: str
    parent_id: str | None = None
    waits_for: tuple[str, ...] = ()


def lineage_of(evidence: Evidence) -> tuple[LineageItem, ...]:
    """Return the item and its descendants, parents before children, each once.

    A member whose place is unknown is absent. Where facts name two places for one member, the last
    one counts, because it was read last.
    """
    places: dict[str, ItemFact] = {fact.item_id: fact for fact in evidence.items}
    members = [_member(evidence.item_id, None, places)]
    known = {evidence.item_id}
    for member in members:
        for spawn in evidence.spawns:
            if spawn.parent_id == member.item_id and spawn.child_id not in known:
                known.add(spawn.child_id)
                members.append(_member(spawn.child_id, spawn, places))
    return tuple(members)


def runner_failure(evidence: Evidence) -> str | None:
    """Return why the stage runner of a blocked item failed, None if it is not known."""
    blocked = any(fact.state is ItemState.BLOCKED for fact in evidence.items)
    failures = (fact.runner_failure for fact in evidence.stages if fact.runner_failure)
    return next(failures, None) if blocked else None


def _member(item_id: str, spawn: SpawnFact | None, places: dict[str, ItemFact]) -> LineageItem:
    place = places.get(item_id)
    kind = "unknown" if spawn is None else spawn.child_kind
    return LineageItem(
        item_id=item_id,
        work_kind=kind if place is None else place.work_kind,
        state=ItemState.ABSENT if place is None else place.state,
        how="the work item itself" if spawn is None else spawn.how,
        source=_source(place, spawn),
        parent_id=None if spawn is None else spawn.parent_id,
        waits_for=() if place is None else place.waits_for,
    )


def _source(place: ItemFact | None, spawn: SpawnFact | None) -> str:
    if place is not None:
        return place.source
    return "" if spawn is None else spawn.source
