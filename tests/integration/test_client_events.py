"""The events of `Client.watch` and `Client.run_events`: typed frames, one result, a clean end."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import pytest

from millracer import (
    Cancellation,
    CancelReason,
    Client,
    EventFrame,
    EventType,
    FrameType,
    InvalidRequest,
    ItemState,
    Outcome,
    RunEvents,
    Severity,
    UsageError,
)
from millracer.api import run_events
from millracer.schemas.base import redacted
from millracer.testing import (
    ScriptedAgent,
    ScriptedBackend,
    client,
    item_ends,
    stage_runs,
    time_runs_out,
)
from millracer.testing.steps import Step

_ENDS = (stage_runs("builder"), stage_runs("updater"), item_ends())
_STAYS = (stage_runs("builder"), time_runs_out())
_LIMIT_SECONDS = 30


@contextmanager
def holding(*steps: Step) -> Iterator[tuple[Client, ScriptedBackend]]:
    """Yield a client whose Millrace holds the item `item`, and shows these steps of it."""
    backend = ScriptedBackend()
    backend.holds("item", ItemState.QUEUED)
    backend.will_show(*steps)
    with client(backend=backend, route="millrace", intake="task", finalizer="summary") as scripted:
        yield scripted, backend


def types(events: Sequence[EventFrame]) -> list[str]:
    return [event.event_type for event in events]


def stored(events: Sequence[EventFrame]) -> list[EventFrame]:
    return [event for event in events if event.cursor is not None]


def until_stage(events: RunEvents) -> EventFrame:
    """Leave the loop at the first stage."""
    for event in events:
        if event.event_type == EventType.STAGE_STARTED:
            return event
    raise AssertionError("no stage started")


def threads() -> set[str]:
    return {each.name for each in threading.enumerate()} & {"run", "event stream", "event log"}


def test_a_watch_yields_every_event_and_then_its_result() -> None:
    with holding(*_ENDS) as (scripted, _):
        events = scripted.watch("item")
        found = list(events)
        result = events.result()

    assert all(type(event) is EventFrame for event in found)
    assert types(found)[0] == FrameType.STREAM_OPENED
    assert types(found).index(FrameType.RESULT) == len(found) - 1
    assert [event.cursor for event in stored(found)] == [event.event_id for event in stored(found)]
    assert [event.sequence for event in stored(found)] == list(range(len(stored(found))))
    assert types(stored(found))[-1] == EventType.ATTEMPT_ENDED
    assert {event.request_id for event in found} == {result.request_id}
    assert found[-1].payload == result.model_dump(mode="json")
    assert found[-1].severity is Severity.INFO
    assert (result.outcome, result.scoped_completion) == (Outcome.COMPLETED, True)
    assert threads() == set()


def test_a_cursor_continues_the_events() -> None:
    with holding(*_ENDS) as (scripted, _):
        story = stored(list(scripted.watch("item")))
        rest = list(scripted.watch("item", after=story[2].cursor))
        reset = list(scripted.watch("item", after="00000000-2"))

    assert [event.cursor for event in stored(rest)] == [event.cursor for event in story[3:]]
    assert types(reset)[1] == FrameType.STREAM_RESET
    assert len(stored(reset)) == len(story)


def test_a_text_that_is_not_a_cursor_is_refused_before_anything_starts() -> None:
    with holding() as (scripted, backend):
        with pytest.raises(InvalidRequest) as refused:
            scripted.watch("item", after="17")
        with pytest.raises(InvalidRequest):
            scripted.run_events("a task", after="17")

    assert refused.value.field == "after"
    assert backend.calls == []


def test_nothing_starts_without_a_loop_and_without_the_result() -> None:
    with holding() as (scripted, backend):
        scripted.watch("item")
        unused = scripted.run_events("Fix it")
        unused.close()
        with pytest.raises(UsageError):
            unused.result()

    assert (backend.calls, backend.enqueued) == ([], [])


def test_a_task_run_yields_its_events() -> None:
    with holding(*_ENDS) as (scripted, backend):
        events = scripted.run_events("Fix it", request_id="mine")
        found = list(events)

    assert {event.request_id for event in found} == {"mine"}
    assert EventType.ITEM_ENQUEUED in types(found)
    assert events.result().scoped_completion
    assert len(backend.enqueued) == 1


def test_a_direct_task_yields_pis_text_without_cursors() -> None:
    with client(ScriptedAgent("an answer"), route="direct") as scripted:
        events = scripted.run_events("a question")
        found = list(events)

    assert stored(found) == []
    assert types(found)[-1] == FrameType.RESULT
    assert events.result().output == "an answer"


def _break(events: RunEvents, _scripted: Client) -> None:
    until_stage(events)


def _raise(events: RunEvents, _scripted: Client) -> None:
    def fail() -> None:
        for event in events:
            if event.event_type == EventType.STAGE_STARTED:
                raise KeyError("the program's own")

    with pytest.raises(KeyError):
        fail()


def _close_events(events: RunEvents, _scripted: Client) -> None:
    with events:
        frames = iter(events)
        assert next(frames).event_type == FrameType.STREAM_OPENED
    assert list(frames) == []


def _close_client(events: RunEvents, scripted: Client) -> None:
    frames = iter(events)
    assert next(frames).event_type == FrameType.STREAM_OPENED
    scripted.close()
    assert list(frames) == []


@pytest.mark.parametrize("leave", [_break, _raise, _close_events, _close_client])
def test_leaving_the_loop_cancels_the_run_and_leaves_the_item(
    leave: Callable[[RunEvents, Client], None],
) -> None:
    with holding(*_STAYS) as (scripted, backend):
        events = scripted.watch("item")
        leave(events, scripted)

        assert events.result().outcome is Outcome.CANCELLED
        assert threads() == set()
        assert backend.watchers == 0
        assert backend.items["item"].state.is_live


def test_a_watch_continues_after_an_event_of_the_one_before() -> None:
    with holding(*_STAYS) as (scripted, backend):
        last = until_stage(scripted.watch("item"))
        backend.will_show(stage_runs("updater"), item_ends())
        events = scripted.watch("item", after=last.cursor)
        rest = stored(list(events))

    assert rest[0].sequence == last.sequence + 1
    assert EventType.ATTEMPT_STARTED in types(rest)
    assert events.result().scoped_completion


def test_the_callers_cancellation_ends_the_loop_with_its_result() -> None:
    cancellation = Cancellation()
    with holding(*_STAYS) as (scripted, _):
        events = scripted.watch("item", cancellation=cancellation)
        for event in events:
            if event.event_type == EventType.STAGE_STARTED:
                cancellation.cancel(CancelReason.INTERRUPTED)

    assert event.event_type == FrameType.RESULT
    assert events.result().outcome is Outcome.CANCELLED


def test_leaving_the_loop_does_not_cancel_the_callers_other_calls() -> None:
    cancellation = Cancellation()
    with holding(*_STAYS) as (scripted, _):
        until_stage(scripted.watch("item", cancellation=cancellation))

    assert cancellation.reason is None


def test_events_are_yielded_once() -> None:
    with holding(*_ENDS) as (scripted, _):
        events = scripted.watch("item")
        list(events)
        with pytest.raises(UsageError):
            next(iter(events))
        unread = scripted.watch("item")
        unread.result()
        with pytest.raises(UsageError):
            next(iter(unread))


def test_a_closed_client_starts_no_loop() -> None:
    with holding() as (scripted, backend):
        events = scripted.watch("item")
    with pytest.raises(UsageError):
        next(iter(events))
    with pytest.raises(UsageError):
        events.result()

    assert backend.calls == []


def test_the_result_can_be_requested_during_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_events, "_WAITING", 1)
    with holding(*_ENDS) as (scripted, _):
        events = scripted.watch("item")
        frames = iter(events)
        first = next(frames)
        result = events.result()
        found = [first, *frames]

    assert [event.sequence for event in stored(found)] == list(range(len(stored(found))))
    assert found[-1].payload == result.model_dump(mode="json")


def test_a_slow_loop_misses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_events, "_WAITING", 1)
    with holding(*_ENDS) as (scripted, _):
        found = list(scripted.watch("item"))

    assert [event.sequence for event in stored(found)] == list(range(len(stored(found))))
    assert types(found)[-1] == FrameType.RESULT


def test_a_bug_is_raised_in_the_loop_and_by_the_result(monkeypatch: pytest.MonkeyPatch) -> None:
    def bug(*_: object) -> None:
        raise RuntimeError("a bug")

    with holding() as (scripted, backend):
        monkeypatch.setattr(backend, "check_supported", bug)
        events = scripted.watch("item")
        with pytest.raises(RuntimeError, match="a bug"):
            list(events)
        with pytest.raises(RuntimeError, match="a bug"):
            events.result()

    assert threads() == set()


def test_events_contain_no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    key = "sk-live-0123456789abcdefABCDEF"
    monkeypatch.setenv("SHOP_API_KEY", key)
    with client(ScriptedAgent(f"the key is {key}"), route="direct") as scripted:
        found = list(scripted.run_events("a question"))

    assert not any(key in event.model_dump_json() for event in found)
    assert found == [redacted(event) for event in found]


def test_an_interrupted_wait_for_the_result_ends_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    awaits = RunEvents._await_end

    def interrupted(_self: RunEvents) -> None:
        monkeypatch.setattr(RunEvents, "_await_end", awaits)
        raise KeyboardInterrupt

    with holding(*_STAYS) as (scripted, backend):
        events = scripted.watch("item")
        frames = iter(events)
        next(frames)
        monkeypatch.setattr(RunEvents, "_await_end", interrupted)
        with pytest.raises(KeyboardInterrupt):
            events.result()

        assert list(frames) == []
        assert backend.watchers == 0
        assert threads() == set()


@pytest.mark.parametrize("task", ["", " ", 5, None])
def test_a_task_that_is_not_a_text_is_wrong_use(task: object) -> None:
    with holding() as (scripted, backend), pytest.raises(UsageError):
        scripted.run(task)

    assert backend.calls == []
