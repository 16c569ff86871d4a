"""Millrace's stage results: what each proves, which runs count, which ends are milestones."""

import itertools
from datetime import UTC, datetime

import pytest

from millracer.domain.run.evidence import StageProof
from millracer.millrace.files.event_log import runtime_event
from millracer.millrace.wire.json_documents import EventData, EventLine
from millracer.millrace.wire.stage_results import RESULT_NAMES, is_milestone, is_valid, proof_of

STAGES = ("builder", "checker", "updater", "arbiter", "recon", "manager", "", None)
RESULTS = (
    *("UPDATE_COMPLETE", "ARBITER_COMPLETE", "RECON_NOOP", "RECON_TO_EXECUTION"),
    *("RECON_TO_PLANNING", "RECON_BLOCKED", "BLOCKED", "REMEDIATION_NEEDED", "", None),
)
REQUESTS = ("active_work_item", "closure_target", None)
PROVEN = {
    ("updater", "UPDATE_COMPLETE"): StageProof.WORK_RECORDED,
    ("recon", "RECON_NOOP"): StageProof.NOTHING_TO_DO,
    ("recon", "RECON_TO_EXECUTION"): StageProof.LEADS_TO_TASK,
    ("recon", "RECON_TO_PLANNING"): StageProof.LEADS_TO_SPEC,
}


@pytest.mark.parametrize(
    ("stage", "result", "request_kind"), list(itertools.product(STAGES, RESULTS, REQUESTS))
)
def test_each_result_proves_one_thing_or_nothing(
    stage: str | None, result: str | None, request_kind: str | None
) -> None:
    found = proof_of(stage, result, request_kind)

    if (stage, result, request_kind) == ("arbiter", "ARBITER_COMPLETE", "closure_target"):
        assert found is StageProof.SPEC_CLOSED
    else:
        assert found is PROVEN.get((stage or "", result or ""))


def test_each_proof_has_a_name() -> None:
    assert set(RESULT_NAMES) == set(StageProof)


@pytest.mark.parametrize("status", ["complete", "active"])
def test_a_result_counts_though_a_killed_daemon_never_closed_its_run(status: str) -> None:
    assert is_valid(status)


@pytest.mark.parametrize("status", ["failed", "blocked", "running", "Complete", "", None])
def test_results_of_other_runs_do_not_count(status: str | None) -> None:
    assert not is_valid(status)


MILESTONES = [
    *("UPDATE_COMPLETE", "RECON_TO_EXECUTION", "RECON_TO_PLANNING", "RECON_NOOP"),
    *("RECON_BLOCKED", "MANAGER_COMPLETE", "REMEDIATION_NEEDED"),
]


@pytest.mark.parametrize("result", MILESTONES)
def test_results_that_settle_something_are_milestones(result: str) -> None:
    assert is_milestone(result)


@pytest.mark.parametrize(
    "result",
    ["BUILDER_COMPLETE", "CHECKER_PASS", "PLANNER_COMPLETE", "ARBITER_COMPLETE", "BLOCKED", None],
)
def test_other_results_and_the_run_s_own_end_are_not(result: str | None) -> None:
    assert not is_milestone(result)


@pytest.mark.parametrize(
    ("event_type", "expected"), [("stage_completed", True), ("router_decision", False)]
)
def test_only_the_end_of_a_stage_is_a_milestone(event_type: str, *, expected: bool) -> None:
    line = EventLine(
        event_type=event_type,
        occurred_at=datetime(2026, 1, 1, tzinfo=UTC),
        data=EventData(stage="updater", terminal_result="UPDATE_COMPLETE"),
    )

    assert runtime_event(line).is_milestone is expected
