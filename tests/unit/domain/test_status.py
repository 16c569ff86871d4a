"""The status of a workspace beyond Millrace's own words, and its advice."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from millracer.domain.run.result import ErrorRecord
from millracer.domain.status import RECENT_ENDS, DaemonOwner, DaemonState, WorkspaceStatus
from millracer.domain.work.items import ItemState, UnfinishedItem
from millracer.domain.work.runtime import (
    OutOfSight,
    RunningDaemon,
    RuntimeEvent,
    RuntimeEventKind,
    RuntimeStatus,
)
from millracer.millrace.shell import MillraceCommands

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
DAEMON = RunningDaemon(pid=7, started=1.0, owned=True, mode_id="lad_pi")


def says(**fields: Any) -> RuntimeStatus:
    values: dict[str, Any] = {
        "process_running": False,
        "lock": "absent",
        "active_run_count": 0,
        "active_stage": None,
        "active_item_id": None,
        "active_item_kind": None,
        "queue_depths": {"execution": 0},
        "paused": False,
        "pause_sources": "none",
        "stop_requested": False,
        "mode_id": "lad_pi",
        "raw": {},
        "source": "millrace status",
        "observed_at": NOW,
        **fields,
    }
    return RuntimeStatus(**values)


def left(item_id: str, state: ItemState) -> UnfinishedItem:
    return UnfinishedItem(
        item_id=item_id, work_kind="task", state=state, title=item_id, ours=True, path="/p"
    )


def sees(**fields: Any) -> WorkspaceStatus:
    values: dict[str, Any] = {
        "workspace": "/w",
        "commands": MillraceCommands("/w"),
        "initialised": True,
        "status": says(),
        **fields,
    }
    return WorkspaceStatus(**values)


def event(
    kind: RuntimeEventKind, item_id: str | None, minutes: int = 0, **fields: Any
) -> RuntimeEvent:
    at = NOW - timedelta(minutes=minutes)
    return RuntimeEvent(kind=kind, occurred_at=at, item_id=item_id, **fields)


def codes(overview: WorkspaceStatus) -> list[str]:
    return [warning.code for warning in overview.warnings]


def actions(overview: WorkspaceStatus) -> list[str]:
    return [step.action for step in overview.next_steps]


@pytest.mark.parametrize(
    ("overview", "state"),
    [
        (sees(), DaemonState.NONE),
        (sees(status=None), DaemonState.NONE),
        (sees(status=says(lock="stale")), DaemonState.STALE),
        (sees(status=says(stop_requested=True)), DaemonState.STALE),
        (sees(status=says(active_run_count=1)), DaemonState.STALE),
        (sees(status=says(lock="active"), stranded=True), DaemonState.STALE),
        (sees(daemon=DAEMON, status=says(active_run_count=1)), DaemonState.RUNS),
        (
            sees(daemon=RunningDaemon(pid=7, started=1.0, owned=True, booting=True)),
            DaemonState.BOOTS,
        ),
    ],
)
def test_whether_a_daemon_works(overview: WorkspaceStatus, state: DaemonState) -> None:
    assert overview.daemon_state is state
    assert ("stale_state" in codes(overview)) == (state is DaemonState.STALE)


@pytest.mark.parametrize(
    ("daemon", "owner"),
    [
        (None, None),
        (DAEMON, DaemonOwner.MILLRACER),
        (RunningDaemon(pid=7, started=1.0, owned=False, kept=True), DaemonOwner.KEPT),
        (RunningDaemon(pid=7, started=1.0, owned=False), DaemonOwner.OTHER),
    ],
)
def test_whose_the_daemon_is(daemon: RunningDaemon | None, owner: DaemonOwner | None) -> None:
    assert sees(daemon=daemon).owner is owner


def test_a_stage_is_active_since_it_last_began_on_this_item() -> None:
    events = (
        event(RuntimeEventKind.STAGE_STARTED, "t2", 1, stage="builder"),
        event(RuntimeEventKind.STAGE_STARTED, "t1", 2, stage="builder"),
        event(RuntimeEventKind.STAGE_STARTED, "t1", 9, stage="builder"),
        event(RuntimeEventKind.STAGE_STARTED, "t1", 12, stage="checker"),
    )
    status = says(active_stage="builder", active_item_id="t1", active_item_kind="task")

    active = sees(status=status, events=events).active

    assert active is not None
    assert (active.item_id, active.stage, active.since) == (
        "t1",
        "builder",
        NOW - timedelta(minutes=2),
    )
    assert sees(status=status).active is not None
    assert sees().active is None


def test_the_last_end_of_each_item_counts_and_a_continuing_stage_is_none() -> None:
    events = (
        event(
            RuntimeEventKind.OTHER, "t1", 1, item_state=ItemState.DONE, reason="updater_complete"
        ),
        event(RuntimeEventKind.OTHER, "t3", 2),
        event(
            RuntimeEventKind.OTHER,
            "t2",
            3,
            item_state=ItemState.CANCELLED,
            reason="no longer wanted",
        ),
        event(
            RuntimeEventKind.OTHER,
            "t1",
            4,
            item_state=ItemState.BLOCKED,
            reason="consultant_blocked",
        ),
        event(RuntimeEventKind.OTHER, None, 5, item_state=ItemState.DONE),
        *(
            event(RuntimeEventKind.OTHER, f"u{n}", 6 + n, item_state=ItemState.DONE)
            for n in range(RECENT_ENDS)
        ),
    )

    ended = sees(events=events).ended

    assert len(ended) == RECENT_ENDS
    assert [(end.item_id, end.state, end.reason) for end in ended[:3]] == [
        ("t1", ItemState.DONE, None),
        ("t2", ItemState.CANCELLED, "no longer wanted"),
        ("u0", ItemState.DONE, None),
    ]


def test_a_blocked_item_has_the_reason_of_its_last_block_alone() -> None:
    events = (
        event(RuntimeEventKind.OTHER, "t1", 1, item_state=ItemState.DONE),
        event(
            RuntimeEventKind.OTHER,
            "t1",
            2,
            item_state=ItemState.BLOCKED,
            reason="late",
            failure_class="why",
        ),
        event(RuntimeEventKind.OTHER, "t1", 3, item_state=ItemState.BLOCKED, reason="early"),
    )
    overview = sees(
        events=events, left=(left("t2", ItemState.QUEUED), left("t1", ItemState.BLOCKED))
    )

    assert [each.reason for each in overview.unfinished] == [None, "late: why"]


def test_work_without_a_worker_is_reported_with_the_command_that_does_it() -> None:
    waiting = sees(left=(left("t1", ItemState.QUEUED),))

    assert codes(waiting) == ["nobody_works"]
    assert [step.command for step in waiting.next_steps] == ["millracer watch t1 --workspace /w"]
    assert codes(sees(left=waiting.left, daemon=DAEMON)) == []


def test_paused_blocked_or_stopping_work_is_reported_with_what_to_do() -> None:
    overview = sees(
        daemon=DAEMON,
        status=says(paused=True, pause_sources="operator", stop_requested=True),
        left=(left("t1", ItemState.BLOCKED),),
    )

    assert codes(overview) == ["paused", "stop_requested", "blocked"]
    assert actions(overview) == ["resume", "retry", "cancel"]


def test_in_a_new_workspace_only_the_first_step_is_reported() -> None:
    overview = sees(initialised=False, status=None)

    assert actions(overview) == ["submit"]
    assert codes(overview) == []


def test_only_printed_values_make_two_readings_differ() -> None:
    later = says(observed_at=NOW + timedelta(seconds=1), raw={"clock": 1})

    assert sees().is_same_status(sees(status=later))
    assert not sees().is_same_status(sees(status=says(paused=True)))
    assert not sees().is_same_status(sees(daemon=DAEMON))
    assert not sees().is_same_status(sees(watched=True))
    assert not sees().is_same_status(sees(left=(left("t1", ItemState.QUEUED),)))


def test_the_words_are_the_published_ones() -> None:
    assert [str(each) for each in DaemonState] == ["runs", "boots", "stale", "none"]
    assert [str(each) for each in DaemonOwner] == ["millracer", "kept", "other"]


def test_a_stage_is_not_since_the_begin_of_another() -> None:
    began = (
        event(RuntimeEventKind.STAGE_ENDED, "t1", 1, stage="builder"),
        event(RuntimeEventKind.STAGE_STARTED, "t1", 2, stage="checker"),
        event(RuntimeEventKind.STAGE_STARTED, "t2", 3, stage="builder"),
    )
    builder = says(active_stage="builder", active_item_id="t1")

    active = sees(status=builder, events=began).active
    assert active is not None
    assert active.since is None
    own = event(RuntimeEventKind.STAGE_STARTED, None, 4, stage="builder")
    active = sees(status=builder, events=(*began, own)).active
    assert active is not None
    assert active.since == own.occurred_at


def test_a_stage_without_an_item_is_work_and_so_is_an_item_between_two_stages() -> None:
    assert sees(status=says(active_stage="arbiter")).active is not None
    assert sees(status=says(active_item_id="t1")).active is not None
    assert sees(status=None).active is None


def test_a_blocked_item_without_a_record_has_no_reason() -> None:
    blocked = (left("t1", ItemState.BLOCKED),)
    events = (
        event(RuntimeEventKind.OTHER, "t2", 1, item_state=ItemState.BLOCKED, reason="another's"),
        event(RuntimeEventKind.OTHER, "t1", 2, item_state=ItemState.BLOCKED),
    )

    assert [each.reason for each in sees(left=blocked, events=events).unfinished] == [None]
    assert sees(events=(event(RuntimeEventKind.OTHER, "t1"),)).ended == ()


def test_each_warning_says_what_it_is_in_words() -> None:
    asked = says(stop_requested=True, paused=True, pause_sources="operator", lock="stale")
    blocked = (left("t1", ItemState.BLOCKED), left("t2", ItemState.QUEUED))

    _left, paused, stuck, _waiting = sees(status=asked, left=blocked).warnings

    assert "operator" in paused.text
    assert stuck.text.startswith("1 ")
    assert len(sees(status=asked, daemon=DAEMON).warnings) == 2


def test_each_next_step_is_the_command_that_does_it() -> None:
    paused = sees(
        status=says(paused=True),
        commands=MillraceCommands("/w", "/opt/millrace", "/opt/millrace"),
        left=(left("t1", ItemState.BLOCKED), left("t2", ItemState.QUEUED)),
    )
    other = "--workspace /w --millrace-command /opt/millrace"

    assert [step.command for step in paused.next_steps] == [
        f"millracer resume {other}",
        f"millracer watch t2 {other}",
        f"millracer retry t1 {other}",
        f"millracer cancel t1 {other}",
    ]
    assert actions(paused) == ["resume", "work", "retry", "cancel"]
    assert [step.command for step in sees(initialised=False, status=None).next_steps] == [
        "millracer submit 'what is to be done' --workspace /w"
    ]
    assert actions(sees()) == actions(sees(status=None)) == []
    assert actions(sees(daemon=DAEMON, left=(left("t2", ItemState.QUEUED),))) == []


@pytest.mark.parametrize("initialised", [False, True])
@pytest.mark.parametrize("code", ["millrace_not_found", "millrace_unsupported"])
def test_without_a_usable_millrace_the_next_step_is_setup(code: str, *, initialised: bool) -> None:
    overview = sees(initialised=initialised, status=None, errors=(ErrorRecord(code, "m"),))

    assert [(step.action, step.command) for step in overview.next_steps] == [
        ("install", "millracer setup")
    ]


def test_every_printed_value_makes_two_readings_differ() -> None:
    ended = (event(RuntimeEventKind.OTHER, "t1", 1, item_state=ItemState.DONE),)
    began = (event(RuntimeEventKind.STAGE_STARTED, "t1", 1, stage="builder"),)
    working = says(active_stage="builder", active_item_id="t1")

    assert not sees().is_same_status(sees(initialised=False))
    assert not sees().is_same_status(sees(events=ended))
    assert not sees().is_same_status(sees(errors=(ErrorRecord("c", "m"),)))
    assert not sees(status=working).is_same_status(sees(status=working, events=began))


def test_five_ends_are_reported() -> None:
    assert RECENT_ENDS == 5


def test_a_daemon_that_may_be_dead_is_warned_of_and_one_that_lives_is_not() -> None:
    unseen = OutOfSight(host="gone", since=NOW, lock_file="/w/lock.json", is_alive=False)
    daemon = RunningDaemon(pid=7, started=1.0, owned=False, out_of_sight=unseen)
    living = replace(daemon, out_of_sight=replace(unseen, is_alive=True))

    assert codes(sees(daemon=daemon)) == ["daemon_unseen"]
    assert codes(sees(daemon=living)) == []
