"""The consumers of a run's events: frames, and what a person sees. All receive the same events."""

from __future__ import annotations

import errno
import json
import threading

import pytest

from millracer.cancellation import Cancellation
from millracer.domain.event_log import Event, EventType
from millracer.domain.run.outcome import Outcome
from millracer.domain.run.progress import ProgressEvent
from millracer.domain.run.result import RunResult
from millracer.event_log.logs import FileEventLogs
from millracer.event_log.writer import FileLogWriter
from millracer.operations.stream.frames import Frames
from millracer.operations.stream.reader import RunStream
from millracer.operations.stream.story import ItemStory
from millracer.ports.event_log import LogRole
from millracer.run.orchestrator import Orchestrator
from millracer.schemas.ops.frame import EventFrame
from millracer.schemas.run.result import describe, render_result
from millracer.testing.agent import ScriptedAgent
from millracer.testing.backend import ScriptedBackend
from millracer.testing.clock import FrozenClock
from millracer.testing.steps import Step, then
from tests.integration.event_log.test_runs import (
    DONE,
    REQUEST,
    document,
    ending,
    held,
    run_alone,
    story,
)
from tests.support.event_logs import AT, news, opened

STAGES = frozenset({EventType.STAGE_STARTED, EventType.STAGE_ENDED})


class Streamed:
    """A run with the consumers of its events."""

    def __init__(self, logs: FileEventLogs) -> None:
        self.logs = logs
        self.events: list[ProgressEvent] = []
        self.shown: list[Event] = []
        self.frames: list[EventFrame] = []
        self.story = ItemStory(self.shown.append)
        self._frames = Frames("r", self.frames.append, FrozenClock())
        self._stream = RunStream(self._frames, is_wanted=lambda: True, unwanted=lambda: None)

    def run(self, *steps: Step) -> RunResult:
        millrace = ScriptedBackend()
        millrace.will_show(*steps)
        orchestrator = Orchestrator(
            millrace=millrace,
            pi=ScriptedAgent(),
            clock=FrozenClock(),
            unique=lambda: "u",
            listeners=(self.events.append, self.story.listen, self._stream.listen),
            on_log=self._opened,
            logs=self.logs,
            render=render_result,
        )
        self._stream.start()
        try:
            with self.story:
                result = orchestrator.run(REQUEST, Cancellation())
        finally:
            self._stream.end()
        self._frames.result(describe(result))
        return result

    def _opened(self, *opened: object) -> None:
        self.story.log_opened(*opened)  # type: ignore[arg-type] # a listener's arguments
        self._stream.log_opened(*opened)

    def stages_in(self, events: list[Event] | list[ProgressEvent]) -> list[tuple[str, object]]:
        return [(each.type, each.payload["stage"]) for each in events if each.type in STAGES]


def test_every_consumer_receives_the_events_that_the_writer_stores(logs: FileEventLogs) -> None:
    streamed = Streamed(logs)
    streamed.run(*DONE)

    stored = {(each.type, each.at, each.message): dict(each.payload) for each in story(logs)}
    framed = {(each.event_type, each.message) for each in streamed.frames}
    for event in streamed.events:
        assert stored[event.type, event.at, event.message] == {"attempt": 1, **event.payload}
        assert (event.type, event.message) in framed
    assert streamed.shown == streamed.events


def test_the_decision_and_the_daemon_are_events(logs: FileEventLogs) -> None:
    Streamed(logs).run(*DONE)

    of_type = {event.type: event.payload for event in story(logs)}
    assert of_type[EventType.DECISION_MADE]["route"] == "millrace"
    assert of_type[EventType.DECISION_MADE]["why"]
    assert of_type[EventType.RUNTIME_STARTED]["how"] == "started"
    assert isinstance(of_type[EventType.RUNTIME_STARTED]["pid"], int)


@pytest.mark.parametrize("fails_at", [0, 4])
def test_a_stream_continues_without_cursors_when_the_log_cannot_be_written(
    logs: FileEventLogs, monkeypatch: pytest.MonkeyPatch, fails_at: int
) -> None:
    written: list[object] = []
    real = FileLogWriter.append

    def full(self: FileLogWriter, event: Event) -> object:
        written.append(event)
        if len(written) > fails_at:
            raise OSError(errno.ENOSPC, "no space")
        return real(self, event)

    monkeypatch.setattr(FileLogWriter, "append", full)
    streamed = Streamed(logs)
    streamed.run(*DONE)

    stages = [each for each in streamed.frames if each.event_type in STAGES]
    assert [each.payload["stage"] for each in stages] == ["builder", "builder", "updater"]
    assert all(each.cursor is None for each in stages)
    assert streamed.stages_in(streamed.shown) == streamed.stages_in(streamed.events)


def test_a_follower_shows_the_events_of_the_writer(logs: FileEventLogs) -> None:
    streamed = Streamed(logs)
    item_id = str(json.loads(document())["work_item_id"])
    seen = threading.Event()

    def show(event: Event) -> None:
        streamed.shown.append(event)
        if event.message == "the writer's":
            seen.set()

    streamed.story = ItemStory(show)
    earlier = opened(logs, item_id)
    earlier.append(news("of an attempt before", stage="recon"))
    earlier.close()
    with held(logs, item_id) as writer:
        writer.append(news("before the follower came", stage="builder"))

        def work() -> None:
            writer.append(news("the writer's", stage="checker"))
            assert seen.wait(30)

        streamed.run(*DONE[:-1], then(work), then(ending(writer, document())), DONE[-1])

    messages = [event.message for event in streamed.shown]
    assert "of an attempt before" not in messages
    assert messages.index("before the follower came") < messages.index("the writer's")
    assert streamed.stages_in(streamed.shown) == [
        (EventType.STAGE_STARTED, "builder"),
        (EventType.STAGE_STARTED, "checker"),
    ]


def test_a_reader_of_the_log_ends_with_the_run_that_follows(logs: FileEventLogs) -> None:
    shown: list[Event] = []
    with ItemStory(shown.append) as follower:
        writer = opened(logs)
        follower.log_opened(logs, "fix-it-1", LogRole.FOLLOWER)
        writer.append(news("last"))
        writer.close()
    own = Event(type=EventType.WARNING, at=AT, message="own")
    follower.listen(own)

    assert [event.message for event in shown][-2:] == ["last", "own"]


@pytest.mark.parametrize(
    ("outcome", "severity"),
    [
        (Outcome.COMPLETED, "info"),
        (Outcome.BLOCKED, "warning"),
        (Outcome.INCOMPLETE, "warning"),
        (Outcome.TIMED_OUT, "warning"),
        (Outcome.CANCELLED, "warning"),
        (Outcome.CRASHED, "error"),
        (Outcome.FAILED, "error"),
    ],
)
def test_the_last_frame_is_as_severe_as_the_outcome(outcome: Outcome, severity: str) -> None:
    emitted: list[EventFrame] = []
    result = describe(run_alone()).model_copy(update={"outcome": outcome})
    Frames("r", emitted.append, FrozenClock()).result(result)

    assert emitted[-1].severity == severity
