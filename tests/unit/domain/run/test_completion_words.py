"""Each piece of missing evidence names what was needed, where it was searched, what was found."""

import re
from dataclasses import replace

import pytest

from millracer.domain.requests import IntakeKind
from millracer.domain.run.completion import judge
from millracer.domain.run.evidence import Fact
from millracer.domain.work.items import ItemState
from tests.support.facts import closure, evidence, item, spawn, stage

DONE_RUN = "task t updater UPDATE_COMPLETE"
RECON = "probe p recon"
CLOSED = "s"
ARBITER = "s ARBITER_COMPLETE"
ONE_SPEC = "spec"
PROVABLE = "task probe idea spec"
DECOMPOSED = replace(closure("s", None, open_=True), source="targets/s.json")

TASK, PROBE, IDEA, SPEC = IntakeKind.TASK, IntakeKind.PROBE, IntakeKind.IDEA, None
Missing = list[tuple[str, str, str]]

SAID: dict[str, tuple[IntakeKind | None, str, list[Fact], Missing]] = {
    "nothing is known of a task": (
        TASK,
        "t",
        [],
        [
            ("task t done", "", ""),
            (DONE_RUN, "", ""),
        ],
    ),
    "two places, and stages without a result": (
        TASK,
        "t",
        [
            replace(item("t", "task", ItemState.BLOCKED), detail="no disk"),
            item("t", "idea", ItemState.INBOX),
            item("t", "spec", ItemState.QUEUED),
            item("t", "probe", ItemState.DONE),
            item("x", "task", ItemState.ACTIVE),
            replace(stage("t", "task", "builder", "", "run-1"), terminal_result=None),
            replace(stage("t", "task", "updater", "BLOCKED", "run-2"), run_status=None),
            stage("x", "task", "checker", "OK", "run-3"),
        ],
        [
            ("task t done", "show t", "blocked no disk inbox idea queued done"),
            (
                DONE_RUN,
                "trace run-1, trace run-2",
                "builder updater BLOCKED",
            ),
        ],
    ),
    "a probe before recon": (
        PROBE,
        "p",
        [item("p", "probe", ItemState.ACTIVE)],
        [
            ("probe p done", "show p", "active"),
            (RECON, "", ""),
        ],
    ),
    "a probe whose task is not there yet": (
        PROBE,
        "p",
        [item("p", "probe"), stage("p", "probe", "recon", "RECON_TO_EXECUTION", "recon-p")],
        [("task recon", "show p", "")],
    ),
    "a probe that two specs came out of": (
        PROBE,
        "p",
        [
            item("p", "probe"),
            stage("p", "probe", "recon", "RECON_TO_PLANNING", "recon-p"),
            spawn("p", "s", "spec", "recon-p"),
            spawn("p", "i", "incident", "recon-p"),
        ],
        [("spec recon", "file", "spec s, incident i")],
    ),
    "a probe whose spec is reported as an incident too": (
        PROBE,
        "p",
        [
            item("p", "probe"),
            stage("p", "probe", "recon", "RECON_TO_PLANNING", "recon-p"),
            spawn("p", "s", "spec", "recon-p"),
            spawn("p", "s", "incident", "recon-p"),
            *(item("s", "spec"), closure("s", "arbiter-s")),
            stage("s", "spec", "arbiter", "ARBITER_COMPLETE", "arbiter-s", root_spec_id="s"),
        ],
        [("spec recon", "file", "spec s, incident s")],
    ),
    "an idea nobody has heard of": (IDEA, "i", [], [(ONE_SPEC, "", "")]),
    "an idea that is taken in": (
        IDEA,
        "i",
        [item("i", "idea", ItemState.INBOX)],
        [(ONE_SPEC, "show i", "")],
    ),
    "a spec without a target": (
        SPEC,
        "s",
        [item("s", "spec")],
        [(CLOSED, "", "")],
    ),
    "a spec with an open target": (
        SPEC,
        "s",
        [item("s", "spec"), DECOMPOSED],
        [(CLOSED, "targets/s.json", "open")],
    ),
    "a spec with a closed and an open target": (
        SPEC,
        "s",
        [item("s", "spec"), closure("s", "run-1"), DECOMPOSED],
        [(CLOSED, "target, targets/s.json", "closed, open")],
    ),
    "a spec that waits for blocked work": (
        SPEC,
        "s",
        [
            item("s", "spec"),
            replace(DECOMPOSED, blocked_by_lineage_work=True, blocking_ids=("a", "b")),
        ],
        [(CLOSED, "targets/s.json", "open a b")],
    ),
    "a spec that waits for work without a name": (
        SPEC,
        "s",
        [item("s", "spec"), replace(DECOMPOSED, blocked_by_lineage_work=True)],
        [(CLOSED, "targets/s.json", "open")],
    ),
    "a closed spec without the Arbiter": (
        SPEC,
        "s",
        [item("s", "spec"), closure("s", "run-1")],
        [(ARBITER, "", "")],
    ),
    "an item of a kind that proves nothing": (
        None,
        "n",
        [item("n", "spec"), item("n", "incident"), replace(item("n", "task"), source="elsewhere")],
        [(PROVABLE, "show n, elsewhere", "incident, spec, task")],
    ),
    "an item of no kind": (
        None,
        "n",
        [],
        [(PROVABLE, "", "")],
    ),
    "a blocked task that goes on elsewhere": (
        TASK,
        "t",
        [
            item("t", "task", ItemState.BLOCKED),
            stage("t", "task", "updater", "UPDATE_COMPLETE", "run-1"),
            spawn("t", "n", "incident"),
            item("n", "incident", ItemState.ACTIVE),
            spawn("t", "m", "incident"),
            item("m", "incident", ItemState.DONE),
        ],
        [
            ("task t done", "show t", "blocked"),
            ("t", "show n", "incident n active"),
        ],
    ),
}


@pytest.mark.parametrize("case", SAID)
def test_what_is_missing_names_each_item_state_and_stage(case: str) -> None:
    kind, item_id, facts, missing = SAID[case]

    found = judge(evidence(kind, item_id, facts)).missing

    assert len(found) == len(missing)
    for each, expected in zip(found, missing, strict=True):
        for text, names in zip((each.needed, each.looked_in, each.found), expected, strict=True):
            assert text
            assert words(names) <= words(text)


def words(text: str) -> set[str]:
    """Return the names, states and results in a sentence."""
    return set(re.findall(r"[\w./-]+", text))
