import re
from datetime import UTC, datetime
from typing import Any

import pytest

from millracer.domain.requests import Route
from millracer.domain.run.completion import MissingEvidence
from millracer.domain.run.evidence import ClosureFact, Fact, ItemFact, SpawnFact, StageFact
from millracer.domain.run.outcome import Outcome
from millracer.domain.run.progress import EventKind
from millracer.domain.run.result import DecidingEvent, NextStep, RunResult, Versions
from millracer.domain.work.items import ItemState, UnfinishedItem
from millracer.domain.work.runtime import RuntimeStatus
from millracer.domain.workspaces import RegisteredWorkspace
from millracer.operator.reports import (
    Done,
    describe_ending,
    describe_history,
    describe_left,
    describe_workspaces,
)

NOW = datetime(2026, 1, 2, tzinfo=UTC)
LONG_ID = "fix-the-discount-so-that-it-takes-a-7198e25a428f3ac02185"
CONTINUE = NextStep("continue", "millracer watch x")
CANCEL = NextStep("cancel", "millrace queue cancel x")


def result(outcome: Outcome, *, reason: str = "", **fields: Any) -> RunResult:
    plain: dict[str, Any] = {
        "request_id": "req-1",
        "workspace": "/workspace",
        "outcome": outcome,
        "output": "",
        "versions": Versions(millracer="1"),
        "route": Route.MILLRACE,
        "timings": {},
        "event": DecidingEvent(EventKind.IDLE_NO_WORK, reason, NOW) if reason else None,
    }
    return RunResult(**{**plain, **fields})


def item(state: ItemState, kind: str = "task", item_id: str = "x") -> ItemFact:
    return ItemFact(item_id=item_id, work_kind=kind, state=state, source="s", observed_at=NOW)


def stage(name: str, ended: str, item_id: str = "x") -> StageFact:
    return StageFact(
        run_id="run-1",
        item_id=item_id,
        work_kind="task",
        stage=name,
        terminal_result=ended,
        run_status="complete",
        source="s",
        observed_at=NOW,
    )


def spawn() -> SpawnFact:
    return SpawnFact(
        parent_id="x", child_id="y", child_kind="task", how="somehow", source="s", observed_at=NOW
    )


def closure(*, is_open: bool) -> ClosureFact:
    return ClosureFact(
        root_spec_id="spec",
        open=is_open,
        closing_run_id=None,
        blocked_by_lineage_work=False,
        blocking_ids=(),
        source="s",
        observed_at=NOW,
    )


def missing(needed: str, found: str) -> tuple[MissingEvidence, ...]:
    return (MissingEvidence(needed, "somewhere", found), MissingEvidence("more", "there", "no"))


# how a task ended


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.04, "0.0 s"),
        (2.26, "2.3 s"),
        (59.4, "59.4 s"),
        (59.96, "1 min 0 s"),
        (60.0, "1 min 0 s"),
        (3725.2, "62 min 5 s"),
    ],
)
def test_the_time_is_printed_in_words(seconds: float, said: str) -> None:
    *_, last = describe_ending(result(Outcome.COMPLETED, route=Route.DIRECT), seconds).split(" · ")

    assert last == said


@pytest.mark.parametrize(
    ("proof", "said"),
    [
        (
            (item(ItemState.DONE), stage("updater", "UPDATE_COMPLETE")),
            ["task", "done", "updater", "UPDATE_COMPLETE"],
        ),
        (
            (closure(is_open=False), spawn(), item(ItemState.DONE, "spec")),
            ["closed", "spec", "done"],
        ),
        ((closure(is_open=True),), ["open"]),
        ((item(ItemState.DONE), item(ItemState.DONE, item_id="y")), ["task", "done"]),
        (tuple(stage(f"s{n}", "OK") for n in range(4)), ["s0", "s1", "s2", "s3"]),
        (tuple(stage(f"s{n}", "OK") for n in range(7)), ["s0", "s1", "s2", "s3", "3"]),
    ],
)
def test_a_completed_task_says_what_proved_it(proof: tuple[Fact, ...], said: list[str]) -> None:
    done = result(Outcome.COMPLETED, proof=proof, work_item_id="x", next_steps=(CONTINUE,))

    outcome, proved, time = describe_ending(done, 1).split(" · ")

    assert (outcome, time) == ("completed", "1.0 s")
    assert [word for word in re.findall(r"\w+", proved) if word in said] == said
    assert "s4" not in proved


def test_an_incomplete_task_says_why_and_what_is_missing() -> None:
    ended = result(
        Outcome.INCOMPLETE,
        reason="nothing goes on",
        work_item_id="x",
        missing_evidence=missing("a complete updater run", "none"),
    )

    outcome, why, missed, time = describe_ending(ended, 1).split(" · ")

    assert (outcome, why, time) == ("incomplete", "nothing goes on", "1.0 s")
    assert missed.endswith("a complete updater run")


def test_the_work_that_millrace_continues_is_named_below() -> None:
    ended = result(
        Outcome.TIMED_OUT,
        reason="the time limit ended",
        work_item_id=LONG_ID,
        missing_evidence=missing("the item done", "queued"),
        next_steps=(CONTINUE, CANCEL),
    )

    line, how = describe_ending(ended, 1).splitlines()

    assert line.startswith("timed out · the time limit ended · ")
    assert "the item done" in line
    assert how.endswith(f": /watch {LONG_ID}")


def test_a_blocked_item_is_to_be_freed_before_it_is_resumed() -> None:
    ended = result(
        Outcome.BLOCKED,
        reason="Millrace blocked it",
        work_item_id="x",
        next_steps=(NextStep("retry", "millrace queue retry-blocked x"), CANCEL),
    )

    line, first, second = describe_ending(ended, 1).splitlines()

    assert line == "blocked · Millrace blocked it · 1.0 s"
    assert first.endswith(": /retry x")
    assert second.endswith(": /watch x")


def test_a_cancelled_item_stays_in_millrace() -> None:
    ended = result(
        Outcome.CANCELLED,
        reason="cancelled by the caller",
        work_item_id="x",
        missing_evidence=missing("the item done", "queued"),
        next_steps=(CONTINUE, CANCEL),
    )

    line, how = describe_ending(ended, 1).splitlines()

    assert line.startswith("cancelled · ")
    assert "queued" in line
    assert how.endswith(": /watch x")


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"route": Route.DIRECT}, id="direct"),
        pytest.param({"work_item_id": "x"}, id="before anything was handed over"),
        pytest.param({"work_item_id": "x", "next_steps": (CANCEL,)}, id="set aside"),
    ],
)
def test_a_cancelled_task_of_which_nothing_continues_names_nothing(fields: dict[str, Any]) -> None:
    ended = result(
        Outcome.CANCELLED,
        reason="cancelled by the caller",
        missing_evidence=missing("an item", "the run ended before"),
        **fields,
    )

    assert describe_ending(ended, 1) == "cancelled · 1.0 s"


@pytest.mark.parametrize("outcome", Outcome)
def test_every_outcome_is_printed_in_words_first(outcome: Outcome) -> None:
    said = describe_ending(result(outcome, proof=(item(ItemState.DONE),)), 1)

    assert said.startswith(outcome.value.replace("_", " ") + " · ")
    assert "_" not in said


# history


def test_history_cuts_long_tasks_and_keeps_ids_whole_within_80_columns() -> None:
    done = result(Outcome.RESTART_NEEDED, work_item_id=LONG_ID)
    history = [Done(task="\n  " + "w" * 200 + "\nsecond", result=done, seconds=5.0)] * 120

    lines = describe_history(history).splitlines()

    assert len(lines) == 240
    assert lines[-2].startswith("120  restart_needed")
    assert lines[-2].endswith("w…")
    assert lines[-1].strip() == LONG_ID
    assert "second" not in "".join(lines)
    assert max(map(len, lines)) < 80


def test_history_of_a_direct_task_has_no_item() -> None:
    done = Done(task="say hello", result=result(Outcome.COMPLETED), seconds=125.0)

    (line,) = describe_history([done]).splitlines()

    assert line.split() == ["1", "completed", "2", "min", "5", "s", "say", "hello"]


# status


def status(**fields: Any) -> RuntimeStatus:
    plain: dict[str, Any] = {
        "process_running": True,
        "lock": "active",
        "active_run_count": 0,
        "active_stage": None,
        "active_item_id": None,
        "active_item_kind": None,
        "queue_depths": {"execution": 2, "planning": 0},
        "paused": False,
        "pause_sources": "none",
        "stop_requested": False,
        "mode_id": "lad_pi",
        "raw": {},
        "source": "millrace status",
        "observed_at": NOW,
    }
    return RuntimeStatus(**{**plain, **fields})


def left(
    item_id: str, state: ItemState, *, title: str = "Paint it", is_own: bool = False
) -> UnfinishedItem:
    return UnfinishedItem(
        item_id=item_id, work_kind="task", state=state, title=title, ours=is_own, path="/x"
    )


# what is left, workspaces


def test_what_is_left_has_its_state_its_title_and_its_id() -> None:
    said = describe_left(
        [
            left(LONG_ID, ItemState.QUEUED, title="t" * 300 + "\nsecond line", is_own=True),
            left("other", ItemState.BLOCKED),
        ],
        "/workspace",
    )

    lines = said.splitlines()
    assert lines[0].startswith("* queued")
    assert "task     ttt" in lines[0]
    assert lines[0].endswith("t…")
    assert lines[1].strip() == LONG_ID
    assert lines[2].startswith("  blocked")
    assert "Paint it" in lines[2]
    assert lines[3].strip() == "other"
    assert "/watch ID" in lines[4]
    assert max(map(len, lines)) < 80


def test_what_is_left_is_counted_beyond_a_dozen() -> None:
    items = [left(f"item-{n}", ItemState.QUEUED) for n in range(13)]

    *_, rest, _how = describe_left(items, "/workspace").splitlines()

    assert "…" in rest
    assert "1" in rest.split()


def test_nothing_left_names_the_workspace() -> None:
    (line,) = describe_left([], "/workspace").splitlines()

    assert "/workspace" in line


def test_the_selected_workspace_carries_the_mark_registered_or_not() -> None:
    registered = [
        RegisteredWorkspace(workspace_id="alpha", root_path="/a"),
        RegisteredWorkspace(workspace_id="b", root_path="/b"),
    ]

    assert describe_workspaces("/b", registered) == "  alpha  /a\n* b      /b"
    assert describe_workspaces("/c", registered) == "* -      /c\n  alpha  /a\n  b      /b"
    assert describe_workspaces("/c", []) == "* -  /c"
