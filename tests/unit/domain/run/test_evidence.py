import re

import pytest

from millracer.domain.run.completion import unmet
from millracer.domain.run.evidence import (
    Evidence,
    Fact,
    StageProof,
    event_of,
    run_of,
    state_fact,
    subject_of,
)
from millracer.domain.run.progress import EventKind
from millracer.domain.work.items import ItemState
from tests.support.facts import closure, item, spawn, stage

SCOPED, ARBITER = EventKind.SCOPED_COMPLETE, EventKind.ARBITER_COMPLETE
VERDICT = stage("s", "spec", "arbiter", "ARBITER_COMPLETE", "run-2", root_spec_id="r")

#: A fact, the names in its sentence, what it is about, the run it comes from, its event.
FACTS: list[tuple[Fact, str, str, str | None, EventKind]] = [
    (item("t", "task", ItemState.BLOCKED), "task t blocked", "t", None, SCOPED),
    (
        stage("t", "task", "updater", "UPDATE_COMPLETE", "run-1"),
        "updater t UPDATE_COMPLETE",
        "t",
        "run-1",
        SCOPED,
    ),
    (VERDICT, "arbiter s ARBITER_COMPLETE", "s", "run-2", ARBITER),
    (
        spawn("p", "t", "task", "run-3"),
        "task t p as reported",
        "t",
        "run-3",
        SCOPED,
    ),
    (closure("s", "run-2"), "s closed", "s", "run-2", ARBITER),
    (closure("s", None, open_=True), "s open", "s", None, ARBITER),
]


@pytest.mark.parametrize(("fact", "said", "subject", "run_id", "event"), FACTS)
def test_a_fact_says_what_it_is_about(
    fact: Fact, said: str, subject: str, run_id: str | None, event: EventKind
) -> None:
    assert set(said.split()) <= set(re.findall(r"\w+", state_fact(fact)))
    assert subject == subject_of(fact)
    assert run_id == run_of(fact)
    assert event is event_of(fact)


@pytest.mark.parametrize(("item_id", "root", "subject"), [("", "r", "r"), ("", None, "")])
def test_a_stage_without_an_item_is_about_its_root_spec(
    item_id: str, root: str | None, subject: str
) -> None:
    fact = stage(item_id, "spec", "arbiter", "ARBITER_COMPLETE", "run-2", root_spec_id=root)

    assert subject == subject_of(fact)


def test_each_name_of_each_fact_meets_what_is_expected() -> None:
    update = stage("t", "task", "updater", "UPDATE_COMPLETE", "run-1")
    names = ["scoped_complete", "t", "run-1", "trace run-1", "updater", "UPDATE_COMPLETE"]

    assert unmet([*names, "show t", "a report", "builder"], [update]) == (
        "show t",
        "a report",
        "builder",
    )
    assert unmet(["show t", "updater"], [item("t", "task"), update]) == ()
    assert unmet(["scoped_complete", "x"], []) == ("scoped_complete", "x")


def test_a_result_has_the_backends_name_or_that_of_its_proof() -> None:
    proofs = (StageProof.WORK_RECORDED, StageProof.SPEC_CLOSED)
    named = Evidence(item_id="t", kind=None, result_names={StageProof.WORK_RECORDED: "x ended Y"})

    assert named.name_result(*proofs) == "x ended Y or result is spec_closed"
