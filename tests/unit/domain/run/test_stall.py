import re
from dataclasses import replace
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from millracer.domain.run.evidence import LineageItem
from millracer.domain.run.observation import REPETITIONS, RepetitionCount, unmeetable
from millracer.domain.work.items import ItemState, ItemStatus
from millracer.domain.work.runtime import RuntimeEvent, RuntimeEventKind, RuntimeStatus

NOW = datetime(2026, 1, 2, tzinfo=UTC)
PLACE = ItemStatus(item_id="p", state=ItemState.ACTIVE, source="s", observed_at=NOW)
STATUS = RuntimeStatus(
    process_running=True,
    lock="active",
    active_run_count=0,
    active_stage=None,
    active_item_id=None,
    active_item_kind=None,
    queue_depths={},
    paused=False,
    pause_sources="none",
    stop_requested=False,
    mode_id=None,
    raw={},
    source="millrace status",
    observed_at=NOW,
)


def ended(stage: str, result: str = "COMPLETE", item_id: str | None = "p") -> RuntimeEvent:
    return RuntimeEvent(
        kind=RuntimeEventKind.STAGE_ENDED,
        occurred_at=NOW,
        stage=stage,
        terminal_result=result,
        item_id=item_id,
        failure_class="rejected" if stage == "recon" else None,
    )


def member(item_id: str, state: ItemState, *waits_for: str) -> LineageItem:
    return LineageItem(
        item_id=item_id, work_kind="task", state=state, how="h", source="s", waits_for=waits_for
    )


def test_a_loop_is_recognized_by_what_repeats() -> None:
    count = RepetitionCount()
    count.note_places(PLACE, ())
    for _ in range(REPETITIONS):
        assert count.verdict() is None
        count.note(ended("recon"))
        count.note(ended("mechanic"))
        count.note_places(PLACE, ())

    said = count.verdict()

    assert said is not None
    assert all(word in said for word in ("recon", "COMPLETE", f" {REPETITIONS} "))
    assert "mechanic" in said


def test_going_back_and_forth_between_known_places_is_not_progress() -> None:
    count = RepetitionCount()
    for turn in range(REPETITIONS + 2):
        state = ItemState.ACTIVE if turn % 2 else ItemState.QUEUED
        count.note_places(replace(PLACE, state=state), ())
        count.note(ended("recon"))

    assert count.verdict() is not None


def test_each_new_item_or_place_is_progress() -> None:
    count = RepetitionCount()
    for number in range(5 * REPETITIONS):
        count.note_places(PLACE, (member(f"t{number // 4}", ItemState.DONE),))
        count.note(ended("checker"))

    assert count.verdict() is None


@given(st.integers(1, 60))
def test_long_work_over_many_items_is_not_a_loop(tasks: int) -> None:
    count = RepetitionCount()
    for number in range(tasks):
        for stage in ("builder", "checker", "fixer", "checker", "updater"):
            count.note(ended(stage, item_id=f"t{number}"))
    count.note_places(PLACE, ())

    assert count.verdict() is None


def test_only_ends_of_a_stage_of_an_item_are_counted() -> None:
    count = RepetitionCount()
    for _ in range(REPETITIONS):
        count.note(ended("arbiter", item_id=None))
        count.note(replace(ended("recon"), kind=RuntimeEventKind.STAGE_STARTED))

    assert count.verdict() is None


def test_waiting_for_what_cannot_come_is_named() -> None:
    lineage = (member("t1", ItemState.DONE), member("t2", ItemState.QUEUED, "t9 (absent)"))

    said = unmeetable(lineage, STATUS)

    assert said is not None
    assert {"t2", "t9"} <= set(re.findall(r"\w+", said))
    assert "absent" in said


def test_while_anything_may_still_happen_there_is_no_message() -> None:
    waiting = member("t2", ItemState.QUEUED, "t9 (absent)")

    assert unmeetable((waiting, member("t3", ItemState.QUEUED)), STATUS) is None
    assert unmeetable((waiting,), replace(STATUS, active_run_count=1)) is None
    assert unmeetable((waiting,), None) is None
    assert unmeetable((member("t3", ItemState.QUEUED),), STATUS) is None


def repeated(*events: RuntimeEvent) -> str | None:
    count = RepetitionCount()
    for event in events:
        count.note(event)
    return count.verdict()


def test_the_same_eight_times_is_a_loop_and_seven_times_is_none() -> None:
    assert repeated(*[ended("checker")] * 7) is None
    assert "checker" in (repeated(*[ended("checker")] * 8) or "")


def test_what_repeats_is_named_whole_and_what_happened_seldom_is_not() -> None:
    silent = replace(ended("fixer"), terminal_result=None)

    said = repeated(*[ended("recon")] * 8, *[silent] * 5, *[ended("checker")] * 4)

    assert said is not None
    first, second = said.split(", ")
    assert re.findall(r"recon|COMPLETE|rejected|8", first) == ["recon", "COMPLETE", "rejected", "8"]
    assert re.findall(r"fixer|COMPLETE|None|5", second) == ["fixer", "5"]
    assert "checker" not in said


def test_an_empty_failure_is_none() -> None:
    empty = replace(ended("checker"), failure_class="")

    assert repeated(*[ended("checker")] * 4, *[empty] * 4) is not None


def test_an_end_of_no_stage_is_not_counted() -> None:
    assert repeated(*[replace(ended("recon"), stage=None)] * 8) is None


def test_the_items_own_new_place_and_a_members_are_progress() -> None:
    for places in (
        lambda number: (replace(PLACE, state=list(ItemState)[number]), ()),
        lambda number: (replace(PLACE, item_id=f"p{number}"), ()),
        lambda number: (PLACE, (member("t", list(ItemState)[number]),)),
    ):
        count = RepetitionCount()
        for number in range(REPETITIONS + 2):
            count.note_places(*places(number))
            count.note(ended("checker"))

        assert count.verdict() is None


def test_nothing_waits_in_a_lineage_that_is_over() -> None:
    assert unmeetable((member("t1", ItemState.DONE),), STATUS) is None
    assert unmeetable((), STATUS) is None


def test_everything_that_waits_is_named_with_all_it_waits_for() -> None:
    lineage = (
        member("t1", ItemState.QUEUED, "a (absent)", "b (blocked)"),
        member("t2", ItemState.QUEUED, "c (cancelled)"),
    )

    said = unmeetable(lineage, STATUS)

    assert said is not None
    first, second = said.split(";")
    assert all(word in first for word in ("t1", "a (absent)", "b (blocked)"))
    assert all(word in second for word in ("t2", "c (cancelled)"))
