from datetime import UTC, datetime

import pytest

from millracer.cancellation import Cancellation, Wait
from millracer.domain.requests import IntakeKind, RunRequest
from millracer.domain.run import conclusion
from millracer.domain.run.ending import Ending
from millracer.domain.run.lifecycle import RunEvent, Step
from millracer.domain.work.items import ItemState, WorkItem
from millracer.domain.work.runtime import RuntimeEvent, RuntimeEventKind
from millracer.errors import MillracerError, ToolFailed, ToolTimeout
from millracer.run import watch
from millracer.run.context import RunContext
from millracer.run.progress import Progress
from millracer.run.watch import Watch
from millracer.testing.backend import ScriptedBackend
from millracer.testing.clock import FrozenClock
from millracer.testing.steps import Step as Shown
from millracer.testing.steps import (
    daemon_dies,
    due_poll,
    item_ends,
    item_goes,
    nothing_new,
    stage_ends,
    stage_runs,
    then,
    workspace_paused,
)

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
ITEM = "one"
STOPPED = RuntimeEvent(kind=RuntimeEventKind.DAEMON_STOPPED, occurred_at=NOW)


class Watched:
    """One queued task under a daemon, watched by a run."""

    def __init__(self, *steps: Shown, kind: IntakeKind = IntakeKind.TASK) -> None:
        self.millrace = ScriptedBackend()
        self.millrace.has_daemon(owned=True)
        self.millrace.holds(ITEM, ItemState.QUEUED, kind=kind)
        self.millrace.will_show(*steps)
        self.record = RunContext(
            request=RunRequest(task="t", request_id="r"),
            cancellation=Cancellation(),
            item=WorkItem(item_id=ITEM, request_hash="", named=True),
            item_status=self.millrace.look_up(ITEM, wait()),
            lease=self.millrace.supervisor.lease(wait()),
        )
        self.millrace.calls.clear()
        progress = Progress(self.record, "/w", FrozenClock(), ())
        self.watch = Watch(self.record, self.millrace, progress)

    def follow(self, seconds: float = 30) -> Step:
        step = self.watch.follow(Wait.for_seconds(seconds))
        assert self.millrace.unused_steps == 0
        return step

    @property
    def questions(self) -> list[str]:
        """The calls that may start a program, in order."""
        reads = {"next_hints", "recent_events", "list_unfinished"}
        return [call for call in self.millrace.calls if call not in reads]

    def end(self) -> None:
        item = self.millrace.items[ITEM]
        item.state, item.proven = ItemState.DONE, True

    def begin_again(self) -> None:
        item = self.millrace.items[ITEM]
        item.state, item.proven = ItemState.ACTIVE, False

    @property
    def reported(self) -> list[str]:
        return [event.kind for event in self.record.progress if event.is_listed]


def wait() -> Wait:
    return Wait.for_seconds(30)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "_READ_AGAIN_SECONDS", 0.25)
    monkeypatch.setattr(conclusion, "PATIENCE", 2)


def test_a_watch_needs_a_lease() -> None:
    watched = Watched()
    watched.record.lease = None

    with pytest.raises(MillracerError):
        watched.follow()


def test_hints_without_news_start_no_question() -> None:
    watched = Watched(nothing_new(), nothing_new(), item_ends())

    assert watched.follow().event is RunEvent.WATCH_ENDED
    assert watched.questions == ["look_up"]


def test_a_runtime_that_may_be_paused_is_asked_for_its_status_at_once() -> None:
    watched = Watched(item_ends())
    watched.millrace.paused = True

    watched.follow()

    assert watched.questions == [
        "read_status",
        "look_up",
    ]


def test_the_safety_interval_asks_for_the_item_and_the_status() -> None:
    watched = Watched(due_poll(), item_ends())

    watched.follow()

    assert watched.questions == [
        "look_up",
        "read_status",
        "look_up",
    ]


def test_the_progress_has_the_tokens_of_the_ended_stages() -> None:
    watched = Watched(
        stage_runs("builder"), stage_ends("builder"), stage_runs("checker"), item_ends()
    )

    watched.follow()

    stages = [event for event in watched.record.progress if event.stage is not None]
    assert [event.payload["tokens"] for event in stages if event.reason.endswith("began")][:2] == [
        None,
        12,
    ]


def test_a_day_of_silence_under_a_living_daemon_is_not_a_hang() -> None:
    watched = Watched(*(due_poll() for _ in range(24 * 60)), item_ends())

    assert watched.follow().event is RunEvent.WATCH_ENDED
    assert watched.reported == []


def test_a_pause_is_reported_once_each_time_it_begins() -> None:
    watched = Watched(due_poll(), Shown(paused=False), workspace_paused(), due_poll(), item_ends())
    watched.millrace.paused = True

    watched.follow()

    assert watched.reported == ["paused", "paused"]
    pauses = [event.type for event in watched.record.progress if "runtime." in event.type]
    assert pauses == ["runtime.paused", "runtime.resumed", "runtime.paused"]


def test_a_stop_seen_long_before_the_daemon_went_is_not_a_crash() -> None:
    watched = Watched(Shown(events=(STOPPED,)), nothing_new(), daemon_dies())

    step = watched.follow()

    assert (step.event, step.ending) == (RunEvent.WATCH_ENDED, Ending.STOPPED)


@pytest.mark.parametrize(("state", "active"), [(ItemState.ACTIVE, True), (ItemState.QUEUED, False)])
def test_a_daemon_lost_says_whether_the_item_was_being_worked_on(
    state: ItemState, *, active: bool
) -> None:
    watched = Watched(item_goes(state), daemon_dies())

    step = watched.follow()

    assert step.event is RunEvent.DAEMON_LOST
    assert step.ending is (Ending.CRASHED if active else Ending.RESTART_NEEDED)


@pytest.mark.usefixtures("impatient")
def test_questions_that_fail_now_and_then_end_no_watch() -> None:
    watched = Watched(due_poll(), nothing_new(), due_poll(), nothing_new(), item_ends())
    error = ToolFailed("millrace", "moved meanwhile")
    for _ in range(2):
        watched.millrace.will_fail("look_up", error)
        watched.millrace.will_do("look_up", lambda: None)

    step = watched.follow()

    assert (step.event, step.ending) == (RunEvent.WATCH_ENDED, Ending.ITEM_ENDED)


@pytest.mark.usefixtures("impatient")
def test_questions_that_keep_failing_end_it_with_their_error() -> None:
    watched = Watched(due_poll(), nothing_new())
    for _ in range(2):
        watched.millrace.will_fail("look_up", ToolFailed("millrace", "broken"))

    with pytest.raises(ToolFailed, match="broken"):
        watched.follow()


@pytest.mark.usefixtures("impatient")
def test_an_item_that_is_back_at_the_next_reading_has_not_vanished() -> None:
    watched = Watched()
    held = watched.millrace.items[ITEM]
    watched.millrace.will_show(
        then(watched.millrace.items.clear),
        then(lambda: watched.millrace.items.update({ITEM: held})),
        then(watched.millrace.items.clear),
        then(lambda: watched.millrace.items.update({ITEM: held})),
        item_ends(),
    )

    assert watched.follow().ending is Ending.ITEM_ENDED


def test_a_question_out_of_time_while_time_is_left_is_an_error() -> None:
    watched = Watched(due_poll())
    watched.millrace.will_fail("look_up", ToolTimeout("millrace", "slow"))

    with pytest.raises(ToolTimeout):
        watched.follow()


def test_a_question_cut_short_by_the_limit_is_the_limit() -> None:
    watched = Watched(Shown(until_deadline=True))
    watched.millrace.will_fail("look_up", ToolTimeout("millrace", "slow"))

    step = watched.follow(0.3)

    assert (step.event, step.ending) == (RunEvent.TIMED_OUT, Ending.TIMED_OUT)
    assert "7200 s" in step.reason


@pytest.mark.usefixtures("impatient")
def test_a_first_question_that_fails_is_put_again() -> None:
    watched = Watched(nothing_new(), item_ends())
    watched.millrace.will_fail("read_status", ToolFailed("millrace", "moved meanwhile"))

    assert watched.follow().ending is Ending.ITEM_ENDED


def test_what_came_out_of_the_item_counts_as_being_worked_on() -> None:
    watched = Watched(item_goes(ItemState.DONE), daemon_dies(), kind=IntakeKind.PROBE)
    watched.millrace.derives(ITEM, "two", ItemState.ACTIVE)

    step = watched.follow()

    assert (step.event, step.ending) == (RunEvent.DAEMON_LOST, Ending.CRASHED)
    assert [member.item_id for member in watched.record.lineage] == [ITEM, "two"]


def test_a_lineage_that_is_blocked_for_a_moment_only_is_watched_on() -> None:
    watched = Watched(
        item_goes(ItemState.DONE),
        nothing_new(),
        then(lambda: setattr(derived, "state", ItemState.QUEUED)),
        daemon_dies(),
        kind=IntakeKind.PROBE,
    )
    derived = watched.millrace.derives(ITEM, "two", ItemState.BLOCKED)

    assert watched.follow().event is RunEvent.DAEMON_LOST


def test_a_lineage_that_stays_blocked_ends_the_watch() -> None:
    watched = Watched(
        item_goes(ItemState.DONE), *[nothing_new() for _ in range(4)], kind=IntakeKind.PROBE
    )
    watched.millrace.derives(ITEM, "two", ItemState.BLOCKED)

    step = watched.follow()

    assert (step.event, step.ending) == (RunEvent.WATCH_ENDED, Ending.BLOCKED)


def test_an_item_that_ended_between_the_question_and_the_reading_of_its_files_is_read_again() -> (
    None
):
    watched = Watched(item_goes(ItemState.ACTIVE), kind=IntakeKind.PROBE)
    watched.millrace.will_do("look_up", watched.end, after=True)

    assert watched.follow().ending is Ending.ITEM_ENDED
    assert watched.record.known_status.state is ItemState.DONE


def test_an_item_that_millrace_calls_live_although_its_files_say_it_ended_is_not_over_at_once(
    impatient: None,
) -> None:
    del impatient
    watched = Watched(item_goes(ItemState.ACTIVE), nothing_new(), kind=IntakeKind.PROBE)
    for _ in range(2):
        watched.millrace.will_do("look_up", watched.end, after=True)
        watched.millrace.will_do("look_up", watched.begin_again)

    assert watched.follow().ending is Ending.AT_REST
    assert watched.millrace.calls.count("look_up") == 4


def test_an_item_that_vanished_between_the_question_and_the_reading_is_looked_for_again() -> None:
    watched = Watched(item_goes(ItemState.ACTIVE), nothing_new(), kind=IntakeKind.PROBE)
    item = watched.millrace.items[ITEM]
    watched.millrace.will_do("look_up", watched.end, after=True)
    watched.millrace.will_do("look_up", watched.millrace.items.clear)
    watched.millrace.will_do("look_up", lambda: watched.millrace.items.update({ITEM: item}))

    assert watched.follow().ending is Ending.ITEM_ENDED
