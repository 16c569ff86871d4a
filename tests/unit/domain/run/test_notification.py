from dataclasses import replace
from datetime import UTC, datetime

import pytest

from millracer.domain.run.observation import notable, notice_key
from millracer.domain.work.runtime import RuntimeEvent, RuntimeEventKind

UPDATED = RuntimeEvent(
    kind=RuntimeEventKind.STAGE_ENDED,
    occurred_at=datetime(2026, 1, 1, tzinfo=UTC),
    plane="execution",
    stage="updater",
    run_id="run-1",
    item_kind="task",
    item_id="t1",
    terminal_result="UPDATE_COMPLETE",
)


@pytest.mark.parametrize(
    ("stage", "result"),
    [
        ("updater", "UPDATE_COMPLETE"),
        ("recon", "RECON_TO_EXECUTION"),
        ("recon", "RECON_TO_PLANNING"),
        ("recon", "RECON_NOOP"),
        ("recon", "RECON_BLOCKED"),
        ("manager", "MANAGER_COMPLETE"),
        ("arbiter", "REMEDIATION_NEEDED"),
    ],
)
def test_the_end_of_a_meaningful_stage_is_worth_reporting(stage: str, result: str) -> None:
    text = notable(replace(UPDATED, stage=stage, terminal_result=result))

    assert text is not None
    assert {stage, result, "task", "t1"} <= set(text.split())


@pytest.mark.parametrize(
    "result",
    ["BUILDER_COMPLETE", "CHECKER_PASS", "PLANNER_COMPLETE", "ARBITER_COMPLETE", "BLOCKED", None],
)
def test_other_ends_and_the_run_s_own_end_are_not_worth_a_turn(result: str | None) -> None:
    assert notable(replace(UPDATED, terminal_result=result)) is None


@pytest.mark.parametrize("kind", [RuntimeEventKind.STAGE_STARTED, RuntimeEventKind.OTHER])
def test_only_completed_stages_are_reported(kind: RuntimeEventKind) -> None:
    assert notable(replace(UPDATED, kind=kind)) is None


def test_a_stage_without_a_name_or_an_item_is_not_a_trap() -> None:
    assert notable(replace(UPDATED, stage=None)) is None
    anonymous = notable(replace(UPDATED, item_id=None))
    kindless = notable(replace(UPDATED, item_kind=None))

    assert anonymous is not None
    assert kindless is not None
    assert "UPDATE_COMPLETE" in anonymous
    assert "t1" not in anonymous
    assert kindless.startswith(anonymous)
    assert kindless.endswith(" t1")
    assert "None" not in anonymous + kindless


def test_the_same_end_is_the_same_notice_whenever_it_was_read() -> None:
    later = replace(UPDATED, occurred_at=datetime(2026, 1, 2, tzinfo=UTC))

    assert notice_key(later) == notice_key(UPDATED)


@pytest.mark.parametrize(
    "other", [{"run_id": "run-2"}, {"stage": "recon"}, {"terminal_result": "RECON_NOOP"}]
)
def test_another_run_stage_or_result_is_another_notice(other: dict[str, str]) -> None:
    assert notice_key(replace(UPDATED, **other)) != notice_key(UPDATED)
