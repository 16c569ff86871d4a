from dataclasses import replace
from datetime import UTC, datetime

import pytest

from millracer.domain.run.observation import notice_key, notice_text
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
    is_milestone=True,
)


def test_the_notice_of_a_milestone_names_stage_result_and_item() -> None:
    text = notice_text(UPDATED)

    assert text is not None
    assert {"updater", "UPDATE_COMPLETE", "task", "t1"} <= set(text.split())


def test_the_end_of_another_stage_is_not_worth_a_turn() -> None:
    assert notice_text(replace(UPDATED, is_milestone=False)) is None


@pytest.mark.parametrize("kind", [RuntimeEventKind.STAGE_STARTED, RuntimeEventKind.OTHER])
def test_only_completed_stages_are_reported(kind: RuntimeEventKind) -> None:
    assert notice_text(replace(UPDATED, kind=kind)) is None


def test_a_stage_without_a_name_or_an_item_is_not_a_trap() -> None:
    assert notice_text(replace(UPDATED, stage=None)) is None
    anonymous = notice_text(replace(UPDATED, item_id=None))
    kindless = notice_text(replace(UPDATED, item_kind=None))

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
