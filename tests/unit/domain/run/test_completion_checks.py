"""Demanded checks: completion needs a fact of each, and that all of them passed."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millracer.domain.checks import Argv, WorkVerification
from millracer.domain.requests import IntakeKind
from millracer.domain.run.completion import judge, judge_answer, verify, without_scope
from millracer.domain.run.ending import Ending
from millracer.domain.run.evidence import CheckFact, Evidence, Fact
from millracer.domain.run.outcome import Outcome
from millracer.domain.run.result import event_kind_of, outcome_of
from millracer.domain.work.items import ItemState
from tests.support.facts import NOW, evidence, item, stage

ITEM = "t-1"
COMMANDS: tuple[Argv, ...] = (("pytest", "-q"), ("make", "lint"), ("true",))
PROOF: list[Fact] = [
    item(ITEM, "task"),
    stage(ITEM, "task", "updater", "UPDATE_COMPLETE", "run-1"),
]


def check(
    argv: Argv, exit_code: int | None = 0, *, problem: str = "", item_id: str = ITEM
) -> CheckFact:
    return CheckFact(
        item_id=item_id,
        argv=argv,
        exit_code=exit_code,
        problem=problem,
        output="last line",
        source=" ".join(argv),
        observed_at=NOW,
    )


def checked(
    demanded: tuple[Argv, ...], checks: tuple[CheckFact, ...], facts: list[Fact] = PROOF
) -> Evidence:
    found = evidence(IntakeKind.TASK, ITEM, facts)
    return replace(found, demanded_checks=demanded, checks=checks)


_FACTS = st.builds(
    check,
    st.sampled_from(COMMANDS),
    st.sampled_from([0, 0, 0, 1, 2, -9, None]),
    problem=st.sampled_from(["", "", "", "it did not end in time"]),
    item_id=st.sampled_from([ITEM, ITEM, ITEM, "another"]),
)
_DEMANDED = st.lists(st.sampled_from(COMMANDS), max_size=4).map(tuple)


@given(demanded=_DEMANDED, checks=st.lists(_FACTS, max_size=6).map(tuple))
def test_work_is_completed_exactly_if_each_demanded_check_passed(
    demanded: tuple[Argv, ...], checks: tuple[CheckFact, ...]
) -> None:
    own = [fact for fact in checks if fact.item_id == ITEM]
    passed = all(
        any(fact.argv == argv for fact in own)
        and all(fact.exit_code == 0 and not fact.problem for fact in own if fact.argv == argv)
        for argv in demanded
    )

    verdict = judge(checked(demanded, checks))

    assert verdict.completed is passed
    assert verdict.lacks_only_checks is not passed
    assert bool(verdict.missing) is not passed
    assert not verdict.blocked
    answered = judge_answer(checked(demanded, checks, []))
    assert not answered.completed
    assert (outcome_of(Ending.ANSWERED, answered) is Outcome.COMPLETED) is passed


@given(
    checks=st.lists(_FACTS, max_size=6).map(tuple),
    demanded=_DEMANDED,
    left_out=st.integers(0, 1),
    state=st.sampled_from(ItemState),
)
def test_checks_prove_nothing_that_millrace_does_not(
    checks: tuple[CheckFact, ...], demanded: tuple[Argv, ...], left_out: int, state: ItemState
) -> None:
    facts = [item(ITEM, "task", state), *PROOF[1:]]
    del facts[left_out]
    plain = judge(evidence(IntakeKind.TASK, ITEM, facts))

    assert judge(checked(demanded, checks, facts)) == plain
    assert not plain.completed


@given(checks=st.lists(_FACTS, max_size=6).map(tuple))
def test_checks_that_are_not_demanded_change_nothing(checks: tuple[CheckFact, ...]) -> None:
    assert judge(checked((), checks)) == judge(evidence(IntakeKind.TASK, ITEM, PROOF))


def test_the_proof_names_each_passed_check() -> None:
    passed = check(COMMANDS[0])

    assert judge(checked(COMMANDS[:1], (passed,))).proof == (*PROOF, passed)


@pytest.mark.parametrize(
    ("checks", "found", "verification"),
    [
        ((), "did not run", WorkVerification.UNVERIFIED),
        ((check(COMMANDS[0], 3),), "exit code 3", WorkVerification.CONTRADICTED),
        ((check(COMMANDS[0], -9),), "signal 9", WorkVerification.CONTRADICTED),
        ((check(COMMANDS[0], None, problem="too slow"),), "too slow", WorkVerification.UNVERIFIED),
        (
            (check(COMMANDS[0]), check(COMMANDS[0], 1)),
            "exit code 1",
            WorkVerification.CONTRADICTED,
        ),
        ((check(COMMANDS[0]),), "", WorkVerification.VERIFIED),
    ],
)
def test_missing_evidence_names_the_check_and_its_end(
    checks: tuple[CheckFact, ...], found: str, verification: WorkVerification
) -> None:
    verdict = judge(checked(COMMANDS[:1], checks))

    assert verify(COMMANDS[:1], checks) is verification
    assert verify((), checks) is None
    assert verdict.completed is (verification is WorkVerification.VERIFIED)
    for gap in verdict.missing:
        assert "pytest -q" in gap.needed
        assert found in gap.found
        assert not checks or "last line" in gap.found


@pytest.mark.parametrize("ending", Ending)
def test_work_that_lacks_only_a_check_is_never_completed(ending: Ending) -> None:
    verdict = judge(checked(COMMANDS[:1], ()))

    outcome = outcome_of(ending, verdict)

    broken_off = {Ending.CANCELLED: Outcome.CANCELLED, Ending.FAILED: Outcome.FAILED}
    assert outcome is broken_off.get(ending, Outcome.INCOMPLETE)
    assert event_kind_of(ending, verdict) != "stuck"


def test_checks_do_not_complete_work_of_an_unknown_scope() -> None:
    verdict = without_scope(judge(checked(COMMANDS[:1], ())))

    assert not verdict.completed
    assert not verdict.lacks_only_checks
