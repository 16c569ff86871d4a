"""Lineages read from the files Millrace leaves, and the final question to Millrace."""

import json
import os
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from millracer.cancellation import Wait
from millracer.domain.requests import IntakeKind
from millracer.domain.run.completion import judge
from millracer.domain.run.evidence import Evidence, lineage_of
from millracer.domain.work.items import ItemState, ItemStatus
from millracer.millrace.backend import CliMillrace
from tests.support.fake_millrace import FakeMillrace
from tests.support.lineage import LineageFiles

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
FILE = "idea-wish.md"
SPEC = "idea-wish-0123456789"
OLD_SPEC = "idea-wish"
OF_PROBE = ("Root-Intake-Kind: probe", "Root-Intake-ID: wish")


@pytest.fixture
def files(tmp_path: Path) -> LineageFiles:
    agents = tmp_path / "workspace" / "millrace-agents"
    agents.mkdir(parents=True)
    return LineageFiles(agents)


@pytest.fixture
def fake(files: LineageFiles) -> FakeMillrace:
    return FakeMillrace.beside(files.agents.parent)


@pytest.fixture
def millrace(fake: FakeMillrace) -> CliMillrace:
    return CliMillrace(fake.calls, safety_seconds=60, now=lambda: NOW)


def item_status(
    kind: IntakeKind,
    state: ItemState = ItemState.DONE,
    *,
    millrace_id: str = "wish",
    work_kind: str | None = None,
) -> ItemStatus:
    return ItemStatus(
        item_id="wish",
        state=state,
        source=f"millrace queue show {millrace_id}",
        observed_at=NOW,
        kind=kind,
        millrace_id=millrace_id,
        work_kind=work_kind or kind.value,
    )


def members(evidence: Evidence) -> dict[str, tuple[str | None, ItemState]]:
    return {each.item_id: (each.parent_id, each.state) for each in lineage_of(evidence)}


def hows(evidence: Evidence) -> dict[str, str]:
    return {each.item_id: each.how for each in lineage_of(evidence)}


def write_probe(files: LineageFiles, *, result: str, child: tuple[str, str] | None = None) -> None:
    files.document("probe", "wish", "done")
    spawned = () if child is None else (child,)
    files.run("run-recon", "probe", "wish", "recon", result, spawned=spawned)


def write_idea(files: LineageFiles, spec_id: str = SPEC) -> None:
    """Write an idea whose spec was decomposed, whose only task is done, and the Arbiter's word."""
    files.spec_of_idea(spec_id, "done", FILE)
    files.event("idea_normalized_to_spec", idea_path=f"/w/ideas/inbox/{FILE}", spec_id=spec_id)
    files.run("run-plan", "spec", spec_id, "manager", "MANAGER_COMPLETE")
    files.document("task", "t-1", "done", f"Spec-ID: {spec_id}", f"Root-Spec-ID: {spec_id}")
    files.run("run-close", "spec", spec_id, "arbiter", "ARBITER_COMPLETE", closes=True)
    files.target(spec_id, is_open=False, run_id="run-close")


def idea(spec_id: str = SPEC) -> ItemStatus:
    return item_status(IntakeKind.IDEA, millrace_id=spec_id, work_kind="spec")


def test_a_probe_is_followed_through_recons_trace_to_its_done_task(
    files: LineageFiles, millrace: CliMillrace
) -> None:
    write_probe(files, result="RECON_TO_EXECUTION", child=("task", "t-1"))
    files.document("task", "t-1", "done", *OF_PROBE)
    files.run("run-task", "task", "t-1", "updater", "UPDATE_COMPLETE")

    evidence = millrace.trace_lineage(item_status(IntakeKind.PROBE))

    assert judge(evidence).completed
    assert members(evidence) == {
        "wish": (None, ItemState.DONE),
        "t-1": ("wish", ItemState.DONE),
    }
    assert "recon" in hows(evidence)["t-1"]


def test_a_task_that_only_claims_to_come_from_a_probe_does_not_stand_for_it(
    files: LineageFiles, millrace: CliMillrace
) -> None:
    write_probe(files, result="RECON_TO_EXECUTION")
    files.document("task", "t-1", "done", *OF_PROBE)
    files.run("run-task", "task", "t-1", "updater", "UPDATE_COMPLETE")

    evidence = millrace.trace_lineage(item_status(IntakeKind.PROBE))

    assert "t-1" in members(evidence)
    assert not judge(evidence).completed


def test_a_probe_is_followed_to_its_spec_and_the_arbiter(
    files: LineageFiles, millrace: CliMillrace
) -> None:
    write_probe(files, result="RECON_TO_PLANNING", child=("spec", "s-1"))
    files.document("spec", "s-1", "done", "Source-Type: probe", "Source-ID: wish", *OF_PROBE)
    files.document("task", "t-1", "done", "Spec-ID: s-1", "Root-Spec-ID: s-1", *OF_PROBE)
    files.target("s-1", is_open=True)
    before = millrace.trace_lineage(item_status(IntakeKind.PROBE))
    files.run("run-close", "spec", "s-1", "arbiter", "ARBITER_COMPLETE", closes=True)
    files.target("s-1", is_open=False, run_id="run-close")
    after = millrace.trace_lineage(item_status(IntakeKind.PROBE))

    assert not judge(before).completed
    assert judge(after).completed
    assert {name: parent for name, (parent, _) in members(after).items()} == {
        "wish": None,
        "s-1": "wish",
        "t-1": "s-1",
    }


@pytest.mark.parametrize("spec_id", [OLD_SPEC, SPEC])
def test_an_idea_is_followed_to_its_spec_and_the_arbiter(
    files: LineageFiles, millrace: CliMillrace, spec_id: str
) -> None:
    write_idea(files, spec_id)

    evidence = millrace.trace_lineage(idea(spec_id))

    assert judge(evidence).completed
    assert members(evidence) == {
        "wish": (None, ItemState.DONE),
        spec_id: ("wish", ItemState.DONE),
        "t-1": (spec_id, ItemState.DONE),
    }


def write_normalized(files: LineageFiles) -> None:
    files.event("idea_normalized_to_spec", idea_path=f"/w/ideas/inbox/{FILE}", spec_id=SPEC)


def write_skipped(files: LineageFiles) -> None:
    files.event(
        "idea_normalization_skipped",
        idea_path=f"/w/ideas/inbox/{FILE}",
        spec_id=SPEC,
        reason="already_represented",
    )


def write_note(files: LineageFiles) -> None:
    files.note(SPEC, FILE)


def write_own_spec(files: LineageFiles) -> None:
    files.spec_of_idea(SPEC, "queue", FILE)


@pytest.mark.parametrize("say", [write_normalized, write_skipped, write_note, write_own_spec])
def test_each_thing_that_names_an_ideas_spec_is_enough(
    files: LineageFiles, millrace: CliMillrace, say: object
) -> None:
    files.document("spec", SPEC, "queue")
    assert callable(say)
    say(files)

    evidence = millrace.trace_lineage(item_status(IntakeKind.IDEA, ItemState.INBOX))

    assert members(evidence) == {
        "wish": (None, ItemState.QUEUED),
        SPEC: ("wish", ItemState.QUEUED),
    }


def test_a_spec_of_another_idea_is_foreign(files: LineageFiles, millrace: CliMillrace) -> None:
    files.spec_of_idea(SPEC, "queue", "idea-wish-2.md")
    files.note(SPEC, "2-idea-wish.md")
    files.event("idea_normalized_to_spec", idea_path="/w/idea-wish.md/x.md", spec_id=SPEC)
    files.event(
        "idea_normalization_skipped", idea_path=f"/w/{FILE}", spec_id=SPEC, reason="unreadable"
    )

    evidence = millrace.trace_lineage(item_status(IntakeKind.IDEA, ItemState.INBOX))

    assert members(evidence) == {"wish": (None, ItemState.INBOX)}


def test_remediation_hangs_below_its_incident_and_proves_nothing_before_the_second_verdict(
    files: LineageFiles, millrace: CliMillrace
) -> None:
    write_idea(files)
    files.run(
        "run-gap", "spec", SPEC, "arbiter", "REMEDIATION_NEEDED", status="handoff", closes=True
    )
    files.target(SPEC, is_open=True, run_id="run-gap")
    files.document(
        "incident", "gap", "resolved", f"Source-Spec-ID: {SPEC}", f"Root-Spec-ID: {SPEC}"
    )
    files.document("task", "gap-t", "active", "Incident-ID: gap", f"Root-Spec-ID: {SPEC}")
    during = millrace.trace_lineage(idea())
    (files.agents / "tasks/active/gap-t.md").rename(files.agents / "tasks/done/gap-t.md")
    files.target(SPEC, is_open=False, run_id="run-close")
    after = millrace.trace_lineage(idea())

    assert not judge(during).completed
    assert not judge(during).blocked
    assert members(during)["gap-t"] == ("gap", ItemState.ACTIVE)
    assert members(during)["gap"] == (SPEC, ItemState.DONE)
    assert judge(after).completed


def test_one_blocked_task_blocks_the_drained_idea(
    files: LineageFiles, millrace: CliMillrace
) -> None:
    write_idea(files)
    files.document("task", "t-2", "blocked", f"Spec-ID: {SPEC}")
    files.target(
        SPEC, is_open=True, closure_blocked_by_lineage_work=True, blocking_work_ids=["t-2"]
    )

    verdict = judge(millrace.trace_lineage(idea()))

    assert verdict.blocked
    assert any("t-2" in gap.found for gap in verdict.missing)


def test_what_continues_a_blocked_task_is_named(files: LineageFiles, millrace: CliMillrace) -> None:
    files.document("task", "wish", "blocked")
    files.run("run-1", "task", "wish", "consultant", "NEEDS_PLANNING", status="handoff")
    files.document("incident", "inc", "resolved", "Source-Task-ID: wish")
    files.document("task", "inc-t", "queue", "Incident-ID: inc")

    evidence = millrace.trace_lineage(item_status(IntakeKind.TASK, ItemState.BLOCKED))
    verdict = judge(evidence)

    assert verdict.blocked
    assert members(evidence)["inc-t"] == ("inc", ItemState.QUEUED)
    assert any("inc-t" in gap.found and "queued" in gap.found for gap in verdict.missing)


def test_a_cancelled_member_is_found_in_the_archive(
    files: LineageFiles, millrace: CliMillrace
) -> None:
    write_idea(files)
    name = "t-2.20261122T162528Z.dffe721d.cancelled"
    files.document("task", "t-2", "queue/cancelled", f"Spec-ID: {SPEC}", name=name)

    assert members(millrace.trace_lineage(idea()))["t-2"] == (SPEC, ItemState.CANCELLED)


def test_a_member_that_went_out_of_sight_is_remembered_and_keeps_the_lineage_from_resting(
    files: LineageFiles, millrace: CliMillrace
) -> None:
    write_idea(files)
    files.target(SPEC, is_open=True)
    files.document("task", "t-2", "blocked", f"Spec-ID: {SPEC}")
    path = files.document("task", "t-3", "active", f"Spec-ID: {SPEC}")
    millrace.trace_lineage(idea())
    path.unlink()

    evidence = millrace.trace_lineage(idea())

    assert members(evidence)["t-3"] == (SPEC, ItemState.ABSENT)
    assert not judge(evidence).blocked


def test_a_document_read_while_it_was_being_written_is_read_again(
    files: LineageFiles, millrace: CliMillrace
) -> None:
    write_idea(files)
    path = files.agents / "tasks/queue/t-2.md"
    path.parent.mkdir()
    path.write_text("# t-2\n\nTask-ID", encoding="utf-8")
    half = millrace.trace_lineage(idea())
    files.document("task", "t-2", "queue", f"Spec-ID: {SPEC}")
    whole = millrace.trace_lineage(idea())

    assert "t-2" not in members(half)
    assert members(whole)["t-2"] == (SPEC, ItemState.QUEUED)


def test_a_trace_that_is_another_runs_or_no_trace_proves_nothing(
    files: LineageFiles, millrace: CliMillrace
) -> None:
    write_idea(files)
    path = files.agents / "runs/run-close/run_trace.json"
    trace = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(trace | {"run_id": "run-other"}), encoding="utf-8")
    foreign = millrace.trace_lineage(idea())
    path.write_text("{", encoding="utf-8")
    broken = millrace.trace_lineage(idea())

    assert foreign.stages == broken.stages == ()
    assert not judge(foreign).completed
    assert not judge(broken).completed


def test_a_target_that_speaks_of_another_spec_is_passed_over(
    files: LineageFiles, millrace: CliMillrace
) -> None:
    write_idea(files)
    path = files.agents / f"arbiter/targets/{SPEC}.json"
    path.write_text(json.dumps({"root_spec_id": "s", "closure_open": False}), encoding="utf-8")

    assert millrace.trace_lineage(idea()).closures == ()


def test_tracing_starts_no_process_and_reads_no_document_twice(
    files: LineageFiles,
    fake: FakeMillrace,
    millrace: CliMillrace,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write_idea(files)
    for number in range(200):
        files.document("task", f"old-{number}", "done")
    millrace.trace_lineage(idea())
    opened: list[str] = []
    open_file = os.open

    def noting(path: Path, *arguments: Any) -> int:
        opened.append(str(path))
        return open_file(path, *arguments)

    monkeypatch.setattr(os, "open", noting)
    millrace.trace_lineage(idea())

    assert [path for path in opened if path.endswith(".md")] == []
    assert fake.asked == []


def gather(millrace: CliMillrace, of: ItemStatus) -> Evidence:
    return millrace.gather_evidence(of, Wait.for_seconds(60))


def test_a_probes_evidence_takes_three_calls(
    files: LineageFiles, fake: FakeMillrace, millrace: CliMillrace
) -> None:
    spawned = (("task", "t-1"),)
    files.document("probe", "wish", "done")
    recon = files.run("run-recon", "probe", "wish", "recon", "RECON_TO_EXECUTION", spawned=spawned)
    task = files.document("task", "t-1", "done")
    update = files.run("run-task", "task", "t-1", "updater", "UPDATE_COMPLETE")
    fake.answers("runs trace run-recon", stdout=recon)
    fake.answers("runs trace run-task", stdout=update)
    fake.shows("t-1", "task", "done", task)

    evidence = gather(millrace, item_status(IntakeKind.PROBE))

    assert judge(evidence).completed
    assert fake.asked == [
        "runs trace run-recon --format json",
        "queue show t-1",
        "runs trace run-task --format json",
    ]
    assert {fact.source for fact in evidence.items} == {
        "millrace queue show wish",
        fake.source("queue show t-1"),
    }


def test_an_ideas_evidence_takes_one_call(
    files: LineageFiles, fake: FakeMillrace, millrace: CliMillrace
) -> None:
    write_idea(files)
    trace = (files.agents / "runs/run-close/run_trace.json").read_text(encoding="utf-8")
    fake.answers("runs trace run-close", stdout=trace)

    evidence = gather(millrace, idea())

    assert judge(evidence).completed
    assert fake.asked == ["runs trace run-close --format json"]


def test_the_commands_word_counts_and_not_the_file(
    files: LineageFiles, fake: FakeMillrace, millrace: CliMillrace
) -> None:
    write_idea(files)
    trace = (files.agents / "runs/run-close/run_trace.json").read_text(encoding="utf-8")
    fake.answers("runs trace run-close", stdout=trace.replace("ARBITER_COMPLETE", "BLOCKED"))

    assert not judge(gather(millrace, idea())).completed


def test_blocked_members_are_read(
    files: LineageFiles, fake: FakeMillrace, millrace: CliMillrace
) -> None:
    write_idea(files)
    files.target(SPEC, is_open=True)
    blocked = files.document("task", "t-2", "blocked", f"Spec-ID: {SPEC}")
    fake.shows("t-2", "task", "blocked", blocked)

    evidence = gather(millrace, idea())

    assert judge(evidence).blocked
    assert fake.asked == ["queue show t-2"]


def test_a_probe_that_was_not_ended_is_not_followed_further(
    files: LineageFiles, fake: FakeMillrace, millrace: CliMillrace
) -> None:
    files.document("probe", "wish", "active")
    recon = files.run(
        *("run-recon", "probe", "wish", "recon", "RECON_TO_EXECUTION"),
        status="active",
        spawned=(("task", "t-1"),),
    )
    fake.answers("runs trace run-recon", stdout=recon)

    evidence = gather(millrace, item_status(IntakeKind.PROBE, ItemState.ACTIVE))

    assert not judge(evidence).completed
    assert fake.asked == ["runs trace run-recon --format json"]


def test_an_unknown_item_has_no_facts(millrace: CliMillrace) -> None:
    absent = replace(item_status(IntakeKind.TASK, ItemState.ABSENT), kind=None, work_kind=None)

    assert millrace.trace_lineage(absent) == Evidence(item_id="wish", kind=None)
    assert gather(millrace, absent) == Evidence(item_id="wish", kind=None)
