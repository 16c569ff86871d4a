from datetime import UTC, datetime

import pytest

from millracer.domain.run.evidence import LineageItem
from millracer.domain.work.items import ItemState, ItemStatus
from millracer.millrace.shell import MillraceCommands

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def steps(state: ItemState, path: str | None = "/w/ideas/inbox/x.md") -> dict[str, str]:
    item_status = ItemStatus(
        item_id="x", millrace_id="spec-x", state=state, source="s", observed_at=NOW, path=path
    )
    found = MillraceCommands("/w").next_steps(item_status, (), watch_command="millracer watch x")
    return {step.action: step.command for step in found}


@pytest.mark.parametrize(
    "state", [ItemState.MAILBOX, ItemState.INBOX, ItemState.QUEUED, ItemState.ACTIVE]
)
def test_an_item_millrace_will_work_on_can_be_continued_and_cancelled(state: ItemState) -> None:
    assert set(steps(state)) == {"continue", "cancel"}
    assert steps(state)["continue"] == "millracer watch x"


def test_the_way_to_cancel_fits_the_items_state() -> None:
    queued = "millracer cancel spec-x --workspace /w"

    assert queued == steps(ItemState.QUEUED)["cancel"]
    assert steps(ItemState.INBOX)["cancel"] == "rm /w/ideas/inbox/x.md"


@pytest.mark.parametrize("state", [ItemState.DONE, ItemState.CANCELLED, ItemState.ABSENT])
def test_an_item_that_is_over_has_no_next_step(state: ItemState) -> None:
    assert steps(state) == {}


def member(item_id: str, state: ItemState) -> LineageItem:
    return LineageItem(item_id=item_id, work_kind="task", state=state, how="h", source="s")


def test_what_came_out_of_a_done_item_is_what_can_be_continued_retried_and_cancelled() -> None:
    item_status = ItemStatus(item_id="x", state=ItemState.DONE, source="s", observed_at=NOW)
    lineage = (
        member("x", ItemState.DONE),
        member("x-task", ItemState.QUEUED),
        member("x-other", ItemState.BLOCKED),
    )

    found = MillraceCommands("/w", "mr").next_steps(
        item_status, lineage, watch_command="millracer watch x"
    )

    assert [(step.action, step.command) for step in found] == [
        ("continue", "millracer watch x"),
        ("cancel", "millracer cancel x-task --workspace /w"),
        ("retry", "millracer retry x-other --workspace /w"),
        ("cancel", "millracer cancel x-other --workspace /w"),
    ]


def test_an_item_without_a_name_in_millrace_is_called_by_its_own() -> None:
    blocked = ItemStatus(item_id="x", state=ItemState.BLOCKED, source="s", observed_at=NOW)
    found = MillraceCommands("/w", "mr").next_steps(blocked, (), watch_command="millracer watch x")

    assert [(step.action, step.command) for step in found] == [
        ("retry", "millracer retry x --workspace /w"),
        ("cancel", "millracer cancel x --workspace /w"),
    ]


def test_an_active_item_is_freed_before_it_is_cancelled_and_mail_is_removed() -> None:
    assert steps(ItemState.ACTIVE)["cancel"] == (
        "millracer stop --force --workspace /w && " + steps(ItemState.QUEUED)["cancel"]
    )
    assert steps(ItemState.MAILBOX)["cancel"] == "rm /w/ideas/inbox/x.md"


def test_every_command_names_its_workspace_quoted_for_a_shell() -> None:
    commands = MillraceCommands("/my work", "/opt/m r")
    active = ItemStatus(item_id="x", state=ItemState.ACTIVE, source="s", observed_at=NOW)

    shown = [
        commands.millracer("resume"),
        commands.initialise(),
        commands.upgrade(),
        commands.millracer("retry", "x"),
        *(step.command for step in commands.next_steps(active, (), watch_command="")[1:]),
    ]

    assert all("--workspace '/my work'" in each for each in shown)
