from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millracer.domain.requests import IntakeKind
from millracer.domain.run.completion import judge
from millracer.domain.run.evidence import Evidence, ItemFact, StageFact
from millracer.domain.work.items import ItemState
from millracer.millrace.wire.stage_results import is_valid, proof_of

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
ITEM = "widget-1"


def item_fact(
    item_id: str = ITEM, state: ItemState = ItemState.DONE, work_kind: str = "task"
) -> ItemFact:
    return ItemFact(
        item_id=item_id,
        work_kind=work_kind,
        state=state,
        source=f"millrace queue show {item_id}",
        observed_at=NOW,
    )


def stage_fact(  # noqa: PLR0913, PLR0917 - one argument per thing that can be wrong
    item_id: str | None = ITEM,
    stage: str = "updater",
    terminal_result: str | None = "UPDATE_COMPLETE",
    run_status: str | None = "complete",
    work_kind: str | None = "task",
    request_kind: str | None = "active_work_item",
) -> StageFact:
    return StageFact(
        run_id="run-1",
        item_id=item_id,
        work_kind=work_kind,
        stage=stage,
        terminal_result=terminal_result,
        run_status=run_status,
        proves=proof_of(stage, terminal_result, request_kind),
        counts=is_valid(run_status),
        source="millrace runs trace run-1",
        observed_at=NOW,
    )


def evidence(*facts: ItemFact | StageFact, kind: IntakeKind | None = IntakeKind.TASK) -> Evidence:
    return Evidence(
        item_id=ITEM,
        kind=kind,
        items=tuple(fact for fact in facts if isinstance(fact, ItemFact)),
        stages=tuple(fact for fact in facts if isinstance(fact, StageFact)),
    )


OTHER_IDS = st.sampled_from(["widget-12", "widget", "widget-1.md", "WIDGET-1", "", "idea-widget-1"])
STAGES = st.sampled_from(["builder", "checker", "updater", "arbiter", "recon", "manager"])
RESULTS = st.sampled_from(
    ["UPDATE_COMPLETE", "BUILDER_COMPLETE", "BLOCKED", "ARBITER_COMPLETE", None]
)
STATUSES = st.sampled_from(["complete", "blocked", "running", "failed", "", None])
WORK_KINDS = st.sampled_from(["task", "probe", "spec", "incident", "idea"])
REQUESTS = st.sampled_from(["active_work_item", "closure_target", None])


def item_facts(ids: st.SearchStrategy[str]) -> st.SearchStrategy[ItemFact]:
    return st.builds(item_fact, ids, st.sampled_from(ItemState), WORK_KINDS)


def stage_facts(ids: st.SearchStrategy[str]) -> st.SearchStrategy[StageFact]:
    return st.builds(stage_fact, ids, STAGES, RESULTS, STATUSES, WORK_KINDS, REQUESTS)


UNRELATED = st.lists(item_facts(OTHER_IDS) | stage_facts(OTHER_IDS), max_size=6)
ANY_FACTS = st.lists(
    item_facts(OTHER_IDS | st.just(ITEM)) | stage_facts(OTHER_IDS | st.just(ITEM)), max_size=8
)
KINDS = st.sampled_from([*IntakeKind, None])


def test_a_done_task_whose_updater_completed_is_complete_and_the_proof_is_shown() -> None:
    done, update = item_fact(), stage_fact()

    verdict = judge(evidence(done, update))

    assert verdict.completed
    assert (done, update) == verdict.proof
    assert verdict.missing == ()


@pytest.mark.parametrize(
    "facts",
    [
        pytest.param([], id="nothing"),
        pytest.param([item_fact()], id="done without a run"),
        pytest.param([stage_fact()], id="a run without the done state"),
        pytest.param([item_fact(state=ItemState.ACTIVE), stage_fact()], id="still active"),
        pytest.param([item_fact(state=ItemState.QUEUED), stage_fact()], id="back in the queue"),
        pytest.param([item_fact(), stage_fact("widget-12")], id="the run of another item"),
        pytest.param([item_fact("widget-12"), stage_fact()], id="another item done"),
        pytest.param([item_fact(), stage_fact(stage="builder")], id="another stage"),
        pytest.param([item_fact(), stage_fact(terminal_result="BLOCKED")], id="another result"),
        pytest.param([item_fact(), stage_fact(run_status="running")], id="a run not complete"),
        pytest.param([item_fact(), stage_fact(run_status=None)], id="a run of unknown status"),
        pytest.param([item_fact(work_kind="spec"), stage_fact()], id="done as another kind"),
        pytest.param([item_fact(), stage_fact(work_kind="spec")], id="run as another kind"),
        pytest.param(
            [item_fact(), item_fact(state=ItemState.BLOCKED), stage_fact()], id="contradiction"
        ),
    ],
)
def test_without_both_proofs_of_this_very_item_nothing_is_complete(
    facts: list[ItemFact | StageFact],
) -> None:
    verdict = judge(evidence(*facts))

    assert not verdict.completed
    assert verdict.missing


def test_a_blocked_item_is_blocked_and_says_where_that_is_recorded() -> None:
    verdict = judge(evidence(item_fact(state=ItemState.BLOCKED), stage_fact(stage="builder")))

    assert verdict.blocked
    assert not verdict.completed
    assert verdict.missing[0].found == "blocked"
    assert verdict.missing[0].looked_in == f"millrace queue show {ITEM}"


@pytest.mark.parametrize("kind", [IntakeKind.PROBE, IntakeKind.IDEA, None])
def test_what_a_task_needs_proves_nothing_for_another_kind(kind: IntakeKind | None) -> None:
    verdict = judge(evidence(item_fact(), stage_fact(), kind=kind))

    assert not verdict.completed
    assert verdict.missing


@given(ANY_FACTS, KINDS)
def test_completed_always_rests_on_both_positive_proofs_of_this_item(
    facts: list[ItemFact | StageFact], kind: IntakeKind | None
) -> None:
    verdict = judge(evidence(*facts, kind=kind))

    if verdict.completed:
        assert kind is IntakeKind.TASK
        assert any(
            isinstance(fact, ItemFact) and (fact.item_id, fact.state) == (ITEM, ItemState.DONE)
            for fact in verdict.proof
        )
        assert any(
            isinstance(fact, StageFact)
            and (fact.item_id, fact.stage, fact.terminal_result, fact.run_status)
            == (ITEM, "updater", "UPDATE_COMPLETE", "complete")
            for fact in verdict.proof
        )
        assert not verdict.blocked
    assert bool(verdict.missing) is not verdict.completed


@given(UNRELATED, KINDS)
def test_no_amount_of_unrelated_evidence_completes_or_blocks(
    facts: list[ItemFact | StageFact], kind: IntakeKind | None
) -> None:
    verdict = judge(evidence(*facts, kind=kind))

    assert not verdict.completed
    assert not verdict.blocked


@given(ANY_FACTS, UNRELATED, KINDS)
def test_unrelated_evidence_changes_no_verdict(
    own: list[ItemFact | StageFact], unrelated: list[ItemFact | StageFact], kind: IntakeKind | None
) -> None:
    alone, beside = judge(evidence(*own, kind=kind)), judge(evidence(*own, *unrelated, kind=kind))

    assert (alone.completed, alone.blocked) == (beside.completed, beside.blocked)


@given(UNRELATED)
def test_the_proof_completes_whatever_is_beside_it(
    unrelated: list[ItemFact | StageFact],
) -> None:
    assert judge(evidence(*unrelated, item_fact(), stage_fact())).completed


@given(ANY_FACTS, KINDS, st.randoms(use_true_random=False))
def test_the_order_of_facts_means_nothing(
    facts: list[ItemFact | StageFact], kind: IntakeKind | None, random: object
) -> None:
    shuffled = list(facts)
    random.shuffle(shuffled)
    first, second = judge(evidence(*facts, kind=kind)), judge(evidence(*shuffled, kind=kind))

    assert (first.completed, first.blocked) == (second.completed, second.blocked)
