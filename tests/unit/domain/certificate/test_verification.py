"""The rules by which a certificate is verified: its facts are judged again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millracer.domain.certificate.content import (
    Certificate,
    CertifiedLease,
    conclude,
    strip_words,
)
from millracer.domain.certificate.findings import (
    Finding,
    FindingResult,
    VerificationStep,
    answer_of,
    contradicted,
    not_checked,
    passed,
    unverified,
)
from millracer.domain.certificate.verification import (
    FoundCommit,
    FoundEvidence,
    FoundLease,
    Observed,
    demanded_again,
    examine,
)
from millracer.domain.checks import CheckPlace, WorkVerification
from millracer.domain.requests import IntakeKind
from millracer.domain.run.evidence import (
    ClosureFact,
    Evidence,
    ItemFact,
    SpawnFact,
    StageFact,
    StageProof,
)
from millracer.domain.run.outcome import Outcome
from millracer.domain.work.items import ItemState
from tests.support.certificates import (
    CHECK,
    ITEM,
    MADE,
    TREE,
    certificate_of,
    check_fact,
    concluded,
    found_evidence,
    idea_evidence,
    lease,
    probe_evidence,
    task_evidence,
)

_EVIDENCE = [task_evidence, probe_evidence, idea_evidence]
_COMMIT = FoundCommit(revision="HEAD", commit="c" * 40, tree=TREE, has_base=True)


def answer(certificate: Certificate, **observed: Any) -> WorkVerification:
    return answer_of(examine(certificate, Observed(**observed)))


def codes(certificate: Certificate, **observed: Any) -> set[str]:
    return {each.code for each in examine(certificate, Observed(**observed)) if each.code}


@pytest.mark.parametrize("evidence", _EVIDENCE)
def test_an_honest_certificate_is_verified(evidence: Callable[[], Evidence]) -> None:
    certificate = replace(certificate_of(evidence(), check_fact()), fleet=lease())
    findings = examine(
        certificate,
        Observed(
            required_checks=(CHECK,),
            commit=_COMMIT,
            workspace=found_evidence(certificate),
            rerun=(check_fact(),),
            lease=FoundLease(lease=lease(), completed=True),
        ),
    )

    assert {finding.result for finding in findings} == {FindingResult.PASSED}
    assert {finding.step for finding in findings} == set(VerificationStep) - {
        VerificationStep.SIGNATURE,
        VerificationStep.FORMAT,
    }


def test_what_the_verifier_did_not_request_is_not_checked_and_never_passed() -> None:
    findings = examine(certificate_of(task_evidence()), Observed())

    left = {each.step for each in findings if each.result is FindingResult.NOT_CHECKED}
    assert left == {
        VerificationStep.CHECKS,
        VerificationStep.COMMIT,
        VerificationStep.EVIDENCE,
        VerificationStep.RERUN,
    }
    assert answer_of(findings) is WorkVerification.VERIFIED


_STEP = VerificationStep.GATE


@pytest.mark.parametrize(
    ("findings", "expected"),
    [
        ([], WorkVerification.UNVERIFIED),
        ([not_checked(_STEP, "m")], WorkVerification.UNVERIFIED),
        ([passed(_STEP, "m"), not_checked(_STEP, "m")], WorkVerification.VERIFIED),
        ([passed(_STEP, "m"), unverified(_STEP, "c", "m")], WorkVerification.UNVERIFIED),
        (
            [unverified(_STEP, "c", "m"), contradicted(_STEP, "c", "m"), passed(_STEP, "m")],
            WorkVerification.CONTRADICTED,
        ),
    ],
)
def test_the_worst_finding_is_the_answer(
    findings: list[Finding], expected: WorkVerification
) -> None:
    assert answer_of(findings) is expected


# A changed fact never verifies


def _other(strategy: st.SearchStrategy[Any], value: object) -> st.SearchStrategy[Any]:
    return strategy.filter(lambda drawn: drawn != value)


_TEXT = st.sampled_from(["", "a", "b", "fix-it-1", "task-1", "spec-1", "run-1", "run-2", "task"])
_BY_TYPE: dict[str, st.SearchStrategy[Any]] = {
    "state": st.sampled_from(ItemState),
    "proves": st.none() | st.sampled_from(StageProof),
    "counts": st.booleans(),
    "open": st.booleans(),
    "blocked_by_lineage_work": st.booleans(),
    "blocking_ids": st.lists(_TEXT, max_size=2).map(tuple),
    "completed_at": st.none() | st.just(MADE - timedelta(minutes=1)),
}
#: Not facts: the time of the read, and texts that a certificate leaves out.
_NO_FACTS = {"observed_at", "detail", "waits_for", "runner_failure"}
_Fact = ItemFact | SpawnFact | StageFact | ClosureFact


@st.composite
def changed_facts(draw: st.DrawFn) -> tuple[Certificate, Certificate]:
    """Return a certificate and the same with one changed, added or removed fact."""
    honest = certificate_of(draw(st.sampled_from(_EVIDENCE))())
    evidence = honest.evidence
    family = draw(
        st.sampled_from(
            [name for name in ("items", "spawns", "stages", "closures") if getattr(evidence, name)]
        )
    )
    facts: list[_Fact] = list(getattr(evidence, family))
    index = draw(st.integers(0, len(facts) - 1))
    fact = facts[index]
    names = [each.name for each in fields(fact) if each.name not in _NO_FACTS]
    name = draw(st.sampled_from(names))
    value = draw(_other(_BY_TYPE.get(name, _TEXT), getattr(fact, name)))
    changed = replace(fact, **{name: value})
    if draw(st.booleans()):
        facts[index] = changed
    else:
        facts.append(changed)
    forged = replace(honest, evidence=replace(evidence, **{family: tuple(facts)}))
    return honest, forged


@given(changed_facts())
def test_a_changed_fact_never_verifies_against_the_workspace(
    pair: tuple[Certificate, Certificate],
) -> None:
    honest, forged = pair
    workspace = found_evidence(honest)

    assert answer(forged, workspace=workspace) is not WorkVerification.VERIFIED
    # Not even if the forger draws every conclusion again, and holds a trusted key.
    assert answer(concluded(forged), workspace=workspace) is not WorkVerification.VERIFIED


@given(changed_facts())
def test_a_verdict_that_the_facts_do_not_give_never_verifies(
    pair: tuple[Certificate, Certificate],
) -> None:
    honest, forged = pair
    stated = replace(honest, evidence=forged.evidence)

    if conclude(forged.evidence) != honest.conclusion:
        assert answer(stated) is WorkVerification.CONTRADICTED


@given(st.sampled_from(_EVIDENCE), st.data())
def test_without_any_one_fact_of_the_proof_nothing_verifies(
    evidence: Callable[[], Evidence], data: st.DataObject
) -> None:
    honest = certificate_of(evidence())
    family = data.draw(st.sampled_from(["items", "stages"]))
    facts = getattr(honest.evidence, family)
    index = data.draw(st.integers(0, len(facts) - 1))
    fewer = replace(
        honest.evidence, **{family: tuple(each for i, each in enumerate(facts) if i != index)}
    )

    forged = concluded(replace(honest, evidence=fewer))
    if conclude(fewer).scoped_completion:  # the idea's own place is not part of its proof
        assert evidence is idea_evidence
        assert answer(forged, workspace=found_evidence(honest)) is not WorkVerification.VERIFIED
    else:
        assert answer(forged) is not WorkVerification.VERIFIED


# The item


def test_evidence_of_another_item_is_contradicted() -> None:
    other = replace(certificate_of(task_evidence()), item_id="fix-it-2")

    assert "other_item" in codes(other)
    assert answer(other) is WorkVerification.CONTRADICTED


def test_facts_of_another_item_do_not_prove_this_one() -> None:
    honest = certificate_of(task_evidence())
    foreign = replace(honest.evidence.items[0], item_id="fix-it-2")
    forged = concluded(
        replace(honest, evidence=replace(honest.evidence, items=(foreign,)), work_kind="task")
    )

    assert "other_item" in codes(forged)
    assert answer(forged) is WorkVerification.CONTRADICTED


def test_another_kind_than_that_of_the_facts_is_contradicted() -> None:
    assert "other_item" in codes(replace(certificate_of(task_evidence()), work_kind="spec"))


def test_a_check_of_another_item_is_contradicted() -> None:
    foreign = replace(check_fact(), item_id="fix-it-2")

    assert "other_item" in codes(certificate_of(task_evidence(), foreign))


# The gate and its verdict


def _blocked() -> Certificate:
    honest = certificate_of(task_evidence())
    blocked = replace(honest.evidence.items[0], state=ItemState.BLOCKED)
    return replace(honest, evidence=replace(honest.evidence, items=(blocked,)))


def test_facts_that_prove_nothing_contradict_a_stated_completion() -> None:
    forged = _blocked()

    assert codes(forged) == {"gate_disagrees", "verdict_differs"}


@pytest.mark.parametrize("change", [{"outcome": Outcome.INCOMPLETE}, {"scoped_completion": False}])
def test_half_a_completion_is_a_stated_completion(change: dict[str, Any]) -> None:
    forged = _blocked()
    forged = replace(forged, conclusion=replace(forged.conclusion, **change))

    assert "gate_disagrees" in codes(forged)


def test_a_truthful_certificate_of_incomplete_work_is_unverified() -> None:
    truthful = concluded(_blocked())

    assert truthful.conclusion.outcome is Outcome.BLOCKED
    assert codes(truthful) == {"not_completed"}
    assert answer(truthful) is WorkVerification.UNVERIFIED


def test_a_truthful_certificate_with_a_failed_check_is_contradicted() -> None:
    truthful = certificate_of(task_evidence(), check_fact(exit_code=1))

    assert truthful.conclusion.outcome is Outcome.INCOMPLETE
    assert "check_failed" in codes(truthful)
    assert answer(truthful) is WorkVerification.CONTRADICTED


def test_a_check_without_result_is_unverified() -> None:
    truthful = certificate_of(task_evidence(), check_fact(exit_code=None))

    assert answer(truthful) is WorkVerification.UNVERIFIED


@pytest.mark.parametrize(
    "change",
    [
        {"runs": ("run-9",)},
        {"proof": ()},
        {"witness": WorkVerification.VERIFIED},
    ],
)
def test_a_conclusion_that_the_facts_do_not_give_is_contradicted(change: dict[str, Any]) -> None:
    honest = certificate_of(task_evidence())
    forged = replace(honest, conclusion=replace(honest.conclusion, **change))

    assert codes(forged) == {"verdict_differs"}


# Times


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (timedelta(hours=2, seconds=1), {"evidence_outside_time"}),  # read before the enqueue
        (timedelta(hours=1, seconds=1), {"evidence_outside_time"}),  # a stage ended before it
        (timedelta(hours=1), set()),
    ],
)
def test_evidence_older_than_the_enqueue_is_contradicted(
    change: timedelta, expected: set[str]
) -> None:
    honest = certificate_of(task_evidence())

    assert codes(replace(honest, enqueued_at=honest.enqueued_at + change)) == expected


def test_evidence_newer_than_the_certificate_is_contradicted() -> None:
    honest = certificate_of(task_evidence(), check_fact())

    assert codes(replace(honest, made_at=honest.made_at - timedelta(hours=2))) == {
        "evidence_outside_time"
    }
    assert codes(replace(honest, made_at=honest.made_at - timedelta(hours=1))) == set()


def test_a_stage_without_time_is_unverified() -> None:
    honest = certificate_of(task_evidence())
    stage = replace(honest.evidence.stages[0], completed_at=None)
    timeless = concluded(replace(honest, evidence=replace(honest.evidence, stages=(stage,))))

    assert codes(timeless) == {"evidence_without_time"}
    assert answer(timeless) is WorkVerification.UNVERIFIED


def test_an_old_stage_that_proves_nothing_does_not_matter() -> None:
    honest = certificate_of(task_evidence())
    old = replace(honest.evidence.stages[0], completed_at=None, proves=None, stage="builder")
    stages = (*honest.evidence.stages, old)

    assert codes(concluded(replace(honest, evidence=replace(honest.evidence, stages=stages)))) == (
        set()
    )


# The digests


@pytest.mark.parametrize("evidence", _EVIDENCE)
def test_each_fact_needs_the_digest_of_its_file(evidence: Callable[[], Evidence]) -> None:
    honest = certificate_of(evidence())
    derived = {fact.source for fact in honest.evidence.spawns}
    for each in honest.byproducts:
        rest = tuple(other for other in honest.byproducts if other is not each)
        expected = set() if each.name in derived else {"evidence_unbound"}
        assert codes(replace(honest, byproducts=rest)) == expected


def test_a_derivation_needs_its_file_or_the_derived_item() -> None:
    honest = certificate_of(probe_evidence())
    spawn = honest.evidence.spawns[0]
    task = honest.evidence.items[1]
    rest = tuple(each for each in honest.byproducts if each.name not in {spawn.source, task.source})

    assert "evidence_unbound" in codes(replace(honest, byproducts=rest))


def test_a_file_has_one_digest() -> None:
    honest = certificate_of(task_evidence())
    twice = replace(honest, byproducts=(*honest.byproducts, honest.byproducts[0]))

    assert codes(twice) == {"evidence_unbound"}


# The checks


def test_a_check_on_other_files_is_contradicted() -> None:
    assert codes(certificate_of(task_evidence(), check_fact(tree="0" * 40))) == {"other_tree"}


def test_a_check_on_unknown_files_is_unverified() -> None:
    assert codes(certificate_of(task_evidence(), check_fact(tree=None))) == {"tree_unknown"}


def test_a_required_check_must_be_proven_in_an_export() -> None:
    without = certificate_of(task_evidence())
    inside = certificate_of(task_evidence(), replace(check_fact(), place=CheckPlace.WORKSPACE))
    proven = certificate_of(task_evidence(), check_fact())

    assert codes(without, required_checks=(CHECK,)) == {"required_check_missing"}
    assert codes(inside, required_checks=(CHECK,)) == {"required_check_missing"}
    assert codes(proven, required_checks=(("other",),)) == {"required_check_missing"}
    assert codes(proven, required_checks=(CHECK,)) == set()


@pytest.mark.parametrize(
    ("rerun", "expected"),
    [
        ((check_fact(),), set()),
        ((check_fact(exit_code=1),), {"rerun_failed"}),
        ((check_fact(exit_code=None),), {"rerun_without_result"}),
        ((), {"rerun_without_result"}),
    ],
)
def test_a_rerun_decides(rerun: tuple[Any, ...], expected: set[str]) -> None:
    assert codes(certificate_of(task_evidence(), check_fact()), rerun=rerun) == expected


def test_a_rerun_needs_a_check() -> None:
    certificate = certificate_of(task_evidence())

    assert codes(certificate, rerun=()) == {"nothing_to_rerun"}
    assert demanded_again(certificate, (CHECK, CHECK)) == (CHECK,)


# The commit


@pytest.mark.parametrize(
    ("change", "expected", "worst"),
    [
        ({"tree": "0" * 40}, {"other_commit"}, WorkVerification.CONTRADICTED),
        ({"has_base": False}, {"other_history"}, WorkVerification.UNVERIFIED),
        ({"has_base": None}, {"base_unknown"}, WorkVerification.UNVERIFIED),
        ({"commit": None}, {"commit_unknown"}, WorkVerification.UNVERIFIED),
    ],
)
def test_a_certificate_is_not_replayed_for_another_commit(
    change: dict[str, Any], expected: set[str], worst: WorkVerification
) -> None:
    certificate = certificate_of(task_evidence())
    found = replace(_COMMIT, **change)

    assert codes(certificate, commit=found) == expected
    assert answer(certificate, commit=found) is worst


def test_a_commit_with_folders_that_no_certificate_covers_is_named() -> None:
    found = replace(_COMMIT, tree="0" * 40, uncovered=("agents",))
    findings = examine(certificate_of(task_evidence()), Observed(commit=found))

    (message,) = (each.message for each in findings if each.step is VerificationStep.COMMIT)
    assert "agents" in message


def test_work_in_a_new_repository_has_no_history() -> None:
    certificate = replace(certificate_of(task_evidence()), base_commit=None)
    findings = examine(certificate, Observed(commit=replace(_COMMIT, has_base=None)))

    history = next(each for each in findings if each.step is VerificationStep.HISTORY)
    assert history.result is FindingResult.NOT_CHECKED
    assert answer_of(findings) is WorkVerification.VERIFIED


# The workspace


def test_changed_and_missing_evidence_is_found() -> None:
    certificate = certificate_of(task_evidence())
    found = found_evidence(certificate)
    first, second = (each.name for each in certificate.byproducts)

    changed = replace(found, digests={**found.digests, first: "0" * 64})
    missing = replace(found, digests={second: found.digests[second]})
    both = replace(found, digests={first: "0" * 64})

    assert codes(certificate, workspace=changed) == {"evidence_changed"}
    assert codes(certificate, workspace=missing) == {"evidence_absent"}
    assert codes(certificate, workspace=both) == {"evidence_changed", "evidence_absent"}
    assert answer(certificate, workspace=both) is WorkVerification.CONTRADICTED
    assert answer(certificate, workspace=missing) is WorkVerification.UNVERIFIED


@pytest.mark.parametrize("change", [{"item_id": "other"}, {"kind": IntakeKind.PROBE}])
def test_the_workspaces_own_facts_must_prove_completion(change: dict[str, Any]) -> None:
    certificate = certificate_of(task_evidence())
    found = found_evidence(certificate)
    weaker = replace(found, evidence=replace(found.evidence, **change))

    assert codes(certificate, workspace=weaker) == {"facts_differ"}


def test_a_newer_fact_in_the_workspace_that_contradicts_counts() -> None:
    certificate = certificate_of(task_evidence())
    found = found_evidence(certificate)
    moved = replace(found.evidence.items[0], state=ItemState.BLOCKED)
    newer = FoundEvidence(
        evidence=replace(found.evidence, items=(*found.evidence.items, moved)),
        digests=found.digests,
    )

    assert codes(certificate, workspace=newer) == {"facts_differ"}


def test_a_certificate_holds_no_free_text_and_relative_sources() -> None:
    evidence = task_evidence()
    place = replace(
        evidence.items[0],
        source="/home/me/shop/millrace-agents/tasks/done/fix-it-1.md",
        detail="a person's words",
        waits_for=("x (absent)",),
    )
    stage = replace(evidence.stages[0], runner_failure="a program's words", source="elsewhere")
    written = replace(
        evidence, items=(place,), stages=(stage,), checks=(replace(check_fact(), output="words"),)
    )

    stripped = strip_words(written, "/home/me/shop")

    assert stripped.items == task_evidence().items
    assert stripped.stages[0] == replace(evidence.stages[0], source="elsewhere")
    assert stripped.checks == (check_fact(),)
    assert ITEM in stripped.items[0].source


# The lease of a fleet


def leased(**changes: Any) -> Certificate:
    return replace(certificate_of(task_evidence()), fleet=lease(**changes))


def lease_finding(certificate: Certificate, found: FoundLease | None = None) -> Finding:
    findings = examine(certificate, Observed(lease=found))
    (finding,) = [each for each in findings if each.step is VerificationStep.LEASE]
    return finding


def test_a_lease_is_only_compared_on_request() -> None:
    assert lease_finding(leased()).result is FindingResult.NOT_CHECKED
    findings = examine(certificate_of(task_evidence()), Observed())
    assert VerificationStep.LEASE not in {each.step for each in findings}


def test_the_lease_under_which_the_fleet_ended_the_item_passes() -> None:
    found = FoundLease(lease=lease(), completed=True)

    assert lease_finding(leased(), found).result is FindingResult.PASSED


@pytest.mark.parametrize(
    ("changes", "code"),
    [({"item": "fix-it-2"}, "lease_of_other_item"), ({"attempt": 4}, "lease_impossible")],
)
def test_a_lease_that_cannot_be_that_of_the_item_is_contradicted(
    changes: dict[str, Any], code: str
) -> None:
    same = FoundLease(lease=lease(**changes), completed=True)
    for found in (None, same):
        finding = lease_finding(leased(**changes), found)
        assert (finding.result, finding.code) == (FindingResult.CONTRADICTED, code)


@pytest.mark.parametrize("name", [each.name for each in fields(CertifiedLease)])
def test_every_fact_of_the_lease_is_compared(name: str) -> None:
    value = getattr(lease(), name)
    other: Any = (
        value + (timedelta(hours=1) if name == "claimed_at" else 1)
        if not isinstance(value, str)
        else f"{value}-2"
    )
    found = FoundLease(lease=lease(**{name: other}), completed=True)

    finding = lease_finding(leased(), found)

    assert (finding.result, finding.code) == (FindingResult.CONTRADICTED, "other_lease")


def test_an_item_that_the_fleet_did_not_complete_is_contradicted() -> None:
    finding = lease_finding(leased(), FoundLease(lease=lease(), completed=False))

    assert (finding.result, finding.code) == (FindingResult.CONTRADICTED, "fleet_outcome_differs")


def test_what_cannot_be_compared_is_unverified() -> None:
    away = FoundLease(code="fleet_unreachable", problem="the database is away")

    finding = lease_finding(leased(), away)
    assert (finding.result, finding.code) == (FindingResult.UNVERIFIED, "fleet_unreachable")
    finding = lease_finding(certificate_of(task_evidence()), FoundLease())
    assert (finding.result, finding.code) == (FindingResult.UNVERIFIED, "lease_missing")
