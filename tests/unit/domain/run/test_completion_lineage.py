"""The gate on what probes, ideas and specs lead to."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millracer.domain.requests import IntakeKind
from millracer.domain.run.completion import judge
from millracer.domain.run.evidence import (
    ClosureFact,
    Fact,
    ItemFact,
    SpawnFact,
    StageFact,
    StageProof,
)
from millracer.domain.work.items import ItemState
from tests.support.facts import closure, evidence, item, restated, spawn, stage


def task_proof(task_id: str) -> list[Fact]:
    return [
        item(task_id, "task"),
        stage(task_id, "task", "updater", "UPDATE_COMPLETE", f"run-{task_id}"),
    ]


def spec_proof(spec_id: str) -> list[Fact]:
    run_id = f"arbiter-{spec_id}"
    return [
        item(spec_id, "spec"),
        closure(spec_id, run_id),
        stage(spec_id, "spec", "arbiter", "ARBITER_COMPLETE", run_id, root_spec_id=spec_id),
    ]


def recon(result: str) -> list[Fact]:
    return [item("p", "probe"), stage("p", "probe", "recon", result, "recon-p")]


#: A complete proof of each shape: every fact in it is needed.
PROOFS: dict[str, tuple[IntakeKind | None, str, list[Fact]]] = {
    "task": (IntakeKind.TASK, "t", task_proof("t")),
    "probe with nothing to do": (IntakeKind.PROBE, "p", recon("RECON_NOOP")),
    "probe to task": (
        IntakeKind.PROBE,
        "p",
        [*recon("RECON_TO_EXECUTION"), spawn("p", "t", "task", "recon-p"), *task_proof("t")],
    ),
    "probe to spec": (
        IntakeKind.PROBE,
        "p",
        [*recon("RECON_TO_PLANNING"), spawn("p", "s", "spec", "recon-p"), *spec_proof("s")],
    ),
    "idea": (IntakeKind.IDEA, "i", [item("i", "spec"), spawn("i", "s", "spec"), *spec_proof("s")]),
    "spec": (None, "s", spec_proof("s")),
}
#: An idea's own entry beside its spec's proves nothing, so hiding it hides no proof.
NOT_NEEDED = {("idea", 0)}


@pytest.mark.parametrize("shape", PROOFS)
def test_the_whole_proof_completes_and_is_shown(shape: str) -> None:
    kind, item_id, facts = PROOFS[shape]

    verdict = judge(evidence(kind, item_id, facts))

    assert verdict.completed
    assert verdict.missing == ()
    shown = [fact for index, fact in enumerate(facts) if (shape, index) not in NOT_NEEDED]
    assert sorted(map(repr, shown)) == sorted(map(repr, verdict.proof))


@pytest.mark.parametrize(
    ("shape", "hidden"),
    [
        (shape, index)
        for shape, (_, _, facts) in PROOFS.items()
        for index in range(len(facts))
        if (shape, index) not in NOT_NEEDED
    ],
)
def test_hiding_any_one_proof_leaves_it_incomplete_and_says_so(shape: str, hidden: int) -> None:
    kind, item_id, facts = PROOFS[shape]

    verdict = judge(evidence(kind, item_id, facts[:hidden] + facts[hidden + 1 :]))

    assert not verdict.completed
    assert verdict.missing


def _spoiled(fact: Fact) -> list[Fact]:
    """Every way in which a fact can say something else than what proves."""
    match fact:
        case ItemFact():
            states = [state for state in ItemState if state is not ItemState.DONE]
            return [replace(fact, state=state) for state in states] + [
                replace(fact, item_id="other"),
                replace(fact, work_kind="incident"),
            ]
        case StageFact():
            others = {None, *StageProof} - {fact.proves}
            if fact.work_kind == "probe":
                others -= {StageProof.NOTHING_TO_DO}  # proves the probe by itself
            return [
                *(replace(fact, proves=other) for other in others),
                replace(fact, counts=False),
                restated(fact, item_id="other", root_spec_id=fact.root_spec_id and "other"),
                restated(fact, stage="builder"),
                restated(fact, terminal_result="BLOCKED"),
                restated(fact, terminal_result=None),
                restated(fact, run_status="failed"),
                restated(fact, run_status=None),
                *(
                    [
                        replace(fact, run_id="another-run"),
                        restated(fact, request_kind="active_work_item"),
                        restated(fact, terminal_result="REMEDIATION_NEEDED"),
                    ]
                    if fact.root_spec_id
                    else [replace(fact, work_kind="incident")]
                ),
            ]
        case SpawnFact():
            return [
                replace(fact, parent_id="other"),
                replace(fact, child_id="other"),
                replace(fact, child_kind="incident"),
                *([replace(fact, run_id="another-run")] if fact.run_id else []),
            ]
        case ClosureFact():
            return [
                replace(fact, open=True),
                replace(fact, root_spec_id="other"),
                replace(fact, closing_run_id="another-run"),
                replace(fact, closing_run_id=None),
            ]


@pytest.mark.parametrize("shape", PROOFS)
def test_no_fact_may_say_anything_else(shape: str) -> None:
    kind, item_id, facts = PROOFS[shape]

    for index, fact in enumerate(facts):
        if (shape, index) in NOT_NEEDED:
            continue
        for spoiled in _spoiled(fact):
            changed = [*facts[:index], spoiled, *facts[index + 1 :]]
            assert not judge(evidence(kind, item_id, changed)).completed, spoiled


STRANGERS = st.sampled_from(["x", "t2", "s2", "p-1", "T", ""])
KINDS = st.sampled_from(["task", "spec", "probe", "incident"])
RUNS = st.sampled_from(["run-x", "recon-x", "arbiter-x"])
STRANGE_FACTS: st.SearchStrategy[Fact] = st.one_of(
    st.builds(item, STRANGERS, KINDS, st.sampled_from(ItemState)),
    st.builds(
        stage,
        STRANGERS,
        KINDS,
        st.sampled_from(["updater", "arbiter", "recon", "builder"]),
        st.sampled_from(["UPDATE_COMPLETE", "ARBITER_COMPLETE", "RECON_NOOP", "BLOCKED"]),
        RUNS,
        st.none() | STRANGERS,
    ),
    st.builds(spawn, STRANGERS, STRANGERS, KINDS, st.none() | RUNS),
    st.builds(closure, STRANGERS, RUNS, open_=st.booleans()),
)


@given(st.sampled_from(sorted(PROOFS)), st.lists(STRANGE_FACTS, max_size=8))
def test_facts_of_strangers_change_no_verdict(shape: str, strange: list[Fact]) -> None:
    kind, item_id, facts = PROOFS[shape]

    assert judge(evidence(kind, item_id, [*strange, *facts, *strange])).completed
    for hidden in range(len(facts)):
        if (shape, hidden) not in NOT_NEEDED:
            rest = facts[:hidden] + facts[hidden + 1 :]
            assert not judge(evidence(kind, item_id, [*strange, *rest])).completed


@given(st.data())
def test_a_lineage_of_any_shape_with_one_proof_hidden_is_never_completed(
    data: st.DataObject,
) -> None:
    """Tasks, incidents and more specs of the lineage lie around the proof; one proof is gone."""
    shape = data.draw(st.sampled_from(["probe to spec", "idea", "spec"]))
    kind, item_id, facts = PROOFS[shape]
    more: list[Fact] = []
    for number in range(data.draw(st.integers(0, 5))):
        child_kind = data.draw(st.sampled_from(["task", "incident"]))
        parent = data.draw(st.sampled_from(["s", *(f"m{earlier}" for earlier in range(number))]))
        more += [
            spawn(parent, f"m{number}", child_kind),
            item(f"m{number}", child_kind, data.draw(st.sampled_from(ItemState))),
        ]
        if child_kind == "task":
            more += task_proof(f"m{number}")[1:]
    needed = [index for index in range(len(facts)) if (shape, index) not in NOT_NEEDED]
    hidden = data.draw(st.sampled_from(needed))

    assert judge(evidence(kind, item_id, facts + more)).completed
    assert not judge(evidence(kind, item_id, facts[:hidden] + facts[hidden + 1 :] + more)).completed


def test_two_children_of_recon_are_not_proof_even_if_both_are_done() -> None:
    kind, item_id, facts = PROOFS["probe to task"]
    second: list[Fact] = [spawn("p", "t2", "task", "recon-p"), *task_proof("t2")]

    assert not judge(evidence(kind, item_id, facts + second)).completed


def test_two_words_of_recon_are_none() -> None:
    kind, item_id, facts = PROOFS["probe with nothing to do"]
    other = stage("p", "probe", "recon", "RECON_TO_EXECUTION", "recon-2")

    assert not judge(evidence(kind, item_id, [*facts, other])).completed


def test_one_blocked_task_with_everything_else_over_is_blocked_and_named() -> None:
    facts: list[Fact] = [
        item("i", "spec"),
        spawn("i", "s", "spec"),
        item("s", "spec"),
        replace(closure("s", None, open_=True), blocked_by_lineage_work=True, blocking_ids=("t2",)),
        *(spawn("s", task, "task") for task in ("t1", "t2", "t3")),
        item("t1", "task"),
        item("t2", "task", ItemState.BLOCKED),
        item("t3", "task"),
    ]

    verdict = judge(evidence(IntakeKind.IDEA, "i", facts))

    assert verdict.blocked
    assert [fact.item_id for fact in verdict.proof if isinstance(fact, ItemFact)] == ["t2"]
    assert any("t2" in gap.found for gap in verdict.missing)


@pytest.mark.parametrize(
    "state", [ItemState.QUEUED, ItemState.ACTIVE, ItemState.MAILBOX, ItemState.ABSENT]
)
def test_a_blocked_task_beside_one_that_may_continue_is_not_the_end(state: ItemState) -> None:
    facts: list[Fact] = [
        item("s", "spec"),
        spawn("s", "t1", "task"),
        spawn("s", "t2", "task"),
        item("t1", "task", ItemState.BLOCKED),
        item("t2", "task", state),
    ]

    assert not judge(evidence(None, "s", facts)).blocked


def test_a_blocked_task_is_blocked_though_an_incident_continues_and_the_incident_is_named() -> None:
    facts: list[Fact] = [
        item("t", "task", ItemState.BLOCKED),
        spawn("t", "incident-1", "incident"),
        item("incident-1", "incident", ItemState.ACTIVE),
    ]

    verdict = judge(evidence(IntakeKind.TASK, "t", facts))

    assert verdict.blocked
    assert any("incident-1" in gap.found and "active" in gap.found for gap in verdict.missing)


def test_a_spec_that_was_only_decomposed_is_not_complete() -> None:
    facts: list[Fact] = [item("s", "spec"), closure("s", None, open_=True)]

    verdict = judge(evidence(None, "s", facts))

    assert not verdict.completed
    assert not verdict.blocked
    assert "open" in verdict.missing[0].found


def test_a_first_verdict_that_asks_for_more_is_not_the_end() -> None:
    first = stage("s", "spec", "arbiter", "REMEDIATION_NEEDED", "arbiter-1", root_spec_id="s")
    facts: list[Fact] = [item("s", "spec"), closure("s", "arbiter-1", open_=True), first]

    assert not judge(evidence(None, "s", facts)).completed
    assert judge(evidence(None, "s", [first, *spec_proof("s")])).completed


@pytest.mark.parametrize("shape", PROOFS)
def test_a_result_is_valid_though_a_killed_daemon_never_closed_its_run(shape: str) -> None:
    kind, item_id, facts = PROOFS[shape]
    cut = [
        restated(fact, run_status="active") if isinstance(fact, StageFact) else fact
        for fact in facts
    ]

    assert judge(evidence(kind, item_id, cut)).completed


def test_a_task_reported_as_blocked_and_as_queued_is_not_blocked() -> None:
    facts = [item("t", "task", ItemState.BLOCKED), item("t", "task", ItemState.QUEUED)]

    assert not judge(evidence(IntakeKind.TASK, "t", facts)).blocked


def test_a_task_is_not_blocked_by_what_continues_it() -> None:
    facts = [
        *(item("t", "task"), item("i", "incident", ItemState.BLOCKED)),
        spawn("t", "i", "incident"),
    ]

    assert not judge(evidence(IntakeKind.TASK, "t", facts)).blocked


BLOCKED_TASK: list[Fact] = [spawn("s", "t", "task"), item("t", "task", ItemState.BLOCKED)]
HELD = replace(closure("s", None, open_=True), blocked_by_lineage_work=True)


@pytest.mark.parametrize(
    ("facts", "blocked"),
    [
        (BLOCKED_TASK, True),
        ([*BLOCKED_TASK, item("t", "task")], False),
        ([*BLOCKED_TASK, spawn("s", "t2", "task")], False),
        (
            [
                *(*BLOCKED_TASK, spawn("s", "t2", "task")),
                *(item("t2", "task", ItemState.BLOCKED), item("t2", "task", ItemState.QUEUED)),
            ],
            False,
        ),
        ([HELD], True),
        ([replace(HELD, root_spec_id="another")], False),
        ([replace(HELD, open=False)], False),
        ([replace(HELD, blocked_by_lineage_work=False)], False),
    ],
)
def test_a_done_spec_is_blocked_where_something_is_blocked_and_nothing_continues(
    facts: list[Fact], *, blocked: bool
) -> None:
    assert judge(evidence(None, "s", [item("s", "spec"), *facts])).blocked is blocked
